import json
from typing import Any

import pytest

from tui.nostr.event import encode_event


def prefix(reason: str) -> str:
    return reason.partition(":")[0]


async def test_a_valid_event_is_accepted(client: Any, author: Any) -> None:
    assert await client.publish(author.event()) == (True, "")


async def test_an_event_comes_back_as_it_was(client: Any, author: Any) -> None:
    text = '"\\/\b\f\n\r\t\x00\x01\x1f\x7f é 😀 \u2028\u2029 \U0010ffff </script>'
    event = author.event(content=text, tags=(("t", text, ""), ("alone",), ("", "")))
    assert await client.publish(event) == (True, "")
    assert await client.request({"ids": [event.id]}) == [event]


async def test_the_same_event_again_is_a_duplicate(client: Any, author: Any) -> None:
    event = author.event()
    await client.publish(event)
    accepted, reason = await client.publish(event)
    assert (accepted, prefix(reason)) == (True, "duplicate")
    assert await client.request({}) == [event]


async def test_a_wrong_id_is_refused(client: Any, author: Any) -> None:
    event = json.loads(encode_event(author.event())) | {"id": "0" * 64}
    accepted, reason = await client.publish(event)
    assert (accepted, prefix(reason)) == (False, "invalid")
    assert await client.request({}) == []


@pytest.mark.parametrize("signature", ["0" * 128, "f" * 128])
async def test_a_wrong_signature_is_refused(client: Any, author: Any, signature: str) -> None:
    event = json.loads(encode_event(author.event())) | {"sig": signature}
    accepted, reason = await client.publish(event)
    assert (accepted, prefix(reason)) == (False, "invalid")
    assert await client.request({}) == []


async def test_the_signature_of_another_event_is_refused(client: Any, author: Any) -> None:
    event = json.loads(encode_event(author.event(content="a")))
    accepted, reason = await client.publish(
        event | {"sig": author.event(content="b").sig},
    )
    assert (accepted, prefix(reason)) == (False, "invalid")


@pytest.mark.parametrize(
    "change",
    [
        {"pubkey": "x"},
        {"created_at": "now"},
        {"created_at": -1},
        {"kind": 65_536},
        {"kind": 1.5},
        {"tags": "none"},
        {"tags": [[1]]},
        {"content": None},
        {"sig": ""},
    ],
    ids=str,
)
async def test_an_event_of_wrong_shape_is_refused_by_its_id(
    client: Any, author: Any, change: dict[str, Any], expected: Any
) -> None:
    event = json.loads(encode_event(author.event()))
    await client.send("EVENT", event | change)
    answer = await client.receive()
    if answer[0] == "OK":
        answer[3] = prefix(answer[3])
    assert answer[:1] + answer[2:] == expected(["OK", False, "invalid"])
    assert await client.publish(author.event(content="still connected")) == (True, "")


async def test_fields_that_nobody_knows_are_ignored(client: Any, author: Any) -> None:
    event = author.event()
    obj = json.loads(encode_event(event)) | {"seen_on": ["elsewhere"]}
    assert await client.publish(obj) == (True, "")
    assert await client.request({"ids": [event.id]}) == [event]


@pytest.mark.parametrize(
    "text",
    ["", "garbage", "{}", "[]", "[1]", '["EVENT"]', '["EVENT", 1]', '["REQ"]', '["WHAT", "a"]'],
)
async def test_what_is_no_message_gets_a_notice(client: Any, author: Any, text: str) -> None:
    await client.socket.send(text)
    assert (await client.receive())[0] == "NOTICE"
    assert await client.publish(author.event()) == (True, "")


async def test_authentication_events_are_not_published(client: Any, author: Any) -> None:
    accepted, reason = await client.publish(author.event(kind=22242))
    assert (accepted, prefix(reason)) == (False, "blocked")


async def test_protected_events_are_refused(client: Any, author: Any, expected: Any) -> None:
    accepted, reason = await client.publish(author.event(tags=(("-",),)))
    assert (accepted, prefix(reason)) == expected((False, "blocked"))
    assert await client.request({}) == []
