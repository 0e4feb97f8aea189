import asyncio
import contextlib
import fractions
import itertools
import json
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from websockets.asyncio.client import ClientConnection, connect

from tui.audio.packet import FRAME, RATE, OpusPacket

CHROMIUM = (
    "chromium",
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--allow-loopback-in-peer-connection",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    "--remote-debugging-port=0",
)


class BrowserError(Exception):
    """What the browser, or the script in it, complained about."""


class Browser:
    """Headless Chromium over its DevTools protocol: pages are opened, scripts run in them."""

    def __init__(self, socket: ClientConnection) -> None:
        self.console: list[str] = []
        """What pages printed, and their uncaught errors."""
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._loaded: dict[str, asyncio.Event] = {}

    async def open(self, url: str = "about:blank") -> "Page":
        """Opens a page and waits until it has loaded."""
        target = await self.call("Target.createTarget", url="about:blank")
        attached = await self.call(
            "Target.attachToTarget", targetId=target["targetId"], flatten=True
        )
        page = Page(self, attached["sessionId"])
        for domain in ("Page", "Runtime"):
            await self.call(f"{domain}.enable", page.session)
        if url != "about:blank":
            await page.go(url)
        return page

    async def call(self, method: str, session: str | None = None, **arguments: object) -> Any:
        """Calls one method of the protocol; raises `BrowserError`."""
        number = next(self._numbers)
        request = {"id": number, "method": method, "params": arguments}
        if session is not None:
            request["sessionId"] = session
        self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send(json.dumps(request))
        try:
            async with asyncio.timeout(20):
                answer = await self._answers[number]
        finally:
            del self._answers[number]
        if "error" in answer:
            raise BrowserError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def loading(self, session: str) -> asyncio.Event:
        """Is set when that page has loaded what it is asked for next."""
        self._loaded[session] = asyncio.Event()
        return self._loaded[session]

    async def read(self) -> None:
        """Takes answers and events until the browser goes."""
        async for text in self._socket:
            message = json.loads(text)
            waiting = self._answers.get(message.get("id", 0))
            if waiting is not None and not waiting.done():
                waiting.set_result(message)
            match message.get("method"):
                case "Page.loadEventFired":
                    self._loaded.get(message["sessionId"], asyncio.Event()).set()
                case "Runtime.consoleAPICalled":
                    said = [
                        str(x.get("value", x.get("description"))) for x in message["params"]["args"]
                    ]
                    self.console.append(" ".join(said))
                case "Runtime.exceptionThrown":
                    self.console.append(_complaint(message["params"]["exceptionDetails"]))


class Page:
    """One page of the browser."""

    def __init__(self, browser: Browser, session: str) -> None:
        self.session = session
        self._browser = browser

    async def go(self, url: str) -> None:
        """Goes to a URL and waits until it has loaded."""
        loaded = self._browser.loading(self.session)
        went = await self._browser.call("Page.navigate", self.session, url=url)
        if "errorText" in went:
            raise BrowserError(f"{url}: {went['errorText']}")
        async with asyncio.timeout(20):
            await loaded.wait()

    async def run(self, script: str) -> Any:
        """Runs a script (`await` may stand in it) and returns the value of its last expression."""
        result = await self._browser.call(
            "Runtime.evaluate",
            self.session,
            expression=script,
            awaitPromise=True,
            returnByValue=True,
            replMode=True,
        )
        if "exceptionDetails" in result:
            raise BrowserError(_complaint(result["exceptionDetails"]))
        return result["result"].get("value")


def _complaint(details: dict[str, Any]) -> str:
    return str(details.get("exception", {}).get("description") or details["text"])


@pytest.fixture
async def chromium(tmp_path: Path) -> AsyncIterator[Browser]:
    """A browser of this test alone, gone afterwards with all that it started."""
    profile = tmp_path / "chromium"
    profile.mkdir()
    process = await asyncio.create_subprocess_exec(
        *CHROMIUM,
        f"--user-data-dir={profile}",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        async with connect(await _devtools_url(profile, process), max_size=None) as socket:
            browser = Browser(socket)
            reading = asyncio.create_task(browser.read())
            try:
                yield browser
            finally:
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


async def _devtools_url(profile: Path, process: asyncio.subprocess.Process) -> str:
    port = profile / "DevToolsActivePort"
    async with asyncio.timeout(30):
        while not port.exists() or port.read_text().count("\n") < 1:
            if process.returncode is not None:
                raise BrowserError(f"chromium ended with status {process.returncode}")
            await asyncio.sleep(0.02)
    number, path = port.read_text().split("\n")
    return f"ws://127.0.0.1:{number}{path}"


async def _until(condition: Callable[[], Any], seconds: float = 20.0) -> None:
    """Waits for a condition: a plain one, or one that is awaited."""
    try:
        async with asyncio.timeout(seconds):
            while True:
                fulfilled = condition()
                if isinstance(fulfilled, Awaitable):
                    fulfilled = await fulfilled
                if fulfilled:
                    return
                await asyncio.sleep(0.02)
    except TimeoutError:
        pytest.fail("what was waited for did not happen")


@pytest.fixture
def until() -> Callable[..., Awaitable[None]]:
    return _until


@pytest.fixture
def tone() -> Callable[[int, float], list[OpusPacket]]:
    """A sine as Opus packets, by an encoder that is not ours."""

    def make(hertz: int, seconds: float) -> list[OpusPacket]:
        encoder = av.CodecContext.create("libopus", "w")
        encoder.sample_rate, encoder.layout, encoder.format = RATE, "mono", "s16"
        encoder.bit_rate, encoder.time_base = 32_000, fractions.Fraction(1, RATE)
        times = np.arange(round(seconds * RATE) // FRAME * FRAME) / RATE
        samples = (np.sin(2 * np.pi * hertz * times) * 0.4 * 32_767).astype(np.int16)
        packets = []
        for start in range(0, len(samples), FRAME):
            frame = av.AudioFrame.from_ndarray(
                samples[None, start : start + FRAME], format="s16", layout="mono"
            )
            frame.sample_rate, frame.pts = RATE, start
            packets += [bytes(x) for x in encoder.encode(frame)]
        return [OpusPacket(x, x * FRAME, body, level=20) for x, body in enumerate(packets)]

    return make


@pytest.fixture
def hertz() -> Callable[[list[OpusPacket]], float]:
    """The strongest frequency in the last half second of Opus packets, by a foreign decoder."""

    def measure(packets: list[OpusPacket]) -> float:
        decoder = av.CodecContext.create("libopus", "r")
        decoder.format, decoder.layout, decoder.sample_rate = "s16", "mono", RATE
        frames = [y for x in packets for y in decoder.decode(av.Packet(x.payload))]
        return _strongest(np.concatenate([x.to_ndarray().ravel() for x in frames]))

    return measure


def _strongest(samples: Any) -> float:
    samples = samples[-RATE // 2 :].astype(float)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum)) * RATE / len(samples)


@pytest.fixture
def strongest() -> Callable[[Any], float]:
    """The strongest frequency in the last half second of 48 kHz mono samples."""
    return _strongest
