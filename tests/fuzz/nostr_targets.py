"""Events, filters, messages and frames of relays; keys, addresses and what is encrypted."""

import asyncio
import contextlib
import json
from collections.abc import Iterator
from typing import Any

import msgspec
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from tests.fuzz.target import (
    KEYS,
    NOW,
    PART,
    PEOPLE,
    Run,
    Target,
    declared,
    pack_event,
    simple,
    to_text,
    unpack_event,
)
from tui.config import limits
from tui.nostr import nip19, nip44, nip46, nip49
from tui.nostr.event import (
    BAD_JSON,
    Event,
    InvalidEvent,
    check_event,
    decode_event,
    encode_event,
    event_address,
    event_id,
    expiration,
)
from tui.nostr.filter import Filter, InvalidFilter, check_filter, encode_filter
from tui.nostr.information import NoInformation, read_information
from tui.nostr.keys import InvalidKey, SecretKey
from tui.nostr.messages import InvalidMessage, decode_message
from tui.nostr.nip06 import Words
from tui.nostr.pool import Pool
from tui.nostr.relay import Timing
from tui.nostr.text import clean_text
from tui.nostr.url import InvalidRelayUrl, relay_url
from tui.nostr.websocket import close_socket, open_socket
from tui.relay.server import RelayServer
from tui.relay.store import EventStore, QueryTooLong, StoreError

KINDS = (1, 0, 3, 5, 1000, 10_002, 20_001, 30_312)


def sign(kind: int = 1, content: str = "hello", *tags: tuple[str, ...], at: int = NOW) -> Event:
    secret = PEOPLE[0]
    id_ = event_id(secret.public, at, kind, tags, content)
    signature = secret.sign(bytes.fromhex(id_), bytes(32)).hex()
    return Event(id_, secret.public, at, kind, tags, content, signature)


EVENT = sign(1, "h\u00e9llo \U0001f600\n", ("p", KEYS[1], "wss://relay.example"), ("t", "x"))
ROOM = sign(30_312, "", ("d", "space"), ("expiration", str(NOW + 9)))


def read_event(data: bytes) -> None:
    event = decode_event(data)
    assert len(event.tags) <= limits.EVENT_TAGS
    assert decode_event(encode_event(event)) == event


def remake_event(data: bytes) -> None:
    event = unpack_event(data, KINDS)
    if event is None:
        return
    event_address(event)
    expiration(event)
    assert decode_event(encode_event(check_event(event))) == event


def read_filter(data: bytes) -> None:
    try:
        obj = msgspec.json.decode(data)
    except BAD_JSON:
        return
    filter_ = check_filter(obj)
    assert check_filter(msgspec.to_builtins(encode_filter(filter_))) == filter_
    filter_.matches(EVENT)


@contextlib.contextmanager
def store() -> Iterator[Run]:
    """The relay's database finds what a filter matches, and nothing else."""
    events = [EVENT, ROOM, *(sign(1, str(number), at=NOW + number) for number in range(5))]
    found_by = EventStore(None, max_bytes=1024 * 1024, query_seconds=5.0)
    found_by.add(events, NOW)

    def run(data: bytes) -> None:
        try:
            filter_ = check_filter(msgspec.json.decode(data))
        except (InvalidFilter, *BAD_JSON):
            return
        filter_ = msgspec.structs.replace(filter_, limit=None)
        with contextlib.suppress(QueryTooLong, StoreError):
            found = found_by.find([filter_], NOW, 100)
            assert {each.id for each in found} == {e.id for e in events if filter_.matches(e)}
            assert found_by.count([filter_], NOW) == len(found)

    yield run
    found_by.close()


FILTERS = [
    {"kinds": [1], "authors": [KEYS[0]], "limit": 5},
    {"#t": ["x"], "#p": [KEYS[1]], "since": NOW - 9, "until": NOW + 9},
    {"ids": [EVENT.id], "kinds": []},
    {},
]
FILTER_SEEDS = tuple(json.dumps(each).encode() for each in FILTERS)


def to_frame(data: bytes) -> str | bytes:
    """A frame of text, or of bytes if it begins like one."""
    return data[1:] if data[:1] == b"\x01" else to_text(data)


@contextlib.contextmanager
def relay_server() -> Iterator[Run]:
    """The embedded relay answers the next question of a client, whatever came before."""
    with asyncio.Runner() as runner:
        server = RelayServer()

        async def send(frames: list[str | bytes]) -> None:
            async with connect(server.url, compression=None, close_timeout=1) as socket:
                with contextlib.suppress(ConnectionClosed):
                    for frame in frames:
                        await socket.send(frame)
                await ask(socket)

        async def ask(socket: Any) -> None:
            with contextlib.suppress(ConnectionClosed):
                await socket.send('["COUNT","the last question",{"ids":[]}]')
                async with asyncio.timeout(10):
                    while "the last question" not in await socket.recv():
                        pass
                return
            async with connect(server.url, compression=None) as another:  # it may well hang up
                await ask(another)

        def run(data: bytes) -> None:
            runner.run(send([to_frame(part) for part in data.split(PART)]))
            assert not server.counts["fault"]

        runner.run(server.__aenter__())
        yield run
        runner.run(server.__aexit__(None, None, None))


