import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tui.config import limits
from tui.nostr.event import Event
from tui.people.profiles import Profile, read_profile


def profile(content: str) -> Profile:
    return read_profile(Event("", "ab" * 32, 0, 0, (), content, ""))


def of(**fields: Any) -> Profile:
    return profile(json.dumps(fields))


def test_the_fields_that_clients_write() -> None:
    assert of(
        name="bob",
        display_name="Bob the Builder",
        about="yes\nwe can",
        picture="https://example.com/bob.png",
        nip05="bob@example.com",
        lud16="bob@pay.example",
        bot=False,
    ) == Profile(
        "bob", "Bob the Builder", "yes we can", "https://example.com/bob.png", "bob@example.com"
    )


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({"name": "n", "display_name": "d"}, "d"),
        ({"name": "n", "display_name": ""}, "n"),
        ({"name": "n", "displayName": "old"}, "old"),
        ({"display_name": "new", "displayName": "old"}, "new"),
        ({"username": "old"}, "old"),
        ({"name": "new", "username": "old"}, "new"),
        ({"name": "\u202e\u2066"}, ""),
        ({}, ""),
    ],
)
def test_the_name_that_is_shown(fields: dict[str, str], shown: str) -> None:
    assert of(**fields).shown_name == shown


@pytest.mark.parametrize("wrong", [None, 1, True, [], {}, ["bob"], {"en": "bob"}])
def test_a_field_of_a_wrong_type_costs_only_itself(wrong: Any) -> None:
    assert of(name=wrong, about="still here") == Profile(about="still here")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "bob",
        "[]",
        "null",
        '"bob"',
        "{",
        '{"name": "bob"',
        "[" * 60_000,
        '{"name":' * 20_000,
        '{"x":' + "[" * 50_000 + "]" * 50_000 + "}",
    ],
)
def test_content_that_is_no_profile_is_an_empty_one(content: str) -> None:
    assert profile(content) == Profile()


def test_nesting_in_a_field_does_not_hide_the_others() -> None:
    deep = "[" * 100 + "]" * 100
    assert profile(f'{{"name": "bob", "about": {deep}}}') == Profile(name="bob")


def test_names_are_cleaned_and_bounded() -> None:
    assert of(name="\x1b[31mred\x07\u202e").name == "[31mred"
    assert len(of(name="x" * 100_000).name) == limits.NAME_LENGTH
    assert len(of(about="x" * 100_000).about) == limits.ABOUT_LENGTH


@pytest.mark.parametrize(
    "picture",
    ["javascript:alert(1)", "file:///etc/passwd", "example.com/a.png", "https://a b", "data:x"],
)
def test_a_picture_that_is_no_web_address_is_left_out(picture: str) -> None:
    assert of(picture=picture).picture == ""


def test_an_address_is_whole_or_left_out() -> None:
    longest = "https://" + "x" * (limits.LINK_CHARS - 8)
    assert of(picture=longest).picture == longest
    assert of(picture=longest + "x").picture == ""


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
FIELDS = st.sampled_from(
    ["name", "display_name", "displayName", "username", "about", "picture", "nip05", "x"]
)


@given(content=st.text() | st.dictionaries(FIELDS, JSON).map(json.dumps) | JSON.map(json.dumps))
@example(content='{"name":"' + "\\u0000" * 1000 + '"}')
def test_any_content_gives_texts_that_can_be_shown(content: str) -> None:
    for text in vars_of(profile(content)):
        assert text.isprintable() or "\u200c" in text or "\u200d" in text
        assert text == text.strip()
        assert len(text) <= limits.LINK_CHARS
        text.encode()


def vars_of(found: Profile) -> list[str]:
    return [getattr(found, field) for field in Profile.__struct_fields__]
