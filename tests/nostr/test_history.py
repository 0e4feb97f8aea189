from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from tui.config import limits
from tui.nostr.event import Event
from tui.nostr.filter import Filter
from tui.nostr.history import History, filters_after_gap, pages_after_gap

OVERLAP = limits.RESUBSCRIBE_OVERLAP


def event(number: int, at: int, kind: int = 1) -> Event:
    return Event(f"{number:064x}", "ab" * 32, at, kind, (), "", "")


class Store:
    """Answers as relays do: each filter's newest, at most `cap` of them."""

    def __init__(self, events: Sequence[Event], cap: int) -> None:
        self.events = sorted(events, key=lambda event: (-event.created_at, event.id))
        self.cap = cap
        self.asked = 0

    def answer(self, filters: Sequence[Filter]) -> dict[str, Event]:
        self.asked += 1
        found: dict[str, Event] = {}
        for filter_ in filters:
            matching = [each for each in self.events if filter_.matches(each)]
            found |= {each.id: each for each in matching[: filter_.limit][: self.cap]}
        return found


def page_through(store: Store, filters: Sequence[Filter], least: int) -> dict[str, Event]:
    history = History(filters)
    found: dict[str, Event] = {}
    page = list(filters)
    while page:
        answer = store.answer(page)
        for each in answer.values():
            history.saw(each)
        found |= answer
        page = history.next_page(least)
    return found


CAP = 5
# At most so many in one second as fit into a page together with one event of another second.
STORES = st.lists(
    st.tuples(st.integers(0, 12), st.sampled_from([1, 2, 3])),
    max_size=60,
    unique_by=lambda pair: pair,
)
FILTERS = st.lists(
    st.builds(
        Filter,
        kinds=st.none() | st.sets(st.sampled_from([1, 2, 3]), min_size=1).map(tuple),
        since=st.none() | st.integers(0, 12),
        until=st.none() | st.integers(0, 12),
    ),
    min_size=1,
    max_size=3,
)


@given(STORES, FILTERS)
def test_all_that_matches_comes_however_it_is_cut(
    stored: list[tuple[int, int]], filters: list[Filter]
) -> None:
    events = [event(number, at, kind) for number, (at, kind) in enumerate(stored)]
    found = page_through(Store(events, CAP), filters, least=CAP)
    expected = {each.id for each in events if any(f.matches(each) for f in filters)}
    assert found.keys() == expected


@given(STORES, st.integers(0, 40))
def test_a_limit_is_reached_and_means_the_newest(stored: list[tuple[int, int]], limit: int) -> None:
    events = [event(number, at, kind) for number, (at, kind) in enumerate(stored)]
    store = Store(events, CAP)
    found = page_through(store, [Filter(limit=limit)], least=CAP)
    newest = store.events[:limit]
    assert {each.id for each in newest} <= found.keys()
    assert len(found) <= limit + CAP


def test_an_answer_that_was_not_cut_is_not_followed_by_a_question() -> None:
    store = Store([event(number, number) for number in range(CAP - 1)], CAP)
    assert len(page_through(store, [Filter(), Filter(kinds=(1,))], least=CAP)) == CAP - 1
    assert store.asked == 1


def test_a_second_that_fills_a_page_is_stepped_over() -> None:
    events = [event(number, 50) for number in range(3 * CAP)]
    events += [event(100, 51), event(101, 49), event(102, 3)]
    found = page_through(Store(events, CAP), [Filter()], least=CAP)
    assert {event(100, 51).id, event(101, 49).id, event(102, 3).id} <= found.keys()
    assert len(found) >= CAP + 2


def test_a_relay_that_does_not_heed_until_is_not_asked_for_ever() -> None:
    store = Store([event(number, number) for number in range(50)], CAP)
    history = History([Filter()])
    for _ in range(2):
        for each in store.answer([Filter()]).values():
            history.saw(each)
        page = history.next_page(CAP)
    assert page == []


@given(st.lists(st.integers(0, 2**53 - 1), max_size=200), st.integers(0, 5))
def test_whatever_a_relay_sends_paging_ends(times: list[int], least: int) -> None:
    history = History([Filter(), Filter(kinds=(1,))])
    pages = 0
    while history.next_page(least):
        pages += 1
        assert pages <= limits.PAGES
        for number, at in enumerate(times):
            history.saw(event(number, at))


def test_the_whole_past_is_bounded() -> None:
    history = History([Filter()])
    at = events = 10**9
    while True:
        for _ in range(500):
            at -= 1
            history.saw(event(0, at))
        if not history.next_page(limits.PAGE_LEAST):
            break
    assert events - at == limits.PAGED_EVENTS


def test_after_a_gap_a_limit_loses_nothing() -> None:
    plain = Filter(kinds=(1,), since=5)
    limited = Filter(kinds=(2,), limit=10)
    only_new = Filter(kinds=(3,), limit=0)
    later = Filter(kinds=(4,), limit=1, since=5_000)
    assert filters_after_gap([plain, limited, only_new, later], 2_000.9) == [
        plain,
        limited,
        Filter(kinds=(2,), since=2_000 - OVERLAP),
        Filter(kinds=(3,), since=2_000 - OVERLAP),
        later,
        Filter(kinds=(4,), since=5_000),
    ]
    assert filters_after_gap([only_new], 10.0) == [Filter(kinds=(3,), since=0)]


def test_after_a_gap_a_paged_past_is_not_paged_again() -> None:
    filters = [Filter(kinds=(1,)), Filter(kinds=(2,), limit=10), Filter(since=5_000)]
    assert pages_after_gap(filters, 2_000.9) == [
        Filter(kinds=(1,), since=2_000 - OVERLAP),
        Filter(kinds=(2,), since=2_000 - OVERLAP),
        Filter(since=5_000),
    ]
