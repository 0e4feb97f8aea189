"""Events of spaces, rooms and chat; what people write about themselves; references."""

import contextlib
import json

import msgspec

from tests.fuzz.target import (
    KEYS,
    NOW,
    PART,
    SPACE_ID,
    declared,
    pack_event,
    simple,
    to_text,
    unpack_event,
)
from tui.config import limits
from tui.nostr import nip19
from tui.nostr.event import Draft, Event
from tui.people import https
from tui.people.contacts import MUTES, change_mutes, read_follows, read_mutes
from tui.people.nip05 import parse_name, vouches_for
from tui.people.profiles import Profile, read_profile
from tui.spaces import codec, events, messages, rooms
from tui.spaces.events import InvalidSpaceEvent, Metrics, SpaceRef
from tui.spaces.lookup import InvalidRef, parse_ref
from tui.spaces.share import room_address
from tui.spaces.state import SpaceState
from tui.spaces.writer import Writer

HOST, COHOST, SPEAKER, STRANGER = KEYS
SPACE = SpaceRef(HOST, SPACE_ID)
SPACE_KINDS = (
    *(events.CREATE_SPACE, *events.LASTING_KINDS, *events.PRESENCE_KINDS),
    *(*events.SPEECH_KINDS, *events.SIGNAL_KINDS, rooms.ROOM),
)
ROOM_KINDS = (*rooms.ROOM_KINDS, rooms.PRESENCE, messages.CHAT, messages.REACTION)
LIST_KINDS = (0, 3, MUTES)
ADDRESS = room_address(SPACE)
METRICS = Metrics(1000, 500, 8, "wifi")


def seed(draft: Draft, signer: str, kinds: tuple[int, ...] = SPACE_KINDS) -> bytes:
    at = draft.created_at - NOW
    return pack_event(draft.kind, kinds, KEYS.index(signer), draft.content, *draft.tags, at=at)


host, cohost, speaker = (Writer(SPACE, who) for who in (HOST, COHOST, SPEAKER))
HISTORY = (
    seed(
        host.create(
            *(NOW, "Rust at night", METRICS, "a talk", ("wss://relay.example",)),
            **{"image": "https://a.example/x.png", "language": "en", "topics": ("rust",)},
        ),
        HOST,
    ),
    seed(host.join(NOW, "host", METRICS), HOST),
    seed(speaker.join(NOW + 1, "bob", METRICS), SPEAKER),
    seed(speaker.request_speech(NOW + 2), SPEAKER),
    seed(host.promote_cohost(NOW + 3, COHOST), HOST),
    seed(cohost.propose(NOW + 4, SPEAKER, "speak?"), COHOST),
    seed(cohost.promote(NOW + 5, SPEAKER), COHOST),
    seed(cohost.ask_mute(NOW + 6, SPEAKER), COHOST),
    seed(speaker.demote(NOW + 7, SPEAKER), SPEAKER),
    seed(cohost.remove(NOW + 8, SPEAKER, "noise"), COHOST),
    seed(host.invite(NOW + 9, SPEAKER), HOST),
    seed(speaker.leave(NOW + 10), SPEAKER),
    seed(host.close(NOW + 11), HOST),
    pack_event(
        *(
            rooms.ROOM,
            SPACE_KINDS,
            0,
            "",
            ("d", SPACE_ID),
            ("room", "night"),
            ("status", "private"),
        ),
        *(("webrtc", "spaces"), ("locked", str(NOW + 12)), ("admitted", SPEAKER)),
        at=12,
    ),
)


def read_space_event(data: bytes) -> None:
    event = unpack_event(data, SPACE_KINDS)
    if event is not None:
        codec.decode(event)
        codec.decode(event, open_join=lambda content: content)


def fold(data: bytes) -> None:
    """Any order gives the same roles, and nobody but the host and co-hosts gives any."""
    found = []
    for part in data.split(PART):
        event = unpack_event(part, SPACE_KINDS)
        with contextlib.suppress(InvalidSpaceEvent):
            if event is not None and (read := codec.decode(event)).space == SPACE:
                found.append(read)
    states = []
    for order in (found, found[::-1], found + found):
        state = SpaceState(SPACE)
        for each in order:
            state.apply(each)
        now = NOW + 300
        list(state.present(now)), state.queue(now), list(state.edges(now)), state.is_stale(now)
        states.append([(state.role_of(key), state.is_barred(key)) for key in KEYS])
    assert states[0] == states[1] == states[2]
    assert states[0][0][0].speaks  # the host stays the host
    if not any(each.signer in (HOST, COHOST) for each in found):
        assert not any(role.speaks for role, _ in states[0][1:])


def read_sealed(data: bytes) -> None:
    text = to_text(data)
    codec.is_encrypted(text)
    with contextlib.suppress(codec.UnreadableSdp):
        codec.read_description(text)
    assert len(codec.read_candidates(text)) <= limits.CANDIDATES


def read_room(data: bytes) -> None:
    event = unpack_event(data, ROOM_KINDS)
    if event is None:
        return
    for read in (rooms.read_announcement, rooms.read_attendee):
        with contextlib.suppress(InvalidSpaceEvent):
            read(event)
    room = rooms.read_room(event)
    room.status_at(NOW)
    str(room.ref)
    assert not any(char in room.name + room.summary for char in "\n\x1b\u202e")


