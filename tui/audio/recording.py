"""A recording: what is said, into Ogg/Opus files, by a thread that alone touches the disk.

Either one file of everybody, mixed as it would be heard, or one for each voice with the packets as
they arrived. All files of a recording begin at the same moment, so that they line up in an editor,
and are whole to their last page whenever the process ends.
"""

import logging
import os
import random
import re
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from tui.audio.ogg import OggOpus
from tui.audio.opus import Encoder, Samples
from tui.audio.packet import BLOCK, FRAME, RATE, OpusPacket
from tui.audio.playout import Playout
from tui.audio.threads import in_thread
from tui.audio.track import Track
from tui.config import limits

log = logging.getLogger(__name__)

LATEST = 0.4
"""Seconds by which a packet may be late and still have its place; nobody listens meanwhile."""
WRITE_SECONDS = 0.1  # between two looks at what is to be written

Pieces = Iterator[tuple[str, bytes]]
"""Names of files, and what they go on with."""


class Voice(NamedTuple):
    """Whose voice it is: a public key, and what to call it."""

    origin: str
    name: str


class Tape(Protocol):
    """What packets become; all times are seconds since the recording began."""

    counts: Counter[str]

    def push(self, voice: Voice, packet: OpusPacket, arrival: float) -> None:
        """Take a packet."""

    def drop(self, origin: str) -> None:
        """Nothing more of a voice is wanted, not even what waits."""

    def advance(self, now: float) -> Pieces:
        """What can be written now."""

    def finish(self, now: float) -> Pieces:
        """The rest."""


class SeparateTape:
    """A file for each voice."""

    def __init__(self, comments: dict[str, str], serial: Callable[[], int]) -> None:
        self.counts: Counter[str] = Counter()
        self._comments = comments
        self._serial = serial
        self._tracks: dict[str, tuple[str, Track]] = {}

    def push(self, voice: Voice, packet: OpusPacket, arrival: float) -> None:
        """See `Tape`."""
        if voice.origin not in self._tracks:
            if len(self._tracks) >= limits.RECORDING_VOICES:
                self.counts["too many voices"] += 1
                return
            comments = {**self._comments, "ARTIST": voice.name, "PUBKEY": voice.origin}
            name = f"{len(self._tracks) + 1:02} {file_name(voice.name)}.opus"
            self._tracks[voice.origin] = name, Track(self._serial(), comments)
        self._tracks[voice.origin][1].push(packet, arrival)

    def drop(self, origin: str) -> None:
        """See `Tape`."""
        if origin in self._tracks:
            self._tracks[origin][1].drop()

    def advance(self, now: float) -> Pieces:
        """See `Tape`."""
        for name, track in self._tracks.values():
            yield name, track.advance(now - LATEST)

    def finish(self, now: float) -> Pieces:
        """See `Tape`."""
        for name, track in self._tracks.values():
            yield name, track.finish(now)
            self.counts += track.counts


class MixedTape:
    """One file of all voices, each through a jitter buffer and at the volume it has."""

    NAME = "everybody.opus"

    def __init__(self, comments: dict[str, str], serial: Callable[[], int]) -> None:
        self.counts: Counter[str] = Counter()
        self._ogg = OggOpus(serial(), comments)
        self._playout = Playout()
        self._encoder = Encoder(expected_loss=0)
        self._arriving: deque[tuple[Voice, OpusPacket, float]] = deque()
        self._blocks: list[Samples] = []
        self._rendered = 0  # blocks

    def push(self, voice: Voice, packet: OpusPacket, arrival: float) -> None:
        """See `Tape`."""
        self._arriving.append((voice, packet, arrival))

    def drop(self, origin: str) -> None:
        """See `Tape`."""
        waiting = (arrived for arrived in self._arriving if arrived[0].origin != origin)
        self._arriving = deque(waiting)
        self._playout.drop(origin)

    def advance(self, now: float) -> Pieces:
        """See `Tape`."""
        pages = [] if self._rendered else [self._ogg.head()]
        while (moment := (self._rendered + 1) * BLOCK / RATE) <= now:
            while self._arriving and self._arriving[0][2] <= moment:
                voice, packet, arrival = self._arriving.popleft()
                self._playout.push(voice.origin, packet, arrival)
            self._rendered += 1
            self._blocks.append(self._playout.render(moment, {}))
            if len(self._blocks) * BLOCK == FRAME:
                pages.append(self._ogg.add(self._encoder.encode(np.concatenate(self._blocks))))
                self._blocks = []
        yield self.NAME, b"".join(pages)

    def finish(self, now: float) -> Pieces:
        """See `Tape`."""
        yield from self.advance(now)
        yield self.NAME, self._ogg.end()
        self.counts += self._playout.dropped


