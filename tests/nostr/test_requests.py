import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tui.nostr.event import Event
from tui.nostr.filter import Filter, check_filter
from tui.nostr.information import Limitation
from tui.nostr.requests import Request, Requests

CAP = 60
STORED = [Event(f"{n:064x}", "ab" * 32, n, 1 + n % 2, (), "", "") for n in range(300)]
FILTERS = [
    [Filter()],
    [Filter(limit=100)],
    [Filter(kinds=(1,)), Filter(kinds=(2,), since=200)],
    [Filter(kinds=(1,)), Filter(since=100)],
    [Filter(ids=(STORED[0].id,))],
]


class Relay:
    """A relay that keeps to its own limit and answers in any order, and what asks it."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.open: dict[str, list[Any]] = {}  # filters by subscription id
        self.owed: list[str] = []  # that have not been answered
        self.connected = True
        self.wanted: dict[str, tuple[list[Filter], bool]] = {}
        self.seen: dict[str, set[str]] = {}
        self.whole: set[str] = set()
        self.disturbed: set[str] = set()  # something came between: less may have come
        self.too_long: list[Request] = []
        self.requests = Requests(self.send, self.too_long.append)
        self.requests.obey(Limitation(max_subscriptions=most))
        self.requests.connected()

    def send(self, message: str) -> None:
        assert self.connected
        match json.loads(message):
            case ["REQ", id_, *filters]:
                self.open[id_] = filters
                self.owed.append(id_)
                assert len(self.open) <= self.most
                assert len(id_) <= 12
            case ["CLOSE", id_]:
                self.close(id_)

    def close(self, id_: str) -> None:
        del self.open[id_]  # nothing is closed that is not open
        if id_ in self.owed:
            self.owed.remove(id_)

    def want(self, number: int) -> None:
        id_ = str(len(self.seen))
        filters, page = FILTERS[number % len(FILTERS)], number % 4 > 0
        self.wanted[id_] = filters, page
        self.seen[id_] = set()
        self.requests.add(id_, filters, page)

    def want_no_longer(self, number: int) -> None:
        if self.wanted:
            id_ = list(self.wanted)[number % len(self.wanted)]
            del self.wanted[id_]
            self.requests.remove(id_)

    def connect_or_lose(self, _number: int) -> None:
        if self.connected:
            self.connected = False
            self.open.clear()
            self.owed.clear()
            self.disturbed |= self.wanted.keys() - self.whole
            self.requests.disconnected(1_000.0)
        else:
            self.connected = True
            self.requests.connected()

    def answer(self, number: int) -> None:
        if not self.owed:
            return
        id_ = self.owed.pop(number % len(self.owed))
        request = self.requests.find(id_)
        assert request is not None
        for event in self.found(self.open[id_]):
            self.seen[request.id].add(event.id)
            if not request.live:
                self.requests.saw(request, id_, event)
        if self.requests.ended(request, id_):
            assert request.live
            self.whole.add(request.id)

    def found(self, filters: list[Any]) -> list[Event]:
        found: dict[str, Event] = {}
        for obj in filters:
            filter_ = check_filter(obj)
            newest = [event for event in reversed(STORED) if filter_.matches(event)]
            found |= {event.id: event for event in newest[: filter_.limit][:CAP]}
        return list(found.values())

    def refuse(self, number: int) -> None:
        if not self.open:
            return
        id_ = list(self.open)[number % len(self.open)]
        self.close(id_)
        request = self.requests.find(id_)
        assert request is not None
        self.requests.refused(request, id_, "error: busy", 1_000.0)
        if number % 2:
            self.requests.again(request.id)
        else:
            self.disturbed.add(request.id)
            if self.requests.give_up(request):
                self.whole.add(request.id)

    def say_nonsense(self, _number: int) -> None:
        for id_ in ("", "p", "x", "99999", "99999p"):
            assert self.requests.find(id_) is None

    def check(self) -> None:
        assert sum(request.open for request in self.requests) == len(self.open)
        assert all(self.requests.find(id_) for id_ in self.open)

    def finish(self) -> None:
        """Answer all, and let go what is whole where others wait for its place."""
        if not self.connected:
            self.connect_or_lose(0)
        self.requests.again()
        while self.owed or self.waiting():
            if self.owed:
                self.answer(0)
            else:
                done = next(iter(self.whole & self.wanted.keys()))
                del self.wanted[done]
                self.requests.remove(done)
            self.check()

    def waiting(self) -> list[Request]:
        return [request for request in self.requests if request.state == "waiting"]


OPERATIONS = st.sampled_from(
    [
        *[Relay.answer] * 5,
        *[Relay.want] * 4,
        *[Relay.want_no_longer, Relay.connect_or_lose, Relay.refuse, Relay.say_nonsense],
    ]
)


@settings(max_examples=300)
@given(st.integers(1, 5), st.lists(st.tuples(OPERATIONS, st.integers(0, 99)), max_size=60))
def test_everybody_gets_all_there_is_and_a_relay_no_more_than_it_allows(
    most: int, operations: list[Any]
) -> None:
    relay = Relay(most)
    for operation, number in operations:
        operation(relay, number)
        relay.check()
    relay.finish()
    assert not relay.too_long
    for id_, (filters, page) in relay.wanted.items():
        if page and most > 1 and id_ not in relay.disturbed:
            everything = {e.id for e in STORED if any(f.matches(e) for f in filters)}
            limit = filters[0].limit
            assert len(relay.seen[id_]) >= (limit or 0)
            assert limit or relay.seen[id_] == everything