@contextlib.contextmanager
def scripted_relay(*, ends: bool) -> Iterator[tuple[asyncio.Runner, str, list[bytes]]]:
    """A WebSocket server that writes these bytes to whoever connects, frames or not."""
    script: list[bytes] = []

    async def write(socket: ServerConnection) -> None:
        for part in script:
            socket.transport.write(part)
        if ends:
            socket.transport.close()
        with contextlib.suppress(ConnectionClosed):
            async for _ in socket:
                pass

    with asyncio.Runner() as runner:
        server = runner.run(start(write))
        port = next(iter(server.sockets)).getsockname()[1]
        yield runner, f"ws://127.0.0.1:{port}", script
        server.close()
        runner.run(server.wait_closed())


async def start(write: Any) -> Any:
    return await serve(write, "127.0.0.1", 0, compression=None, close_timeout=0.1)


@contextlib.contextmanager
def socket_frames() -> Iterator[Run]:
    """Raw bytes where a relay's frames should be: frames come out, or the connection ends."""
    with scripted_relay(ends=True) as (runner, url, script):

        async def read() -> None:
            socket = await open_socket(url, open_timeout=5, ping=10, close_timeout=0.5)
            try:
                async with asyncio.timeout(10):
                    async for frame in socket:
                        assert len(frame) <= limits.RELAY_FRAME_BYTES
            except ConnectionClosed:
                pass
            finally:
                await close_socket(socket, 0.5)

        def run(data: bytes) -> None:
            script[:] = (data,)
            runner.run(read())

        yield run


def frame(text: str | bytes) -> bytes:
    """An unmasked frame of text."""
    data = text.encode() if isinstance(text, str) else text
    size = bytes((len(data),)) if len(data) < 126 else b"\x7e" + len(data).to_bytes(2, "big")
    return b"\x81" + size + data


@contextlib.contextmanager
def pool() -> Iterator[Run]:
    """Whatever a relay says, the pool lives on, and callbacks get only what was asked for."""
    timing = Timing(open=2, close=0.2, retry_first=0.05, retry_longest=0.05)
    with scripted_relay(ends=False) as (runner, url, script):

        async def listen(size: int) -> None:
            got: list[Event] = []
            async with Pool([url], timing=timing) as relays:
                relays.subscribe([Filter(kinds=(1,))], lambda event, _url: got.append(event))
                done = asyncio.Event()
                relays.subscribe([Filter(kinds=())], lambda *_: None, on_eose=lambda _: done.set())
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(1.0):
                        await done.wait()
                assert not relays.counts["callback"]
            assert all(event.kind == 1 for event in got)
            assert len(got) <= size

        def run(data: bytes) -> None:
            frames = [frame(part[:60_000]) for part in data.split(PART)]
            script[:] = *frames, frame('["EOSE","2"]'), b"\x88\x02\x03\xe8"
            runner.run(listen(len(frames)))

        yield run


def message(*parts: Any) -> bytes:
    return msgspec.json.encode(parts)


RELAY_SAYS = (
    message("EVENT", "1", EVENT),
    message("EVENT", "2", ROOM),
    message("OK", EVENT.id, False, "blocked: no"),
    message("EOSE", "1"),
    message("CLOSED", "1", "auth-required: who are you?"),
    message("NOTICE", "\u202ehello"),
    message("AUTH", "challenge"),
)
CLIENT_SAYS = (
    message("EVENT", EVENT),
    message("EVENT", ROOM),
    *(message("REQ", "1", each) for each in FILTERS),
    message("COUNT", "1", {"kinds": [1]}),
    message("CLOSE", "1"),
    message("AUTH", EVENT),
)


def read_message(data: bytes) -> None:
    decode_message(data)


def read_bech32(data: bytes) -> None:
    entity = nip19.decode(to_text(data))
    match entity:
        case nip19.Nevent():
            assert nip19.decode(nip19.encode_nevent(entity)) == entity
        case nip19.Naddr():
            assert nip19.decode(nip19.encode_naddr(entity)) == entity
        case nip19.Nprofile():
            assert nip19.decode(nip19.encode_nprofile(entity)) == entity


def read_entity(data: bytes) -> None:
    """Behind the checksum, which a fuzzer does not guess."""
    prefix = ("npub", "nsec", "note", "nprofile", "nevent", "naddr", "nrelay")[
        (data or b"\0")[0] % 7
    ]
    read_bech32(nip19.encode_bech32(prefix, data[1:]).encode())


KEY = nip44.conversation_key(bytes(31) + b"\x01", KEYS[1])


def read_payload(data: bytes) -> None:
    text = to_text(data)
    with contextlib.suppress(nip44.InvalidPayload):
        nip44.decrypt(text, KEY)
    assert nip44.decrypt(nip44.encrypt(text, KEY, bytes(32)), KEY) == text


def read_padding(data: bytes) -> None:
    """Behind the authentication, which a fuzzer does not guess."""
    nip44._unpad(data)


