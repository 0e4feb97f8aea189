import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, Literal

import pytest

from tui.nostr.event import Draft, Event
from tui.nostr.keys import LocalSigner, SecretKey
from tui.nostr.pool import Pool
from tui.relay.server import RelayServer
from tui.rtc.peer import PeerSettings
from tui.spaces.events import Metrics, SpaceRef
from tui.spaces.roles import Role
from tui.spaces.session import SessionSettings, SpaceCreation, SpaceSession


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
    """Wait for a condition, ten seconds at most."""

    async def wait(condition: Callable[[], object]) -> None:
        async with asyncio.timeout(10):
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
        self.joins = 0
        self.invitations: list[tuple[str, str]] = []
        self.roles: list[tuple[str, Role, str]] = []
        self.removals: list[tuple[str, str, str]] = []
        self.barred: list[str] = []
        self.denials: list[tuple[str, str]] = []
        self.muted_by: list[str] = []
        self.chat_ids: frozenset[str] = frozenset()
        self.reactions: list[tuple[str, str]] = []
        self.journal_ids: frozenset[str] = frozenset()

    def participant_changed(self, pubkey: str) -> None:
        self.participants.append(pubkey)

    def session_changed(self) -> None:
        pass

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

    async def leave(self) -> str:
        """Leave, and why the session ended; all within ten seconds."""
        self.session.leave()
        async with asyncio.timeout(10):
            return await self.task


@pytest.fixture
async def sit(relay: RelayServer, space: SpaceRef) -> AsyncIterator[Callable[..., Awaitable[Seat]]]:
    """Take a seat in the space; sessions still running at the end of the test are ended."""
    async with AsyncExitStack() as exits:

        async def sit(
            signer: LocalSigner,
            *,
            create: SpaceCreation | None = None,
            urls: tuple[str, ...] = (),
            speaker: str = "null",
        ) -> Seat:
            pool = await exits.enter_async_context(Pool(urls or [relay.url]))
            diary = Diary()
            session = SpaceSession(
                space,
                signer=signer,
                pool=pool,
                settings=SessionSettings(
                    name="",
                    microphone="none",
                    speaker=speaker,
                    metrics=Metrics(max_audio_outputs=3),
                    peer=PeerSettings(loopback=True),
                ),
                observer=diary,
                now=time.time,
                monotonic=time.monotonic,
                rng=random.Random(7),
            )
            task = asyncio.create_task(session.run(create))
            exits.push_async_callback(end, task)
            return Seat(session, diary, task)

        yield sit


async def end(task: asyncio.Task[str]) -> None:
    task.cancel()
    async with asyncio.timeout(10):
        await asyncio.gather(task, return_exceptions=True)
