"""Who attacks a space: keys without end, raw connections to relays and peers, no rules."""

import asyncio
import hashlib
import itertools
import json
import random
import time
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from typing import Any

import numpy as np
import pylibsrtp
from coincurve import PrivateKey
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from tui.audio.opus import Encoder
from tui.audio.packet import FRAME, RATE, OpusPacket
from tui.nostr.keys import LocalSigner, SecretKey
from tui.rtc.peer import Peer, PeerSettings
from tui.spaces import codec, events
from tui.spaces.events import SpaceRef

LOOPBACK = PeerSettings(loopback=True)
WEBRTC = ("webrtc", "spaces")


async def wait(condition: Callable[[], object], what: str = "", seconds: float = 20.0) -> None:
    """Wait for a state."""
    try:
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"not reached: {what or 'what was waited for'}") from None


def number_of(secret: int) -> bytes:
    return secret.to_bytes(32, "big")


def message_of(event: dict[str, Any]) -> str:
    return json.dumps(["EVENT", event])


class Forger:
    """Signs whatever it is told to, with no check of ours in between."""

    def __init__(self, secret: int) -> None:
        self._key = PrivateKey(number_of(secret))
        self.me = self._key.public_key_xonly.format().hex()

    def event(
        self, kind: int, content: object = "", tags: Iterable[Any] = (), at: int | None = None
    ) -> dict[str, Any]:
        """A valid event with these very contents."""
        at = int(time.time()) if at is None else at
        text = content if isinstance(content, str) else json.dumps(content)
        tags = [list(tag) for tag in tags]
        signed = json.dumps(
            [0, self.me, at, kind, tags, text], separators=(",", ":"), ensure_ascii=False
        )
        digest = hashlib.sha256(signed.encode(errors="surrogatepass")).digest()
        return {
            "id": digest.hex(),
            "pubkey": self.me,
            "created_at": at,
            "kind": kind,
            "tags": tags,
            "content": text,
            "sig": self._key.sign_schnorr(digest).hex(),
        }


class Mob(Forger):
    """One of many in a space, who writes the draft's shapes and is told what to write in them."""

    def __init__(self, secret: int, space: SpaceRef) -> None:
        super().__init__(secret)
        self.space = space

    def say(
        self,
        kind: int,
        content: object = "",
        *tags: tuple[str, ...],
        at: int | None = None,
        about: tuple[str, ...] | None = None,
    ) -> dict[str, Any]:
        """An event of the space; `about` are the last parts of its `d`."""
        here = (("s", self.space.id), ("h", self.space.host), WEBRTC)
        d = () if about is None else (("d", "||".join((self.space.id, self.space.host, *about))),)
        return self.event(kind, content, (*here, *tags, *d), at)

    def join(self, name: object = "Mallory", at: int | None = None, **more: Any) -> dict[str, Any]:
        metrics = {"maxAudioOutputs": 1_000, "uploadSpeedKbps": 1_000_000} | more
        content = {"name": name, "publicKey": self.me, "networkMetrics": metrics}
        until = ("expiration", str((at or int(time.time())) + 180))
        enc = ("enc", "nip44")
        return self.say(events.JOIN_SPACE, content, enc, until, at=at, about=(self.me,))

    def act(self, kind: int, target: str, at: int | None = None, **content: str) -> dict[str, Any]:
        """An act of moderation."""
        return self.say(kind, content or "", ("p", target), at=at, about=(target,))

    def hand(self, at: int | None = None, *tags: tuple[str, ...]) -> dict[str, Any]:
        return self.say(events.REQUEST_SPEECH, "", ("p", self.me), *tags, at=at, about=(self.me,))

    def reserve(self, to: str, kind: str = "consumer", at: int | None = None) -> dict[str, Any]:
        content = {"type": kind, "networkMetrics": {}}
        return self.say(
            events.RESERVE_CONNECTION, content, ("p", to), at=at, about=(self.me, to)
        )  # fmt: skip

    def signal(self, kind: int, to: str, content: object) -> dict[str, Any]:
        return self.say(kind, content, ("p", to))


