import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tui.nostr.event import Event, event_id
from tui.nostr.filter import Filter
from tui.relay.subscriptions import Subscription, SubscriptionIndex, count_values


def make(kind: int = 1, content: str = "", tags: Any = (), pubkey: str = "a" * 64) -> Event:
    id_ = event_id(pubkey, 5, kind, tags, content)
    return Event(id_, pubkey, 5, kind, tags, content, "0" * 128)


def pool() -> list[Event]:
    rng = random.Random(3)
    return [
        make(
            rng.choice([1, 7, 1311]),
            str(i),
            tuple((rng.choice(["s", "h", "id", "kind", ""]), rng.choice("xyz")) for _ in range(3)),
            rng.choice("abc") * 64,
        )
        for i in range(40)
    ]


POOL = pool()
VALUES = st.lists(st.sampled_from("xyzw"), max_size=3).map(tuple)
FILTERS = st.builds(
    Filter,
    ids=st.none() | st.lists(st.sampled_from([event.id for event in POOL[:9]])).map(tuple),
    authors=st.none() | st.lists(st.sampled_from([c * 64 for c in "abd"]), max_size=2).map(tuple),
    kinds=st.none() | st.lists(st.sampled_from([1, 7, 9]), max_size=2).map(tuple),
    tags=st.dictionaries(st.sampled_from("sh"), VALUES, max_size=2),
    since=st.none() | st.integers(4, 6),
)


def subscription(*filters: Filter, hold: int = 1000) -> tuple[Subscription, list[str]]:
    """A subscription, and what it sends; `dropped` stands for an overflow."""
    sent: list[str] = []
    made = Subscription(
        "a", filters, send=sent.append, overflow=lambda: sent.append("dropped"), hold_chars=hold
    )
    return made, sent


@given(st.lists(st.lists(FILTERS, min_size=1, max_size=3), max_size=8))
def test_the_index_finds_what_a_scan_finds(requests: list[list[Filter]]) -> None:
    index = SubscriptionIndex()
    open_ = [subscription(*filters)[0] for filters in requests]
    for each in open_:
        index.add(each)
    for event in POOL:
        wanted = [each for each in open_ if any(f.matches(event) for f in each.filters)]
        found = index.matching(event)
        assert len(found) == len(wanted)
        assert set(found) == set(wanted)
    for each in open_:
        index.remove(each)
    assert not any(index.matching(event) for event in POOL)
    assert len(index) == 0


def test_new_events_wait_for_the_stored_ones() -> None:
    made, sent = subscription(Filter())
    first, second = make(content="1"), make(content="2")
    made.deliver(first, '"one"')
    assert sent == []
    made.release(set())
    made.deliver(second, '"two"')
    assert sent == ['["EVENT","a","one"]', '["EVENT","a","two"]']


def test_what_was_found_stored_is_not_sent_as_new() -> None:
    made, sent = subscription(Filter())
    stored, new = make(content="1"), make(content="2")
    made.deliver(stored, "1")
    made.deliver(new, "2")
    made.release({stored.id})
    assert sent == ['["EVENT","a",2]']


def test_who_is_too_far_behind_is_dropped() -> None:
    made, sent = subscription(Filter(), hold=10)
    made.deliver(make(content="1"), "x" * 6)
    assert sent == []
    made.deliver(make(content="2"), "x" * 6)
    assert sent == ["dropped"]


def test_every_value_and_every_filter_counts() -> None:
    ids = ("a" * 64, "b" * 64)
    assert count_values((Filter(),)) == 1
    assert count_values((Filter(ids=ids, kinds=(1,), tags={"s": ("x", "y")}), Filter())) == 7
