"""What is asked of one relay: which subscriptions are open, wait or were refused. Sans-I/O.

A relay that allows only so many subscriptions gets no more; the others wait for their turn. One
place is kept free for the pages of the past, which come under an id of their own while new events
go on coming under that of the subscription. Ids have a few characters, which no relay finds long.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import msgspec

from tui.config import limits
from tui.nostr.event import Event
from tui.nostr.filter import Filter
from tui.nostr.history import History, filters_after_gap, pages_after_gap
from tui.nostr.information import Limitation
from tui.nostr.messages import encode_close, encode_req

State = Literal["waiting", "asked", "refused"]

_PAGE = "p"  # ends the id under which the pages of a subscription are asked for


class Request:
    """One subscription at one relay."""

    def __init__(self, id_: str, filters: Sequence[Filter], page: bool) -> None:
        self.id = id_
        self.filters = filters
        self.page = page
        self.complete_until: float | None = None  # seconds; everything up to then has come
        self.refusals = 0  # since something was answered
        self.begin()

    def begin(self) -> None:
        """Start anew: nothing is open."""
        self.state: State = "waiting"
        self.live = False  # stored events are through, new ones come as they appear
        self.reason = ""  # why the last question was refused
        self.history: History | None = None  # the pages that are still to come
        self.next_page: list[Filter] = []
        self.page_state: State | None = None  # of the next page

    def question(self) -> Sequence[Filter]:
        """What to ask for first on a connection."""
        if self.complete_until is None:
            return self.filters
        after_gap = pages_after_gap if self.page else filters_after_gap
        return after_gap(self.filters, self.complete_until)

    @property
    def open(self) -> int:
        """How many subscriptions this is for the relay."""
        return (self.state == "asked") + (self.page_state == "asked")


class Requests:
    """The subscriptions of one relay; `send` takes messages for it.

    `too_long` hears of those that the relay would not read, which are refused unasked.
    """

    def __init__(self, send: Callable[[str], None], too_long: Callable[[Request], None]) -> None:
        self._send = send
        self._too_long = too_long
        self._rules = Limitation()
        self._requests: dict[str, Request] = {}
        self._connected = False
        self._most = limits.SUBSCRIPTIONS + 1
        self._least_page = limits.PAGE_LEAST  # events; a smaller answer was not cut

    def __iter__(self) -> Iterator[Request]:
        return iter(self._requests.values())

    def obey(self, rules: Limitation) -> None:
        """Keep to the limits that the relay has stated."""
        self._rules = rules
        self._most = min(rules.max_subscriptions or self._most, limits.SUBSCRIPTIONS + 1)
        caps = [cap for cap in (rules.max_limit, rules.default_limit) if cap is not None]
        self._least_page = min([limits.PAGE_LEAST, *caps])
        self._ask()

    def add(self, id_: str, filters: Sequence[Filter], page: bool = False) -> None:
        """Ask for events now and on each connection to come."""
        self._requests[id_] = Request(id_, filters, page)
        self._ask()

    def remove(self, id_: str) -> None:
        """Ask for these events no longer."""
        if request := self._requests.pop(id_, None):
            self._close(request)
            self._ask()

    def connected(self) -> None:
        """Say on a new connection all that is to be asked."""
        self._connected = True
        self._ask()

    def disconnected(self, heard: float) -> None:
        """The connection is over; the relay was last heard at `heard` (seconds)."""
        self._connected = False
        for request in self:
            self._end(request, heard)
            request.refusals = 0

    def find(self, id_: str) -> Request | None:
        """The open subscription that the id in a message belongs to."""
        request = self._requests.get(id_)
        if request is not None:
            return request if request.state == "asked" else None
        if id_.endswith(_PAGE):
            request = self._requests.get(id_.removesuffix(_PAGE))
            return request if request is not None and request.page_state == "asked" else None
        return None

    def saw(self, request: Request, id_: str, event: Event) -> None:
        """An event of a subscription that is not live yet has come under an id."""
        if request.history is not None and (id_ == request.id) is (request.page_state is None):
            request.history.saw(event)

    def ended(self, request: Request, id_: str) -> bool:
        """All that was asked under an id has been sent; whether this makes the past whole."""
        if request.live or (id_ == request.id) is not (request.page_state is None):
            return False  # said twice
        request.refusals = 0
        if request.history is not None and self._most > 1:
            request.next_page = request.history.next_page(self._least_page)
        else:
            request.next_page = []
        if request.next_page and request.page_state == "asked":  # it goes on in its place
            self._say(self._req(id_, request.next_page))
            return False
        if request.next_page:
            request.page_state = "waiting"
            self._ask()
            return False
        self._complete(request)
        return True

    def refused(self, request: Request, id_: str, reason: str, heard: float) -> None:
        """The relay has ended a subscription, or a page of one."""
        if id_ == request.id:
            request.state = "refused"  # before the page is closed: there is nothing else to close
            self._close(request)
            self._end(request, heard)
            request.state = "refused"
        else:
            request.page_state = "refused"
        request.reason = reason
        request.refusals += 1
        self._ask()

    def give_up(self, request: Request) -> bool:
        """Do not ask again for what was refused; whether that leaves a past as whole as can be."""
        if request.page_state == "refused":
            self._complete(request)
            return True
        return False

    def again(self, id_: str | None = None, prefix: str = "") -> None:
        """Ask once more for what was refused: one subscription, or all with such a reason."""
        for request in self:
            if id_ in (None, request.id) and request.reason.startswith(prefix):
                if request.state == "refused":
                    request.state = "waiting"
                elif request.page_state == "refused":
                    request.page_state = "waiting"
        self._ask()

    def _end(self, request: Request, heard: float) -> None:
        if request.live:
            request.complete_until = heard
        request.begin()

    def _close(self, request: Request) -> None:
        if request.state == "asked":
            self._say(encode_close(request.id))
        if request.page_state == "asked":
            self._say(encode_close(request.id + _PAGE))

    def _complete(self, request: Request) -> None:
        if request.page_state == "asked":
            self._say(encode_close(request.id + _PAGE))
        request.live = True
        request.history, request.page_state, request.next_page = None, None, []
        self._ask()

    def _ask(self) -> None:
        """Ask what waits, as far as the relay allows."""
        if not self._connected:
            return
        free = self._most - sum(request.open for request in self)
        for request in self:
            if request.page_state == "waiting" and free > 0:
                free -= 1
                request.page_state = "asked"
                self._say(self._req(request.id + _PAGE, request.next_page))
        kept_free = min(1, self._most - 1)
        for request in self:
            if request.state == "waiting" and free > kept_free:
                question = request.question()
                message = self._req(request.id, question)
                if self._rules.too_long(message):
                    request.state, request.reason = "refused", "too long"
                    self._too_long(request)
                    continue
                free -= 1
                request.state = "asked"
                request.history = History(question) if request.page else None
                self._say(message)

    def _req(self, id_: str, filters: Sequence[Filter]) -> str:
        most = self._rules.max_limit
        if most is not None:  # some relays refuse a filter that asks for more than they give
            filters = [
                msgspec.structs.replace(each, limit=most) if (each.limit or 0) > most else each
                for each in filters
            ]
        return encode_req(id_, filters)

    def _say(self, message: str) -> None:
        if self._connected:
            self._send(message)
