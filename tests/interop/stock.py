"""aiortc as it comes: a sine as its microphone, and what it hears."""

import asyncio
import fractions
import time
from typing import Any

import numpy as np
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame

from tui.audio.packet import FRAME, RATE


class Sine(MediaStreamTrack):
    kind = "audio"

    def __init__(self, hertz: int) -> None:
        super().__init__()
        self._hertz, self._place, self._began = hertz, 0, time.monotonic()

    async def recv(self) -> AudioFrame:
        times = (np.arange(FRAME) + self._place) / RATE
        samples = (np.sin(2 * np.pi * self._hertz * times) * 12_000).astype(np.int16)
        frame = AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts = RATE, self._place
        frame.time_base = fractions.Fraction(1, RATE)
        self._place += FRAME
        await asyncio.sleep(max(0, self._began + self._place / RATE - time.monotonic()))
        return frame


class Stock:
    """A plain connection, and the samples of each track that it gets."""

    def __init__(self) -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.samples: list[list[np.ndarray[Any, Any]]] = []
        self.tasks: set[asyncio.Task[None]] = set()
        self.connection.on("track", self._listen)

    def _listen(self, track: MediaStreamTrack) -> None:
        self.samples.append([])
        self.tasks.add(asyncio.create_task(self._hear(track, self.samples[-1])))

    async def _hear(self, track: MediaStreamTrack, samples: list[np.ndarray[Any, Any]]) -> None:
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            assert isinstance(frame, AudioFrame)
            samples.append(frame.to_ndarray().reshape(-1, 2)[:, 0])

    def hears(self, hertz: float) -> bool:
        """Whether this tone is the strongest sound of any track now."""
        for samples in self.samples:
            last = np.concatenate(samples[-25:]) if samples else np.zeros(1)
            if len(last) < RATE // 4 or np.abs(last).max() < 500:
                continue
            spectrum = np.abs(np.fft.rfft(last * np.hanning(len(last))))
            if abs(float(np.argmax(spectrum)) * RATE / len(last) - hertz) < 25:
                return True
        return False

    async def close(self) -> None:
        await self.connection.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def offer(self) -> str:
        await self.connection.setLocalDescription()
        return self.connection.localDescription.sdp

    async def answer(self) -> str:
        return await self.offer()

    async def accept(self, kind: str, sdp: str) -> None:
        await self.connection.setRemoteDescription(RTCSessionDescription(sdp, kind))
