import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, Literal

import pytest

from tui.nostr.event import Draft, Event
from tui.nostr.filter import Filter
from tui.nostr.keys import LocalSigner, SecretKey, Signer
from tui.nostr.pool import Pool
from tui.relay.server import RelayServer
from tui.rtc.peer import Peer, PeerSettings
from tui.spaces import codec, events
from tui.spaces.events import Metrics, SpaceCreated, SpaceEvent, SpaceRef
from tui.spaces.roles import Role
from tui.spaces.session import SessionSettings, SpaceCreation, SpaceSession
from tui.spaces.writer import Writer


def _signer(number: int) -> LocalSigner:
    return LocalSigner(SecretKey(number.to_bytes(32, "big")))


@pytest.fixture(scope="session")
def host() -> LocalSigner:
    return _signer(1)


@pytest.fixture(scope="session")
def guest() -> LocalSigner:
    return _signer(2)


@pytest.fixture(scope="session")
def stranger() -> LocalSigner:
    return _signer(3)


@pytest.fixture(scope="session")
def space(host: LocalSigner) -> SpaceRef:
    return SpaceRef(host.pubkey, "0123456789abcdef0123456789abcdef")


@pytest.fixture(scope="session")
def signer() -> Callable[[int], LocalSigner]:
    """Anybody, by number; host, guest and stranger are 1, 2 and 3."""
    return _signer


Make = Callable[..., Event]


@pytest.fixture(scope="session")
def make(space: SpaceRef) -> Make:
    """An event of the space as it comes out of the pool; nothing after that looks at `sig`."""

    def event(
        kind: int,
        signer: str,
        content: str = "",
        tags: Any = (),
        *,
        at: int = 1_000,
        bare: Any = None,
    ) -> Event:
        common = (("s", space.id), ("h", space.host), ("webrtc", "spaces"))
        return Event(
            id=f"{at:064x}",
            pubkey=signer,
            created_at=at,
            kind=kind,
            tags=tuple(map(tuple, bare if bare is not None else (*common, *tags))),
            content=content,
            sig="0" * 128,
        )

    return event


@pytest.fixture
async def relay() -> AsyncIterator[RelayServer]:
    async with RelayServer() as relay:
        yield relay


@pytest.fixture
async def pool(relay: RelayServer) -> AsyncIterator[Pool]:
    async with Pool([relay.url]) as pool:
        assert await pool.wait_connected(10)
        yield pool


@pytest.fixture
def publish(pool: Pool) -> Callable[[LocalSigner, Draft], Awaitable[Event]]:
    """Sign and publish; a relay that refuses fails the test."""

    async def publish(signer: LocalSigner, draft: Draft) -> Event:
        event = await signer.sign(draft)
        results = await pool.publish(event, timeout=10)
        assert all(result.ok for result in results.values()), results
        return event

    return publish