def read_ncryptsec(data: bytes) -> None:
    with contextlib.suppress(nip49.InvalidNcryptsec, nip49.WrongPassword):
        nip49.decrypt_key(to_text(data), "password")
    cheap = data[:1] + bytes((data[1] % 3 if len(data) > 1 else 0,)) + data[2:]
    nip49.decrypt_key(nip19.encode_bech32(nip49.PREFIX, cheap), "password")


def read_secret(data: bytes) -> None:
    secret = SecretKey.parse(to_text(data))
    assert SecretKey.parse(secret.to_nsec()).public == secret.public


def read_url(data: bytes) -> None:
    url = relay_url(to_text(data))
    assert relay_url(url) == url
    assert len(url) <= limits.RELAY_URL_CHARS + 1


def clean(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    cleaned = clean_text(text, 80)
    assert len(cleaned) <= 80
    assert all(char.isprintable() or char in "\u200c\u200d" for char in cleaned)
    assert clean_text(cleaned, 80) == cleaned
    cleaned.encode()


def read_answer(data: bytes) -> None:
    answer = nip46.decode_answer(to_text(data))
    if answer is not None:
        nip46.complaint(answer)
        page = nip46.page_to_open(answer)
        assert not page or page.lower().startswith(("https://", "http://"))


EVENT_SEEDS = (encode_event(EVENT), encode_event(ROOM))
NEVENT = nip19.encode_nevent(nip19.Nevent(EVENT.id, ("wss://relay.example",), KEYS[0], 1))
NADDR = nip19.encode_naddr(nip19.Naddr("space", KEYS[0], 30_312, ("wss://relay.example",)))

TARGETS = (
    simple("event", declared(read_event, InvalidEvent), *EVENT_SEEDS),
    simple(
        "event-fields",
        declared(remake_event, InvalidEvent),
        pack_event(1, KINDS, 0, "hello", ("p", KEYS[1]), ("t", "")),
        pack_event(30_312, KINDS, 1, "", ("d",), ("expiration", "99")),
    ),
    simple("filter", declared(read_filter, InvalidFilter), *FILTER_SEEDS),
    Target("store", store, FILTER_SEEDS),
    simple("relay-message", declared(read_message, InvalidMessage, InvalidEvent), *RELAY_SAYS),
    Target("relay-server", relay_server, (*CLIENT_SAYS, PART.join(CLIENT_SAYS)), 60),
    Target(
        "relay-frames",
        socket_frames,
        (b"".join(map(frame, RELAY_SAYS)), b"\x89\x00\x8a\x01x", b"\x01\x02ab\x80\x02cd"),
        60,
    ),
    Target("pool", pool, (*RELAY_SAYS, PART.join(RELAY_SAYS)), 60),
    simple(
        "nip19",
        declared(read_bech32, nip19.InvalidBech32),
        *(nip19.encode_npub(KEYS[0]), nip19.encode_note(EVENT.id), NEVENT, NADDR),
    ),
    simple(
        "nip19-entity",
        declared(read_entity, nip19.InvalidBech32),
        b"\x00" + bytes.fromhex(KEYS[0]),
        b"\x03\x00\x20" + bytes.fromhex(KEYS[0]) + b"\x01\x13wss://relay.example",
        b"\x04" + nip19.decode_bech32(NEVENT)[1],
        b"\x05" + nip19.decode_bech32(NADDR)[1],
    ),
    simple("nip44", declared(read_payload, nip44.InvalidPayload), "x", nip44.encrypt("hello", KEY)),
    simple("nip44-padding", declared(read_padding, nip44.InvalidPayload), nip44._pad("hello")),
    simple(
        "nip49",
        declared(read_ncryptsec, nip49.InvalidNcryptsec, nip49.WrongPassword),
        nip49.encrypt_key(bytes(31) + b"\x01", "password", 1),
        nip19.decode_bech32(nip49.encrypt_key(bytes(31) + b"\x01", "password", 1))[1],
    ),
    simple("secret-key", declared(read_secret, InvalidKey), PEOPLE[0].to_nsec(), "01" * 32),
    simple(
        "words",
        declared(lambda data: Words(to_text(data)).key() and None, InvalidKey),
        "abandon " * 11 + "about",
    ),
    simple(
        "relay-url",
        declared(read_url, InvalidRelayUrl),
        *("wss://relay.example", "ws://[::1]:7777/path?x=1", "WSS://Relay.Example:443/"),
    ),
    simple("text", clean, "hello", "\x1b[31mred\u202e\u200d", b"\xff\xed\xa0\x80 x"),
    simple(
        "bunker-address",
        declared(lambda data: nip46.parse_bunker(to_text(data)) and None, nip46.InvalidAddress),
        f"bunker://{KEYS[0]}?relay=wss%3A%2F%2Frelay.example&secret=x",
    ),
    simple(
        "signer-answer",
        read_answer,
        '{"id":"1","result":"ack"}',
        '{"id":"1","result":"auth_url","error":"https://signer.example/x"}',
    ),
    simple(
        "relay-information",
        declared(lambda data: read_information(data) and None, NoInformation),
        '{"name":"relay","limitation":{"max_limit":500,"auth_required":true,"max_subscriptions":9}}',
    ),
)
