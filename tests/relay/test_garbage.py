import asyncio
import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import connect

from tui.nostr.event import encode_event
from tui.relay.server import RelayServer

Check = Callable[..., None]

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.sampled_from(["EVENT", "REQ", "ids", "#e", "kinds", "limit", "tags"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
VERBS = st.sampled_from(["EVENT", "REQ", "COUNT", "CLOSE", "AUTH", "NEG-OPEN", "", "event"])
CONDITIONS = st.dictionaries(
    st.sampled_from(["ids", "authors", "kinds", "since", "limit", "#e", "#t", "#", "#tt", "x"]),
    JSON | st.lists(st.integers() | st.text()) | st.integers(),
)
MESSAGES = (
    JSON
    | st.builds(lambda verb, rest: [verb, *rest], VERBS, st.lists(JSON, max_size=3))
    | st.tuples(st.sampled_from(["REQ", "COUNT"]), st.text(max_size=5), CONDITIONS, CONDITIONS)
)
FIELDS = st.sampled_from(["id", "pubkey", "created_at", "kind", "tags", "content", "sig"])

CUNNING = [
    "[" * 100_000,
    '["REQ","a",' + '{"ids":' * 10_000,
    '["EVENT",' + "[" * 5_000 + "]" * 5_000 + "]",
    '["REQ","a",{"x":' + "[" * 5_000 + "]" * 5_000 + "}]",
    r'["REQ","\ud800",{}]',
    r'["REQ","a",{"#t":["\udfff"]}]',
    r'["EVENT",{"id":"\ud800"}]',
    '["REQ","a",{"since":99999999999999999999,"kinds":[99999999999999999999]}]',
    '["REQ","a",{"kinds":[-99999999999999999999]}]',
    '["REQ","a",{"kinds":[1e400],"limit":1e400}]',
    '["REQ","a",{"limit":-1}]',
    '["REQ","a\\u0000b",{"#t":["\\u0000"]},{"#t":["x","\\u0000"]}]',
    '["REQ",null,{}]',
    '["CLOSE",[]]',
    '["EVENT",{"id":"' + "x" * 100_000 + '"}]',
    '\ufeff["REQ","a",{}]',
    "[NaN]",
    "\0",
]


@pytest.fixture
def check(author: Any) -> Iterator[Check]:
    """Sends frames to a relay and checks that it then still serves, on the same connection."""
    numbers = itertools.count()
    server = RelayServer()

    async def check(frames: list[str | bytes], raw: bytes = b"") -> None:
        event = author.event(content=str(next(numbers)))
        text = f'["EVENT",{encode_event(event).decode()}]'
        async with asyncio.timeout(10):
            if raw:
                # Bytes instead of frames, so that nothing can be asked here.
                async with connect(server.url, compression=None, close_timeout=0.1) as broken:
                    broken.transport.write(raw)
            async with connect(server.url, compression=None, max_queue=None) as socket:
                for frame in frames:
                    await socket.send(frame)
                await socket.send(text)
                while json.loads(await socket.recv())[:3] != ["OK", event.id, True]:
                    pass
        assert server.counts["fault"] == 0

    with asyncio.Runner() as runner:
        runner.run(server.__aenter__())
        yield lambda *args, **options: runner.run(check(*args, **options))
        runner.run(server.__aexit__(None, None, None))


def test_no_text_ends_a_connection(check: Check) -> None:
    @settings(max_examples=100, deadline=None)
    @given(st.lists(st.text(), max_size=5))
    @example(CUNNING)
    def send(frames: list[str]) -> None:
        check(frames)

    send()


def test_no_json_ends_a_connection(check: Check) -> None:
    @settings(max_examples=300, deadline=None)
    @given(st.lists(MESSAGES, max_size=4))
    def send(messages: list[Any]) -> None:
        check([json.dumps(message) for message in messages])

    send()


def test_no_broken_event_ends_a_connection(check: Check, author: Any) -> None:
    good = json.loads(encode_event(author.event(tags=(("e", "x"), ("d",)))))

    @settings(max_examples=200, deadline=None)
    @given(st.dictionaries(FIELDS, JSON), st.sets(FIELDS, max_size=2))
    def send(changes: dict[str, Any], missing: set[str]) -> None:
        event = {name: value for name, value in (good | changes).items() if name not in missing}
        check([json.dumps(["EVENT", event])])

    send()


def test_no_bytes_end_a_connection(check: Check) -> None:
    @settings(max_examples=100, deadline=None)
    @given(st.lists(st.binary(), max_size=5))
    def send(frames: list[bytes]) -> None:
        check(list(frames))

    send()


def test_no_bytes_outside_frames_end_the_relay(check: Check) -> None:
    @settings(max_examples=60, deadline=None)
    @given(st.binary(min_size=1))
    @example(b"\x81\x84\0\0\0\0\xff\xfe\xfd\xfc")  # a text frame that is not UTF-8
    @example(b"\x81\xff" + b"\xff" * 8)  # a frame of 2^64 bytes
    @example(b"\x88\x80\0\0\0\0" * 3)  # closes more than once
    def send(raw: bytes) -> None:
        check([], raw)

    send()