def read_chat(data: bytes) -> None:
    event = unpack_event(data, ROOM_KINDS)
    if event is not None:
        found = messages.read_message(event, ADDRESS)
        assert "\x1b" not in found.text and "\u202e" not in found.text


def read_ref(data: bytes) -> None:
    query = parse_ref(to_text(data))
    assert 1 <= len(query.filters) <= limits.FILTERS


def read_about(data: bytes) -> None:
    profile = read_profile(Event("", HOST, NOW, 0, (), to_text(data), ""))
    texts = [getattr(profile, field) for field in Profile.__struct_fields__]
    assert all(len(text) <= limits.LINK_CHARS for text in texts)
    assert not any(char in text for text in texts for char in "\n\x1b\u202e")


class Opener:
    """A signer whose encryption hides nothing."""

    pubkey = HOST

    async def sign(self, draft: Draft) -> Event:
        raise NotImplementedError

    async def encrypt(self, _recipient: str, text: str) -> str:
        return text

    async def decrypt(self, _sender: str, payload: str) -> str:
        return payload


def read_lists(data: bytes) -> None:
    event = unpack_event(data, LIST_KINDS)
    if event is None or event.pubkey != HOST:
        return
    read_follows(event)

    async def hide() -> None:
        mutes = await read_mutes(event, Opener())
        if mutes.private is None:
            return
        draft = await change_mutes(mutes, STRANGER, True, Opener(), NOW)
        if draft is not None:
            private = json.loads(draft.content)
            assert private[:-1] == [list(tag) for tag in mutes.private]
            assert draft.tags == event.tags

    coroutine = hide()
    with contextlib.suppress(StopIteration):  # nothing in it waits
        coroutine.send(None)


def read_name(data: bytes) -> None:
    text = to_text(data)
    vouches_for(data, "bob", HOST)
    name = parse_name(text)
    assert name is None or parse_name(str(name)) == name


def room_seed(kind: int, *tags: tuple[str, ...], content: str = "") -> bytes:
    return pack_event(kind, ROOM_KINDS, 0, content, *tags)


NPUB = nip19.encode_npub(HOST)
TARGETS = (
    simple("space-event", declared(read_space_event, InvalidSpaceEvent), *HISTORY),
    simple("space-state", fold, PART.join(HISTORY), PART.join(HISTORY[:8])),
    simple(
        "signalling",
        declared(read_sealed, codec.UnreadableSdp),
        '{"sdp": {"type": "offer", "sdp": "v=0"}}',
        '{"ice": [{"candidate": "candidate:1 1 udp 1 192.0.2.1 9 typ host", "sdpMid": "0"}]}',
    ),
    simple(
        "room",
        declared(read_room, InvalidSpaceEvent),
        room_seed(
            *(
                30_312,
                ("d", "x"),
                ("room", "night"),
                ("status", "open"),
                ("t", "rust"),
                ("l", "en"),
            ),
            *(
                ("p", HOST, "", "Host"),
                ("service", "https://a.example"),
                ("relays", "wss://a", "b"),
            ),
        ),
        room_seed(
            30_311, ("d", "x"), ("title", "live"), ("starts", "1"), ("streaming", "https://a")
        ),
        room_seed(10_312, ("a", ADDRESS), ("hand", "1")),
    ),
    simple(
        "chat",
        declared(read_chat, InvalidSpaceEvent),
        room_seed(1311, ("a", ADDRESS), ("p", HOST), content=f"hi nostr:{NPUB} \U0001f600"),
        room_seed(7, ("a", ADDRESS), ("e", "0" * 64), content="\U0001f44d\U0001f3fd"),
    ),
    simple(
        "reference",
        declared(read_ref, InvalidRef),
        *(f"{HOST}:space", f"{NPUB}:space", "space", f"nostr:{ADDRESS}", ADDRESS),
        "nostr:" + nip19.encode_naddr(nip19.Naddr("space", HOST, 30_312)),
        nip19.encode_nevent(nip19.Nevent("0" * 64)),
    ),
    simple(
        "profile",
        read_about,
        '{"name":"bob","display_name":"Bob","about":"x","picture":"https://a.example/b"}',
        '{"username":"bob","displayName":"B\\ud83d\\ude00b","nip05":"bob@a.example","x":[{}]}',
    ),
    simple(
        "lists",
        read_lists,
        pack_event(3, LIST_KINDS, 0, "{}", ("p", COHOST), ("p", SPEAKER, "wss://a", "s")),
        pack_event(MUTES, LIST_KINDS, 0, '[["p","x"],["word","y"]]', ("p", COHOST), ("e", "z")),
    ),
    simple(
        "names",
        read_name,
        "bob@names.example",
        msgspec.json.encode({"names": {"bob": HOST}, "relays": {HOST: ["wss://a.example"]}}),
    ),
    simple(
        "https-answer",
        declared(lambda data: https.read_answer(data) and None, https.FetchFailed),
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    ),
)
