from hypothesis import given
from hypothesis import strategies as st

from tui.config import limits
from tui.rtc.channel import decode_message


def test_an_object_is_a_message() -> None:
    assert decode_message('{"type": "ping", "n": 7}') == {"type": "ping", "n": 7}


def test_everything_else_is_not() -> None:
    for data in (
        b'{"type": "ping"}',
        "[]",
        "7",
        "",
        "{",
        '{"a": \ud800}',
        '{"a": "' + "x" * limits.CHANNEL_BYTES + '"}',
        '{"a":' + "[" * (limits.CHANNEL_BYTES - 10),
        '{"a":' + "[" * 2000 + "]" * 2000 + "}",
        None,
    ):
        assert decode_message(data) is None


@given(st.text())
def test_any_text_is_a_message_or_nothing(text: str) -> None:
    assert isinstance(decode_message(text), dict | None)