class Recording:
    """Files in a folder of their own. `push` and `drop` belong to the event loop and never wait;
    `run` is the recording's task."""

    def __init__(
        self,
        folder: Path,
        *,
        separate: bool,
        title: str = "",
        date: str = "",
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder = folder
        self.lost = 0
        """Packets that found no room, since the disk was too slow."""
        self.bytes = 0
        self.counts: Counter[str] = Counter()
        """What was left out and why, once it has ended."""
        comments = {key: text for key, text in (("TITLE", title), ("DATE", date)) if text}
        self._tape_of = SeparateTape if separate else MixedTape
        self._comments = comments
        self._monotonic = monotonic
        self._began = monotonic()
        # The thread drains this, so that neither ever waits for a lock of the other.
        self._inbox: deque[tuple[Voice, OpusPacket | None, float]] = deque()
        self._files: dict[str, int] = {}
        self._stop = threading.Event()

    @property
    def files(self) -> tuple[str, ...]:
        """The names of the files that there are."""
        return tuple(self._files)

    def push(self, voice: Voice, packet: OpusPacket) -> None:
        """Record a packet that has just arrived."""
        if len(self._inbox) < limits.RECORDING_INBOX:
            self._inbox.append((voice, packet, self._monotonic() - self._began))
        else:
            self.lost += 1

    def drop(self, origin: str) -> None:
        """Leave a voice out from now on, and what of it is not written yet."""
        if len(self._inbox) < 2 * limits.RECORDING_INBOX:
            self._inbox.append((Voice(origin, ""), None, 0.0))

    def stop(self) -> None:
        """Write what is left: `run` returns soon."""
        self._stop.set()

    async def run(self) -> None:
        """Record until `stop`, or cancelled; raises `OSError` when it cannot go on."""
        try:
            await in_thread(self._write, "recording")
        finally:
            self._stop.set()

    # -- on the thread

    def _write(self) -> None:
        chance = random.SystemRandom()
        tape: Tape = self._tape_of(self._comments, lambda: chance.getrandbits(32))
        folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            stopping = False
            while not stopping:
                stopping = self._stop.wait(WRITE_SECONDS)
                now = self._monotonic() - self._began
                self._drain(tape)
                for name, data in tape.finish(now) if stopping else tape.advance(now):
                    self._append(folder, name, data)
                self._check()
        finally:
            self.counts = Counter({f"not recorded: {why}": n for why, n in tape.counts.items()})
            os.close(folder)
            for file in self._files.values():
                os.close(file)

    def _drain(self, tape: Tape) -> None:
        for _ in range(len(self._inbox)):
            voice, packet, arrival = self._inbox.popleft()
            if packet is None:
                tape.drop(voice.origin)
            else:
                tape.push(voice, packet, arrival)

    def _append(self, folder: int, name: str, data: bytes) -> None:
        if not data:
            return
        if name not in self._files:
            # What people said is for nobody else on the machine, and replaces nothing.
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
            self._files[name] = os.open(name, flags, 0o600, dir_fd=folder)
        file, rest = self._files[name], memoryview(data)
        whole = os.fstat(file).st_size
        try:
            while rest:
                rest = rest[os.write(file, rest) :]
        except OSError:
            os.ftruncate(file, whole)  # to where pages are whole
            raise
        self.bytes += len(data)

    def _check(self) -> None:
        """A file that was deleted takes what is written without a word."""
        for name, file in self._files.items():
            if os.fstat(file).st_nlink == 0:
                raise FileNotFoundError(None, "it was deleted", name)


def new_folder(base: Path, name: str) -> Path:
    """Make a folder (mode 0700) that was not there, named after `name`; raises `OSError`."""
    base.mkdir(mode=0o700, parents=True, exist_ok=True)
    for number in range(1, limits.RECORDING_FOLDERS + 1):
        folder = base / (f"{name} {number}" if number > 1 else name)
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            continue
        return folder
    raise FileExistsError(None, "there are too many recordings of this name", str(base / name))


def file_name(text: str) -> str:
    """`text` as a part of a file's name: letters, digits and dashes, short, never empty."""
    words = re.sub(r"[^\w.-]+", "-", text).strip("-._")
    return words.encode()[:60].decode(errors="ignore") or "somebody"