class Line:
    """A raw connection to a relay: whatever one likes is sent, and the answers are kept."""

    def __init__(self, socket: ClientConnection) -> None:
        self.answers: Counter[str] = Counter()  # "ok", or why not
        self.sent = 0
        self.ended = self.complete = False
        self.on_event: Callable[[dict[str, Any]], None] = lambda event: None
        self._socket = socket

    async def read(self) -> None:
        """Take answers until the relay has had enough of us."""
        try:
            await self._read()
        except ConnectionClosed:
            pass
        finally:
            self.ended = True

    async def _read(self) -> None:
        async for text in self._socket:
            message = json.loads(text)
            if message[0] == "OK":
                self.answers["ok" if message[2] else str(message[3])] += 1
            elif message[0] == "EVENT":
                self.on_event(message[2])
            elif message[0] == "EOSE":
                self.complete = True
            elif message[0] == "NOTICE":
                self.answers[str(message[1])] += 1

    async def ask(self, filter_: dict[str, Any]) -> None:
        await self._socket.send(json.dumps(["REQ", "raw", filter_]))

    async def tell(self, *said: dict[str, Any]) -> None:
        """Publish, and do not wait for any answer."""
        for event in said:
            self.sent += 1
            await self._socket.send(message_of(event))

    async def flood(self, said: Iterable[dict[str, Any] | str], window: int = 20) -> int:
        """Publish as fast as the relay answers, and until it hangs up; how much that was."""
        before = self.sent

        def answered(of: int) -> bool:
            return self.ended or self.answers.total() >= of

        with suppress(ConnectionClosed):
            for event in said:
                self.sent += 1
                await self._socket.send(event if isinstance(event, str) else message_of(event))
                await wait(lambda: answered(self.sent - window), "the relay answers")
        await wait(lambda: answered(self.sent), "the relay has answered")
        return self.sent - before


