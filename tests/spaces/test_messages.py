from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.config import limits
from tui.nostr.event import Draft, Event
from tui.nostr.keys import SecretKey
from tui.nostr.nip19 import Nprofile, encode_note, encode_nprofile, encode_npub, short_npub
from tui.spaces.events import InvalidSpaceEvent
from tui.spaces.messages import (
    CHAT,
    REACTION,
    ChatMessage,
    clean_emoji,
    clean_message,
    read_message,
    write_message,
    write_reaction,
)

ALICE = SecretKey(bytes(31) + b"\x31").public
BOB = SecretKey(bytes(31) + b"\x32").public
ADDRESS = f"30312:{ALICE}:tea"


def event(draft: Draft, signer: str = BOB) -> Event:
    fields = (draft.created_at, draft.kind, draft.tags, draft.content)
    return Event("1" * 64, signer, *fields, "0" * 128)


def message(content: str, *tags: tuple[str, ...], kind: int = CHAT) -> Event:
    return event(Draft(kind, content, (("a", ADDRESS), *tags), 1_000))


def test_what_we_write_we_read() -> None:
    first = read_message(event(write_message(ADDRESS, 1_000, "good tea")), ADDRESS)
    assert first == ChatMessage(id="1" * 64, pubkey=BOB, text="good tea", at=1_000)

    draft = write_message(ADDRESS, 1_001, "indeed", relay="wss://one.example", reply_to=first)
    assert draft.kind == 1311
    assert draft.tags == (
        ("a", ADDRESS, "wss://one.example", "root"),
        ("e", "1" * 64, "wss://one.example"),
        ("p", BOB),
    )
    answer = read_message(event(draft, ALICE), ADDRESS)
    assert (answer.reply_to, answer.mentions) == ("1" * 64, {BOB})

    draft = write_reaction(ADDRESS, 1_002, "🔥", relay="wss://one.example")
    assert draft.kind == 7
    assert draft.tags == (("a", ADDRESS, "wss://one.example"), ("p", ALICE), ("k", "30312"))
    reaction = read_message(event(draft), ADDRESS)
    assert (reaction.text, reaction.reaction, reaction.at) == ("🔥", True, 1_002)


def test_people_who_are_named_are_mentioned_and_shown_by_their_names() -> None:
    npub, nprofile = encode_npub(ALICE), encode_nprofile(Nprofile(BOB, ("wss://one.example",)))
    text = f"ask nostr:{npub}, @{npub} or {nprofile}!"
    assert {tag for tag in write_message(ADDRESS, 1, text).tags if tag[0] == "p"} == {
        ("p", ALICE),
        ("p", BOB),
    }
    names = {ALICE: "Alice", BOB: "Bob"}
    found = read_message(message(text), ADDRESS, name_of=names.__getitem__)
    assert (found.text, found.mentions) == ("ask @Alice, @Alice or @Bob!", {ALICE, BOB})
    assert read_message(message(npub), ADDRESS).text == f"@{short_npub(ALICE)}"
    # What only looks like somebody stays as it is.
    for other in (encode_note("e" * 64), npub[:-1] + "x", "npub1", "nostr:npub1" + "q" * 60):
        found = read_message(message(other), ADDRESS)
        assert (found.text, found.mentions) == (other, frozenset())
    crowd = write_message(
        ADDRESS, 1, " ".join(encode_npub(f"{number:064x}") for number in range(1, 40))
    )
    assert sum(tag[0] == "p" for tag in crowd.tags) <= limits.CHAT_MENTIONS


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("two\nlines", "two lines"),
        ("\r\n\t a  \u2028 b \n\n", "a b"),
        ("\x1b[31mred\x1b[0m\x07", "[31mred[0m"),
        ("\u202eevil\u2066", "evil"),
        ("e\u0301 👩\u200d🚀", "e\u0301 👩\u200d🚀"),
        ("x" * 5_000, "x" * limits.CHAT_LENGTH),
    ],
)
def test_a_message_is_one_clean_line(written: str, shown: str) -> None:
    assert clean_message(written) == shown
    assert read_message(message(written), ADDRESS).text == shown


