from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.config import limits
from tui.nostr.event import Event, InvalidEvent, encode_event
from tui.nostr.filter import Filter, InvalidFilter
from tui.nostr.messages import (
    AuthMessage,
    ClosedMessage,
    EoseMessage,
    EventMessage,
    InvalidMessage,
    NoticeMessage,
    OkMessage,
    decode_message,
    encode_close,
    encode_event_message,
    encode_req,
)


def encode(message: Any) -> bytes:
    return msgspec.json.encode(message)


async def test_what_relays_say(sign: Any) -> None:
    event: Event = await sign("x")
    for message, expected in [
        (["EVENT", "1", event], EventMessage("1", event)),
        (["OK", "id", True, ""], OkMessage("id", True, "")),
        (["OK", "id", False, "blocked: no"], OkMessage("id", False, "blocked: no")),
        (["OK", "id", True], OkMessage("id", True, "")),
        (["EOSE", "1"], EoseMessage("1")),
        (["EOSE", "1", "later extension"], EoseMessage("1")),
        (["CLOSED", "1", "error: x"], ClosedMessage("1", "error: x")),
        (["CLOSED", "1"], ClosedMessage("1", "")),
        (["NOTICE", "hi"], NoticeMessage("hi")),
        (["AUTH", "challenge"], AuthMessage("challenge")),
    ]:
        assert decode_message(encode(message)) == expected


def test_text_of_relays_is_cleaned() -> None:
    text = "\x1b]0;evil\x07\u202e" + "x" * 1_000
    for message in (["NOTICE", text], ["CLOSED", "1", text], ["OK", "id", False, text]):
        decoded: Any = decode_message(encode(message))
        assert decoded.reason.startswith("]0;evilxxx")
        assert len(decoded.reason) <= limits.RELAY_TEXT_CHARS


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b"null",
        b'"EVENT"',
        b'["EVENT"]',
        b'["EVENT","1"]',
        b'["EVENT","1",{}]',
        b'["EVENT",1,{}]',
        b'["OK","id","true",""]',
        b'["OK","id",1,""]',
        b'["EOSE",1]',
        b'["NOTICE",null]',
        b'["COUNT","1",{"count":5}]',
        b'["UNKNOWN","x"]',
        b'[["EOSE"],"1"]',
        b"\xff\xfe",
        b'["NOTICE","\xff"]',
        b'["NOTICE","\\ud800"]',
        b"[" * 100_000,
        b'["EOSE","1",' + b"[" * 100_000,
        b'["EVENT","1",{"x":' + b'{"x":' * 20_000,
    ],
)
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidMessage):
        decode_message(data)


@given(st.binary(max_size=300))
def test_random_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidMessage):
        decode_message(data)


async def test_events_with_a_wrong_id_or_size_are_refused(sign: Any) -> None:
    event: Event = await sign("x")
    with pytest.raises(InvalidEvent):
        decode_message(encode(["EVENT", "1", msgspec.structs.replace(event, content="y")]))
    with pytest.raises(InvalidEvent):
        decode_message(encode(["NOTICE", "x" * (2 * limits.EVENT_BYTES)]))


async def test_what_we_say(sign: Any) -> None:
    event: Event = await sign("x")
    assert encode_event_message(event) == f'["EVENT",{encode_event(event).decode()}]'
    filters = [Filter(kinds=(1,), tags={"s": ("x",)}, limit=5), Filter()]
    assert encode_req("7", filters) == '["REQ","7",{"kinds":[1],"limit":5,"#s":["x"]},{}]'
    assert encode_close("7") == '["CLOSE","7"]'
    with pytest.raises(InvalidFilter):
        encode_req("7", [Filter(tags={"s": ("\ud800",)})])