class Attack:
    """Several floods that go on in the background."""

    def __init__(self, floods: list[tuple[Line, list[str]]], window: int) -> None:
        self.lines = [line for line, _ in floods]
        self._tasks = [asyncio.create_task(line.flood(said, window)) for line, said in floods]

    @property
    def goes_on(self) -> bool:
        return not all(task.done() for task in self._tasks)

    async def over(self) -> None:
        """Wait until relays have answered all of it."""
        async with asyncio.timeout(60):
            await asyncio.gather(*self._tasks)

    async def end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class Rogue(Mob):
    """Somebody with a connection of their own to the relay and to peers, who obeys nobody."""

    def __init__(self, secret: int, space: SpaceRef, line: Line) -> None:
        super().__init__(secret, space)
        self.line = line
        self.heard: deque[dict[str, Any]] = deque(maxlen=2_000)
        self.peers: dict[str, Peer] = {}
        self.received: Counter[str] = Counter()  # packets, by who sent them
        self.serves = False
        self._signer = LocalSigner(SecretKey(number_of(secret)))
        self._rng = random.Random(secret)
        self._tasks: set[asyncio.Task[None]] = set()
        line.on_event = self._hear

    async def enter(self, name: str = "Rogue") -> None:
        kinds = list(events.SIGNAL_KINDS)
        await self.line.ask({"kinds": kinds, "#p": [self.me], "since": int(time.time()) - 5})
        await self.line.tell(self.join(name))

    def _hear(self, event: dict[str, Any]) -> None:
        self.heard.append(event)
        if event["kind"] == events.RESERVE_CONNECTION and self.serves:
            self._spawn(self._serve(event["pubkey"]))

    def said(self, kind: int, by: str) -> list[dict[str, Any]]:
        """What somebody has said to us."""
        return [one for one in self.heard if one["kind"] == kind and one["pubkey"] == by]

    async def connect(self, to: str, kind: str = "mutual") -> Peer:
        """A connection that we ask for."""
        await self.line.tell(self.reserve(to, kind))
        await wait(lambda: self.said(events.CONFIRM_CONNECTION, to), "a CONFIRM")
        peer = self._peer(to)
        offer = codec.write_description(await peer.create_offer())
        sealed = await self._signer.encrypt(to, offer)
        await self.line.tell(self.signal(events.SDP_OFFER, to, sealed))
        await wait(lambda: self.said(events.SDP_ANSWER, to), "an answer")
        answer = await self._read(self.said(events.SDP_ANSWER, to)[-1])
        await peer.accept_answer(codec.read_description(answer))
        await wait(lambda: peer.state == "connected", "a connection")
        return peer

    async def _serve(self, asking: str) -> None:
        content = {"type": "consumer"}
        await self.line.tell(
            self.say(events.CONFIRM_CONNECTION, content, ("p", asking), about=(asking, self.me))
        )
        before = len(self.said(events.SDP_OFFER, asking))
        await wait(lambda: len(self.said(events.SDP_OFFER, asking)) > before, "an offer")
        offer = await self._read(self.said(events.SDP_OFFER, asking)[-1])
        peer = self._peer(asking)
        answer = codec.write_description(await peer.accept_offer(codec.read_description(offer)))
        sealed = await self._signer.encrypt(asking, answer)
        await self.line.tell(self.signal(events.SDP_ANSWER, asking, sealed))

    async def _read(self, event: dict[str, Any]) -> str:
        return await self._signer.decrypt(event["pubkey"], event["content"])

    def _peer(self, other: str) -> Peer:
        def received(_slot: int, _packet: OpusPacket) -> None:
            self.received[other] += 1

        self.peers[other] = Peer(
            LOOPBACK,
            on_packet=received,
            on_message=lambda message: None,
            on_state=lambda state: None,
            on_candidate=lambda candidate: None,
        )
        return self.peers[other]

    def hum(self, hertz: float, claims: list[str | None] | None = None) -> None:
        """Send a tone to everybody we have a connection with, for ever and whatever they say.

        `claims` is whose voice we say it is, by slot.
        """
        self._spawn(self._hum(hertz, claims or [self.me]))

    async def _hum(self, hertz: float, claims: list[str | None]) -> None:
        encoder, due = Encoder(), time.monotonic()
        for number in itertools.count():
            times = (np.arange(FRAME) + number * FRAME) / RATE
            samples = (np.sin(2 * np.pi * hertz * times) * 0.3).astype(np.float32)
            payload = encoder.encode(samples)
            place = (number & 0xFFFF, number * FRAME & 0xFFFFFFFF)
            for peer in self.peers.values():
                if number % 25 == 0:
                    peer.send_message({"type": "slots", "origins": claims})
                for output in peer.outputs[: len(claims)]:
                    output.send(OpusPacket(*place, payload, 10))
            due += FRAME / RATE
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    def say_raw(self, to: str, said: str | bytes) -> None:
        """Send this on the data channel."""
        self.peers[to]._channel._channel.send(said)

    def send_raw(self, to: str, packet: bytes) -> None:
        """Send this in place of an RTP packet, properly encrypted."""
        path = self.peers[to]._media._path
        with suppress(pylibsrtp.Error, ValueError):  # as long as nothing is
            path.send_again(path._dtls._tx_srtp.protect(packet))

    def ssrc(self, to: str) -> int:
        """The stream under which our voice goes to somebody."""
        return self.peers[to].outputs[0].ssrc

    def noise(self, length: int) -> bytes:
        return self._rng.randbytes(length)

    def any(self, bits: int) -> int:
        return self._rng.getrandbits(bits)

    async def breathe(self) -> None:
        """Let the others have their turn."""
        await asyncio.sleep(0.01)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for peer in self.peers.values():
            await peer.close()
