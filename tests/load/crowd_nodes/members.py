"""Members of a space as plain sessions, many to a process, and what each of them hears."""

import random
import time
from collections import Counter
from typing import Any

from tui.audio.packet import OpusPacket
from tui.nostr.keys import LocalSigner, SecretKey
from tui.nostr.pool import Pool
from tui.rtc.peer import PeerSettings
from tui.spaces.events import Metrics, SpaceRef
from tui.spaces.session import SessionSettings, SpaceCreation, SpaceSession

QUIET_LEVEL = 50  # -50 dBov: from there on nothing is missed
HOLE_SECONDS = 0.08  # between two packets of 20 ms: 60 ms are missing
PAUSE_SECONDS = 3.0  # longer than that is another turn, not a hole


class Deaf:
    """An observer that hears nothing: what counts is measured on the packets."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


class Ear:
    """What one member hears: packets of each origin by the second, and holes while it talks."""

    def __init__(self) -> None:
        self.packets: dict[str, Counter[int]] = {}  # origin: packets of each second
        self.holes: list[tuple[str, float, float]] = []
        self._last: dict[str, tuple[float, bool]] = {}

    def hear(self, origin: str, packet: OpusPacket) -> None:
        now = time.monotonic()
        before, loud = self._last.get(origin, (now, False))
        if origin not in self.packets:
            self.packets[origin] = Counter()
        self.packets[origin][int(now)] += 1
        if loud and HOLE_SECONDS < now - before < PAUSE_SECONDS:
            self.holes.append((origin, before, now - before))
        self._last[origin] = (now, packet.level < QUIET_LEVEL)


class Member:
    """One session with its own key and relay connection; `run` lasts as long as it is in."""

    def __init__(self, number: int, space: SpaceRef, relay: str, **settings: Any) -> None:
        self.number = number
        self.signer = LocalSigner(SecretKey(number.to_bytes(32, "big")))
        self.space = space
        self.ear = Ear()
        self.joined = self.left = 0.0
        self.session: SpaceSession | None = None
        self._relay = relay
        self._settings = settings

    @property
    def pubkey(self) -> str:
        return self.signer.pubkey

    async def run(self, create: SpaceCreation | None = None) -> None:
        settings = SessionSettings(
            name=f"M{self.number}",
            speaker="null",
            metrics=Metrics(
                download_kbps=20_000,
                upload_kbps=20_000,
                max_audio_outputs=self._settings["outputs"],
            ),
            peer=PeerSettings(loopback=True),
            microphone=self._settings.get("microphone", "none"),
            muted=True,
        )
        async with Pool([self._relay]) as pool:
            await pool.wait_connected(20)
            session = SpaceSession(
                self.space,
                signer=self.signer,
                pool=pool,
                settings=settings,
                observer=Deaf(),
                now=time.time,
                monotonic=time.monotonic,
                rng=random.Random(self.number),
            )
            forwarder = session._parts.sound.forwarder
            play = forwarder._on_play

            def heard(origin: str, packet: OpusPacket) -> None:
                self.ear.hear(origin, packet)
                play(origin, packet)

            forwarder._on_play = heard
            self.session, self.joined = session, time.monotonic()
            try:
                await session.run(create)
            finally:
                self.left = time.monotonic()

    def report(self) -> dict[str, Any]:
        """What `crowd.py` is told of this member."""
        session = self.session
        assert session is not None
        return {
            "member": self.number,
            "pubkey": self.pubkey,
            "joined": self.joined,
            "left": self.left or time.monotonic(),
            "depth": session._parts.connections.depth,
            "packets": [
                [origin, second, count]
                for origin, counts in self.ear.packets.items()
                for second, count in counts.items()
            ],
            "holes": self.ear.holes,
            "moves": [
                [at, orphaned, why]
                for at, _, why, orphaned in session._parts.connections.uplink.moves
            ],
            "dropped": session.dropped,
        }
