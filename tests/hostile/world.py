"""A space of honest people in this process, on a real relay and real WebRTC."""

import asyncio
import itertools
import random
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import numpy as np
from websockets.asyncio.client import connect

from tests.hostile.attackers import (
    LOOPBACK,
    Attack,
    Forger,
    Line,
    Mob,
    Rogue,
    message_of,
    number_of,
    wait,
)
from tui.audio.packet import RATE
from tui.nostr.keys import LocalSigner, SecretKey
from tui.nostr.pool import Pool
from tui.spaces.events import Metrics, SpaceRef
from tui.spaces.roles import Role
from tui.spaces.session import SessionSettings, SpaceCreation, SpaceSession

WINDOW = 2_400  # samples of one look at what is heard: 50 ms


class Witness:
    """An observer that counts what it is told and keeps some of it."""

    def __init__(self) -> None:
        self.told: Counter[str] = Counter()
        self.lines: deque[str] = deque(maxlen=500)
        self.last: dict[str, deque[tuple[Any, ...]]] = {}

    def __getattr__(self, name: str) -> Callable[..., None]:
        def hear(*what: Any) -> None:
            self.told[name] += 1
            self.last.setdefault(name, deque(maxlen=50)).append(what)
            if name == "log":
                self.lines.append(what[1])

        return hear


class Seat:
    """An honest participant."""

    def __init__(self, session: SpaceSession, pool: Pool, witness: Witness) -> None:
        self.session = session
        self.pool = pool
        self.witness = witness
        self.task: asyncio.Task[str] | None = None

    @property
    def me(self) -> str:
        return self.session.me

    @property
    def dropped(self) -> dict[str, int]:
        return self.session.dropped

    def role_of(self, other: "Seat | Mob") -> Role:
        return self.session.state.role_of(other.me)

    def sees(self, *others: "Seat | Mob") -> bool:
        return all(self.session.is_present(other.me) for other in others)

    def hears(self, other: "Seat | Rogue") -> bool:
        """Whether their sound arrives now."""
        return self.session.is_talking(other.me)

    def linked(self, other: "Seat | Rogue") -> bool:
        return self.session.link_state(other.me) == "connected"


