from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.config import limits
from tui.nostr.event import Event
from tui.nostr.relay_lists import (
    RELAY_LIST,
    RelayList,
    choose_relays,
    read_relay_list,
    write_relay_list,
)

A, B, C, D, E, F = (f"wss://{letter}.example.com" for letter in "abcdef")
HOME = "ws://192.168.1.5:7777"

PUBLIC = st.sampled_from([A, B, C, D, E, F])
ANY = PUBLIC | st.just(HOME) | st.sampled_from(["", "http://a.example.com", "WSS://B.example.com/"])


def listed(*tags: tuple[str, ...]) -> RelayList:
    return read_relay_list(Event("", "ab" * 32, 0, RELAY_LIST, tags, "", ""))


def test_the_example_of_the_nip() -> None:
    assert listed(("r", A), ("r", B + "/"), ("r", C, "write"), ("r", D, "read")) == RelayList(
        read=(A, B, D), write=(A, B, C)
    )


@pytest.mark.parametrize(
    "tag",
    [
        ("r",),
        ("r", ""),
        ("r", "relay.example.com"),
        ("r", A, "both"),
        ("p", A),
        ("R", A),
        ("r", "x" * 999),
    ],
)
def test_what_says_nothing_is_left_out(tag: tuple[str, ...]) -> None:
    assert listed(tag, ("r", B, "")) == RelayList((B,), (B,))


def test_a_list_is_bounded_and_says_each_once() -> None:
    many = [("r", f"wss://r{number}.example.com") for number in range(1_000)]
    relays = listed(("r", A), ("r", A + "/", "read"), *many)
    assert relays.read[:2] == (A, "wss://r0.example.com")
    assert len(relays.read) == len(relays.write) == limits.LISTED_RELAYS
    assert listed(*[("x", "y")] * limits.LISTED_TAGS, ("r", A)) == RelayList()


@given(
    st.lists(PUBLIC, unique=True).map(tuple),
    st.lists(PUBLIC, unique=True).map(tuple),
)
def test_what_is_written_is_read_again(read: tuple[str, ...], write: tuple[str, ...]) -> None:
    draft = write_relay_list(RelayList(read, write), 1_000)
    assert (draft.kind, draft.created_at, draft.content) == (RELAY_LIST, 1_000, "")
    again = listed(*draft.tags)
    assert (set(again.read), set(again.write)) == (set(read), set(write))
    assert len(draft.tags) == len({*read, *write})


@given(st.lists(st.lists(st.text(max_size=30), max_size=4).map(tuple), max_size=20))
def test_any_tags_can_be_read(tags: Any) -> None:
    relays = listed(*tags)
    assert write_relay_list(relays, 0)


@pytest.mark.parametrize(
    ("known", "chosen"),
    [
        ({}, ()),
        ({"settings": [A]}, (A,)),
        ({"settings": [A, B, C, D, E]}, (A, B, C, D)),
        ({"own_read": [A], "settings": [B]}, (A, B)),
        ({"space": [A], "settings": [B, C]}, (A, B, C)),
        ({"space": [A, B, C, D], "settings": [E]}, (A, B, C, E)),
        ({"space": [A, B, C, D], "settings": [B]}, (A, B, C, D)),
        ({"space": [A, B, C, D, E]}, (A, B, C, D)),
        ({"space": [A], "host_write": [B, C, D], "settings": [E]}, (A, B, C, E)),
        ({"host_write": [A, B], "own_read": [C], "settings": [D, E]}, (A, B, C, D)),
        ({"space": [HOME, A], "settings": [B]}, (A, B)),
        ({"space": [HOME, A], "settings": ["ws://127.0.0.1:1"]}, (HOME, A, "ws://127.0.0.1:1")),
        ({"space": ["nonsense", A + "/", A], "settings": ["", B]}, (A, B)),
    ],
)
def test_choosing(known: dict[str, list[str]], chosen: tuple[str, ...]) -> None:
    assert choose_relays(**known) == chosen


LISTS = st.lists(ANY, max_size=7)


@given(LISTS, LISTS, LISTS, LISTS)
def test_a_choice_is_small_sound_and_partly_our_own(
    space: list[str], host_write: list[str], own_read: list[str], settings: list[str]
) -> None:
    def good(urls: list[str]) -> set[str]:
        return {found for url in urls for found in choose_relays(settings=[url])}

    chosen = choose_relays(space=space, host_write=host_write, own_read=own_read, settings=settings)
    ours, theirs = good(own_read) | good(settings), good(space) | good(host_write)
    if HOME not in ours:
        theirs.discard(HOME)
    assert len(set(chosen)) == len(chosen) <= limits.SPACE_RELAYS
    assert set(chosen) <= ours | theirs
    assert len(chosen) >= min(2, len(ours | theirs))
    assert not ours or ours & set(chosen)
    assert not theirs or theirs & set(chosen)


@given(LISTS, LISTS, LISTS, LISTS)
def test_people_with_different_settings_meet(
    space: list[str], host_write: list[str], one: list[str], other: list[str]
) -> None:
    def public(urls: list[str]) -> list[str]:
        return [url for url in urls if url != HOME]

    space, host_write = public(space), public(host_write)
    meeting = set(choose_relays(space=space, host_write=host_write))
    first = choose_relays(space=space, host_write=host_write, settings=one)
    second = choose_relays(space=space, host_write=host_write, own_read=other)
    common = set(first) & set(second) & meeting
    assert len(common) >= min(len(meeting), limits.SPACE_RELAYS - 1)