@pytest.mark.parametrize(
    "emoji",
    [
        "👍",
        "❤️",
        "❤",
        "🔥",
        "👋🏽",
        "👩‍🚀",
        "👨‍👩‍👧‍👦",
        "🏴󠁧󠁢󠁥󠁮󠁧󠁿",
        "🇩🇪",
        "1️⃣",
        "☕",
        "⚡",
        "✅",
        "🫡",
        ":gm:",
        "©️",
    ],
)
def test_one_emoji_is_a_reaction(emoji: str) -> None:
    assert clean_emoji(emoji) == clean_emoji(f" {emoji}\n") == emoji
    assert read_message(message(emoji, kind=REACTION), ADDRESS).text == emoji


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "👍👍",
        "👍 nice",
        "nice",
        "1",
        "\u200d",
        "\ufe0f",
        "\x1b",
        "\u202e👍",
        "⠀",
        "─",
        ":no emoji:",
        "::",
        "👍" + "\U000e0041" * 20,
        "🚀\u200d" * 20,
    ],
)
def test_anything_else_is_none(text: str) -> None:
    assert clean_emoji(text) == ""
    with pytest.raises(InvalidSpaceEvent, match="emoji"):
        read_message(message(text, kind=REACTION), ADDRESS)


def test_likes_of_other_clients_are_shown() -> None:
    assert [clean_emoji(text) for text in ("+", "", "-")] == ["👍", "👍", "👎"]


@pytest.mark.parametrize("content", ["", "  ", "\u200b", "\x00\x01", "\u2800"])
def test_an_empty_message_is_none(content: str) -> None:
    with pytest.raises(InvalidSpaceEvent, match="empty"):
        read_message(message(content), ADDRESS)


def test_what_is_of_another_room_or_kind_is_refused() -> None:
    with pytest.raises(InvalidSpaceEvent, match="another room"):
        read_message(message("x"), f"30312:{BOB}:tea")
    quoted = Draft(CHAT, "x", (("a", f"30312:{BOB}:tea"), ("a", ADDRESS, "", "mention")), 1)
    with pytest.raises(InvalidSpaceEvent, match="another room"):
        read_message(event(quoted), ADDRESS)
    with pytest.raises(InvalidSpaceEvent, match="kind"):
        read_message(message("x", kind=1), ADDRESS)
    with pytest.raises(InvalidSpaceEvent):
        read_message(event(Draft(CHAT, "x", (), 1)), ADDRESS)


def test_a_sealed_message_is_opened_or_refused() -> None:
    def unseal(content: str) -> str:
        if not content.startswith("sealed "):
            raise ValueError("not sealed")
        return content.removeprefix("sealed ")

    assert read_message(message("sealed tea"), ADDRESS, unseal=unseal).text == "tea"
    sealed = message("sealed 🔥", kind=REACTION)
    assert read_message(sealed, ADDRESS, unseal=unseal).text == "🔥"
    with pytest.raises(InvalidSpaceEvent, match="password"):
        read_message(message("tea"), ADDRESS, unseal=unseal)


_TAGS = st.lists(
    st.tuples(
        st.sampled_from(["a", "e", "p", "q", "emoji"]),
        st.one_of(st.text(max_size=20), st.sampled_from([ADDRESS, ALICE])),
    ),
    max_size=8,
).map(tuple)


@given(
    st.sampled_from([CHAT, REACTION]),
    _TAGS,
    st.one_of(
        st.text(),
        st.text(max_size=5).map(lambda rest: f"nostr:{encode_npub(ALICE)}{rest}"),
        st.text("👍❤\ufe0f\u200d🏽🇩🇪:a"),
    ),
)
def test_any_message_is_read_or_refused(kind: int, tags: Any, content: str) -> None:
    try:
        found = read_message(event(Draft(kind, content, (("a", ADDRESS), *tags), 1)), ADDRESS)
    except InvalidSpaceEvent:
        return
    assert 0 < len(found.text) <= limits.CHAT_LENGTH
    assert "\n" not in found.text and "\x1b" not in found.text
    assert len(found.mentions) <= limits.CHAT_MENTIONS