@pytest.fixture
def until() -> Callable[[Callable[[], object]], Awaitable[None]]:
    """Wait for a condition, twenty seconds at most: machines may be busy."""

    async def wait(condition: Callable[[], object]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                await asyncio.sleep(0.005)

    return wait


class Diary:
    """An observer that writes everything down."""

    def __init__(self) -> None:
        self.participants: list[str] = []
        self.hands: list[str] = []
        self.lines: list[str] = []
        self.connections: list[tuple[str, str]] = []
        self.joins = self.changes = 0
        self.invitations: list[tuple[str, str]] = []
        self.roles: list[tuple[str, Role, str]] = []
        self.removals: list[tuple[str, str, str]] = []
        self.barred: list[str] = []
        self.denials: list[tuple[str, str]] = []
        self.muted_by: list[str] = []
        self.chat_ids: frozenset[str] = frozenset()
        self.reactions: list[tuple[str, str]] = []
        self.recordings: list[tuple[str, str, str, str]] = []
        self.journal_ids: frozenset[str] = frozenset()

    def participant_changed(self, pubkey: str) -> None:
        self.participants.append(pubkey)

    def session_changed(self) -> None:
        self.changes += 1

    def joined(self) -> None:
        self.joins += 1

    def connection_changed(self, pubkey: str, state: str) -> None:
        self.connections.append((pubkey, state))

    def audio_changed(self, pubkey: str, state: Literal["started", "stopped"]) -> None:
        pass

    def speech_requested(self, pubkey: str) -> None:
        self.hands.append(pubkey)

    def invited(self, by: str, message: str) -> None:
        self.invitations.append((by, message))

    def role_changed(self, pubkey: str, role: Role, by: str) -> None:
        self.roles.append((pubkey, role, by))

    def removed(self, pubkey: str, by: str, reason: str) -> None:
        self.removals.append((pubkey, by, reason))

    def barred_changed(self, pubkey: str) -> None:
        self.barred.append(pubkey)

    def denied(self, by: str, reason: str) -> None:
        self.denials.append((by, reason))

    def recording_changed(self, by: str, state: str, reason: str = "", folder: str = "") -> None:
        self.recordings.append((by, state, reason, folder))

    def mute_asked(self, by: str) -> None:
        self.muted_by.append(by)

    def chat_changed(self, ids: frozenset[str]) -> None:
        self.chat_ids |= ids

    def reacted(self, pubkey: str, emoji: str) -> None:
        self.reactions.append((pubkey, emoji))

    def journal_changed(self, ids: frozenset[str]) -> None:
        self.journal_ids |= ids

    def log(self, level: Literal["info", "warning", "error"], text: str) -> None:
        self.lines.append(text)


class Seat:
    """A session that runs, with its observer."""

    def __init__(self, session: SpaceSession, diary: Diary, task: asyncio.Task[str]) -> None:
        self.session = session
        self.diary = diary
        self.task = task

    @property
    def me(self) -> str:
        return self.session.me

    def sees(self, pubkey: str, role: Role) -> bool:
        """Whether somebody is here, in that role."""
        return self.session.is_present(pubkey) and self.session.state.role_of(pubkey) is role

    async def outcome(self) -> str:
        """Why the session ended, which it does within ten seconds."""
        async with asyncio.timeout(10):
            return await asyncio.shield(self.task)

    async def leave(self) -> str:
        """Leave, and why the session ended."""
        self.session.leave()
        return await self.outcome()


@pytest.fixture
async def sit(relay: RelayServer, space: SpaceRef) -> AsyncIterator[Callable[..., Awaitable[Seat]]]:
    """Take a seat in the space; sessions still running at the end of the test are ended."""
    async with AsyncExitStack() as exits:

        async def sit(
            signer: Signer,
            *,
            create: SpaceCreation | None = None,
            urls: tuple[str, ...] = (),
            outputs: int = 3,
            upload_kbps: int = 0,
            now: Callable[[], float] = time.time,
            created: SpaceCreated | None = None,
            **settings: Any,
        ) -> Seat:
            pool = await exits.enter_async_context(Pool(urls or [relay.url]))
            diary = Diary()
            common = {"name": "", "microphone": "none", "speaker": "null"}
            session = SpaceSession(
                space,
                signer=signer,
                pool=pool,
                settings=SessionSettings(
                    metrics=Metrics(max_audio_outputs=outputs, upload_kbps=upload_kbps),
                    peer=PeerSettings(loopback=True),
                    **(common | settings),
                ),
                observer=diary,
                now=now,
                monotonic=time.monotonic,
                rng=random.Random(7),
                created=created,
            )
            task = asyncio.create_task(session.run(create))
            exits.push_async_callback(end, task)
            return Seat(session, diary, task)

        yield sit


async def end(task: asyncio.Task[str]) -> None:
    task.cancel()
    async with asyncio.timeout(10):
        await asyncio.gather(task, return_exceptions=True)


class ByHand:
    """A participant who says only what the test says, and remembers what others say to it."""

    def __init__(self, space: SpaceRef, signer: LocalSigner, pool: Pool) -> None:
        self.me = signer.pubkey
        self.writer = Writer(space, self.me)
        self.heard: list[SpaceEvent] = []
        self._signer = signer
        self._pool = pool
        to_me = Filter(kinds=events.SIGNAL_KINDS, tags={"p": (self.me,)})
        pool.subscribe([to_me], lambda event, _url: self.heard.append(codec.decode(event)))

    async def say(self, draft: Any) -> Event:
        event = await self._signer.sign(draft)
        results = await self._pool.publish(event)
        assert all(result.ok for result in results.values()), results
        return event

    async def answer(self) -> str:
        """The one answer that has come, decrypted."""
        (answer,) = [event for event in self.heard if isinstance(event, events.SdpAnswered)]
        return codec.read_description(await self._signer.decrypt(answer.signer, answer.content))

    def has_heard(self, kind: type[SpaceEvent]) -> list[SpaceEvent]:
        return [event for event in self.heard if type(event) is kind]


@pytest.fixture
async def by_hand(space: SpaceRef, pool: Pool) -> AsyncIterator[Callable[[int], ByHand]]:
    def enter(number: int) -> ByHand:
        return ByHand(space, _signer(number), pool)

    yield enter


@pytest.fixture
async def offering() -> AsyncIterator[Peer]:
    """A connection whose offer is sent by hand."""
    peer = Peer(
        PeerSettings(loopback=True),
        on_packet=lambda _slot, _packet: None,
        on_message=lambda _message: None,
        on_state=lambda _state: None,
        on_candidate=lambda _candidate: None,
    )
    yield peer
    await peer.close()
