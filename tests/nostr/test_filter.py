import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.config import limits
from tui.nostr.event import Event
from tui.nostr.filter import Filter, InvalidFilter, check_filter, encode_filter, matcher

HEX = st.sampled_from(["aa" * 32, "bb" * 32, "cc" * 32])
TEXT = st.sampled_from(["", "x", "y", "xy", "é"])
SMALL = st.integers(0, 5)


def some(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | st.lists(values, max_size=3).map(tuple)


FILTERS = st.builds(
    Filter,
    ids=some(HEX),
    authors=some(HEX),
    kinds=some(SMALL),
    tags=st.dictionaries(
        st.sampled_from("tTdz"), st.lists(TEXT, max_size=3).map(tuple), max_size=2
    ),
    since=st.none() | SMALL,
    until=st.none() | SMALL,
    limit=st.none() | SMALL,
)
EVENTS = st.builds(
    Event,
    id=HEX,
    pubkey=HEX,
    created_at=SMALL,
    kind=SMALL,
    tags=st.lists(
        st.tuples(st.sampled_from(["t", "T", "d", "tt"]), TEXT) | st.tuples(st.just("t")),
        max_size=3,
    ).map(tuple),
    content=st.just(""),
    sig=st.just("dd" * 64),
)


def expected(obj: dict[str, Any], event: Event) -> bool:
    """NIP-01 read from the JSON of the filter, condition by condition."""
    for name, value in obj.items():
        match name:
            case "ids":
                held = event.id in value
            case "authors":
                held = event.pubkey in value
            case "kinds":
                held = event.kind in value
            case "since":
                held = value <= event.created_at
            case "until":
                held = event.created_at <= value
            case "limit":
                held = True
            case _:
                held = any(
                    tag[:1] == (name[1:],) and tag[1:2] and tag[1] in value for tag in event.tags
                )
        if not held:
            return False
    return True


@given(FILTERS, EVENTS)
def test_matching_is_what_nip01_says(filter_: Filter, event: Event) -> None:
    assert filter_.matches(event) is expected(encode_filter(filter_), event)


@given(st.lists(FILTERS, max_size=3), EVENTS)
def test_prepared_filters_match_the_same(filters: list[Filter], event: Event) -> None:
    assert matcher(filters)(event) is any(filter_.matches(event) for filter_ in filters)


@given(FILTERS)
def test_a_filter_survives_the_wire(filter_: Filter) -> None:
    assert check_filter(json.loads(json.dumps(encode_filter(filter_)))) == filter_


def test_no_prefixes() -> None:
    event = Event("aa" * 32, "bb" * 32, 0, 1, (("t", "xyz"),), "", "")
    assert not Filter(tags={"t": ("xy",)}).matches(event)
    assert not Filter(ids=("aa",)).matches(event)
    assert not Filter(authors=("bb",)).matches(event)


def test_the_empty_filter_matches_all_and_an_empty_list_nothing() -> None:
    event = Event("aa" * 32, "bb" * 32, 0, 1, (), "", "")
    assert Filter().matches(event)
    assert not Filter(kinds=()).matches(event)
    assert encode_filter(Filter()) == {}


@pytest.mark.parametrize(
    "obj",
    [
        None,
        [],
        "x",
        {"search": "x"},
        {"&t": ["x"]},
        {"#tt": ["x"]},
        {"#": ["x"]},
        {"#1": ["x"]},
        {"t": ["x"]},
        {1: ["x"]},
        {"ids": None},
        {"ids": "aa" * 32},
        {"ids": ["aa"]},
        {"ids": ["AA" * 32]},
        {"ids": ["aa" * 32 + "\n"]},
        {"authors": [5]},
        {"#p": ["x"]},
        {"#e": [None]},
        {"#t": [1]},
        {"kinds": [True]},
        {"kinds": [1.0]},
        {"kinds": ["1"]},
        {"kinds": {}},
        {"since": None},
        {"since": True},
        {"since": 1.5},
        {"until": -1},
        {"limit": "5"},
        {"limit": 10**20},
        {"kinds": [1] * (limits.FILTER_VALUES + 1)},
    ],
)
def test_what_is_no_filter_is_refused(obj: object) -> None:
    with pytest.raises(InvalidFilter):
        check_filter(obj)