class World:
    """One space: honest people take seats in it, others attack it."""

    def __init__(self, relay: str, stage: Any, exits: AsyncExitStack) -> None:
        self.relay = relay
        self.stage = stage
        self.space = SpaceRef(Forger(1).me, "0123456789abcdef0123456789abcdef")
        self.seats: list[Seat] = []
        self._exits = exits
        self._secrets = itertools.count(1_000)

    async def sit(
        self,
        number: int,
        *,
        create: SpaceCreation | None = None,
        outputs: int = 3,
        urls: tuple[str, ...] = (),
        **settings: Any,
    ) -> Seat:
        """Take a seat; `number` is the secret key, 1 for the host."""
        signer = LocalSigner(SecretKey(number_of(number)))
        pool = await self._exits.enter_async_context(Pool(urls or (self.relay,)))
        witness = Witness()
        common = {"name": f"honest {number}", "microphone": "none", "speaker": "null"}
        session = SpaceSession(
            self.space,
            signer=signer,
            pool=pool,
            settings=SessionSettings(
                metrics=Metrics(max_audio_outputs=outputs), peer=LOOPBACK, **(common | settings)
            ),
            observer=witness,
            now=time.time,
            monotonic=time.monotonic,
            rng=random.Random(number),
        )
        session.show_roster(True)  # as a screen does, or a crowd would not be heard of at all
        seat = Seat(session, pool, witness)
        seat.task = asyncio.create_task(session.run(create))
        self._exits.push_async_callback(_end, seat.task)
        self.seats.append(seat)
        return seat

    async def host(self, **settings: Any) -> Seat:
        """The host, whose space is open."""
        seat = await self.sit(1, create=SpaceCreation("Tea"), **settings)
        await wait(lambda: seat.session.stage == "joined", "the host is in")
        return seat

    def host_elsewhere(self, pubkey: str, space_id: str = "") -> None:
        """The space is that of somebody whom the test has brought itself."""
        self.space = SpaceRef(pubkey, space_id or self.space.id)

    async def guest(self, number: int, *, role: Role = Role.LISTENER, **settings: Any) -> Seat:
        """Somebody who is in and hears, in that role; everybody sees that."""
        host = self.seats[0]
        seat = await self.sit(number, **settings)
        await wait(lambda: seat.session.stage == "joined" and host.sees(seat), "a guest is in")
        if role is Role.SPEAKER:
            host.session.promote(seat.me)
        elif role is Role.COHOST:
            host.session.promote_cohost(seat.me)
        await self.agree(seat, role)
        if role.speaks:
            await wait(lambda: seat.linked(host), "the stage is connected")
        else:
            await wait(lambda: seat.session.parent, "the guest listens")
        return seat

    async def agree(self, who: Any, role: Role, *, but: Iterable[Seat] = ()) -> None:
        """Wait until everybody honest holds the same of somebody."""
        them = [seat for seat in self.seats if seat not in but and not seat.task.done()]
        await wait(lambda: all(seat.role_of(who) is role for seat in them), f"all see {role.name}")

    async def line(self) -> Line:
        socket = await self._exits.enter_async_context(connect(self.relay, max_size=None))
        line = Line(socket)
        self._exits.push_async_callback(_end, asyncio.create_task(line.read()))
        return line

    async def stored(self, filter_: dict[str, Any]) -> list[dict[str, Any]]:
        """What the relay has of this space, as it was signed."""
        line, found = await self.line(), []
        line.on_event = found.append
        await line.ask(filter_ | {"#s": [self.space.id]})
        await wait(lambda: line.complete, "all that is stored")
        return found

    async def rogue(self, *, role: Role = Role.LISTENER, name: str = "Rogue") -> Rogue:
        """Somebody hostile who is in the space, in that role; everybody sees that."""
        rogue = Rogue(next(self._secrets), self.space, await self.line())
        self._exits.push_async_callback(rogue.close)
        await rogue.enter(name)
        host = self.seats[0]
        await wait(lambda: host.sees(rogue), "the rogue is in")
        if role is Role.SPEAKER:
            host.session.promote(rogue.me)
        elif role is Role.COHOST:
            host.session.promote_cohost(rogue.me)
        await self.agree(rogue, role)
        return rogue

    @asynccontextmanager
    async def attack(
        self, *floods: Iterable[dict[str, Any]], window: int = 20
    ) -> AsyncIterator["Attack"]:
        """All these floods at once, each from a connection of its own, and signed beforehand."""
        signed = await asyncio.to_thread(lambda: [[*map(message_of, one)] for one in floods])
        attack = Attack([(await self.line(), flood) for flood in signed], window)
        try:
            yield attack
        finally:
            await attack.end()

    def mob(self, people: int) -> list[Mob]:
        """Keys that nobody knows."""
        return [Mob(next(self._secrets), self.space) for _ in range(people)]

    async def wait(self, condition: Callable[[], object], what: str = "") -> None:
        """Wait for a state."""
        await wait(condition, what)

    def recording(self, name: str) -> str:
        """The speaker whose sound `heard` reads."""
        return f"file:{self.stage.folder / name}.wav"

    def heard(self, name: str) -> "Heard":
        return Heard(self.stage.sound(name))


class Heard:
    """What somebody records, looked at in windows of 50 ms."""

    def __init__(self, sound: Any) -> None:
        self._sound = sound

    @property
    def now(self) -> float:
        """Seconds recorded so far."""
        return float(self._sound.seconds)

    def has(self, hertz: float, since: float = 0.0, until: float | None = None) -> np.ndarray:
        """Whether a tone is in each window, with whatever else."""
        samples = self._sound.samples()[int(since * RATE) : until and int(until * RATE)]
        windows = samples[: len(samples) // WINDOW * WINDOW].reshape(-1, WINDOW)
        spectrum = np.abs(np.fft.rfft(windows * np.hanning(WINDOW), axis=1)) / WINDOW
        near = np.abs(np.fft.rfftfreq(WINDOW, 1 / RATE) - hertz) <= 30
        return spectrum[:, near].max(axis=1, initial=0) > 0.01

    def seconds_of(self, hertz: float, since: float = 0.0) -> float:
        return float(self.has(hertz, since).sum()) * WINDOW / RATE

    def longest_hole(self, hertz: float, since: float, until: float | None = None) -> float:
        """The longest time without that tone, in seconds."""
        found = self.has(hertz, since, until)
        runs = [len(list(run)) for there, run in itertools.groupby(found) if not there]
        return max(runs, default=0) * WINDOW / RATE

    async def goes_on(self, hertz: float, seconds: float = 1.0) -> None:
        """Wait until that much more of a tone was heard."""
        since = self.now
        await wait(lambda: self.seconds_of(hertz, since) >= seconds, f"{hertz} Hz goes on")


async def _end(task: asyncio.Task[Any]) -> None:
    task.cancel()
    async with asyncio.timeout(15):
        await asyncio.gather(task, return_exceptions=True)
