"""Somebody who writes what the draft and its JavaScript library write, and nothing of ours.

Events are signed by nostr-sdk, connections are aiortc's own. Plain JSON all over: no `enc`, no
`expiration`, no `p` or `d` on a request to speak, descriptions and candidates in both spellings.
"""

import asyncio
import json
import time
from collections import deque
from typing import Any

from nostr_sdk import EventBuilder, Keys, Kind, Tag, Timestamp
from websockets.asyncio.client import ClientConnection

from tests.interop.stock import Sine, Stock

CREATE, CLOSE, JOIN, LEAVE = 1000, 1001, 31101, 31102
RESERVE, CONFIRM, DROP = 31103, 31104, 31105
REMOVE, PROMOTE, DEMOTE = 31106, 31107, 31109
OFFER, ANSWER, ICE, REQUEST = 21102, 21103, 21104, 21105
METRICS = {
    "downloadSpeedKbps": "5000",
    "uploadSpeedKbps": "-1",
    "maxAudioOutputs": "2",
    "networkConnectionType": 4,
}

Json = dict[str, Any]


class Plain:
    """One participant; `hertz` is its voice, for which it needs a place on the stage."""

    def __init__(self, socket: ClientConnection, space: str, host: str = "", hertz: int = 0):
        self._keys = Keys.generate()
        self._socket = socket
        self._tasks: set[asyncio.Task[None]] = set()
        self._dated: dict[str, int] = {}
        self.me = self._keys.public_key().to_hex()
        self.space, self.host = space, host or self.me
        self.hertz = hertz
        self.on_stage = self.host == self.me
        self.heard: deque[Json] = deque(maxlen=1_000)
        self.asked: dict[str, str] = {}
        self.links: dict[str, Stock] = {}
        self._spawn(self._read())

    # -- what it says

    async def create(self) -> None:
        """A space of its own, without the `s` that ours add."""
        content = {"id": self.space, "host": {"publicKey": self.me, "networkMetrics": METRICS}}
        await self.say(CREATE, json.dumps(content), ["h", self.me], ["webrtc", "spaces"], bare=True)
        await self.join()

    async def join(self) -> None:
        """Without a name."""
        since = int(time.time()) - 5
        here = {"kinds": [JOIN, REQUEST, PROMOTE, DEMOTE, REMOVE, CLOSE], "#s": [self.space]}
        to_me = {"kinds": [RESERVE, CONFIRM, DROP, OFFER, ANSWER, ICE], "#p": [self.me]}
        request = ["REQ", "all", {**here, "since": since}, {**to_me, "since": since}]
        await self._socket.send(json.dumps(request))
        content = {"publicKey": self.me, "networkMetrics": METRICS}
        await self.say(JOIN, json.dumps(content), self._d(self.me))

    async def request_speech(self) -> None:
        """As short as it occurs."""
        await self.say(REQUEST)

    async def ask(self, other: str, content: str) -> None:
        """RESERVE with this content."""
        self.asked[other] = content
        await self.say(RESERVE, content, ["p", other], self._d(self.me, other))

    async def act(self, kind: int, target: str, content: str = "") -> None:
        """An act of moderation."""
        await self.say(kind, content, ["p", target], self._d(target))

    async def say(self, kind: int, content: str = "", *tags: list[str], bare: bool = False) -> None:
        common = [] if bare else [["s", self.space], ["h", self.host], ["webrtc", "spaces"]]
        topic = next((tag[1] for tag in tags if tag[0] == "d"), "")
        at = max(int(time.time()), self._dated.get(topic, 0) + bool(topic))
        self._dated[topic] = at
        builder = EventBuilder(Kind(kind), content).tags([Tag.parse(t) for t in [*common, *tags]])
        event = builder.custom_created_at(Timestamp.from_secs(at)).finalize(self._keys)
        await self._socket.send(f'["EVENT",{event.as_json()}]')

    def said(self, kind: int, by: str) -> list[Json]:
        """What somebody has said to it, or in the space."""
        return [one for one in self.heard if (one["kind"], one["pubkey"]) == (kind, by)]

    def hears(self, hertz: float) -> bool:
        return any(link.hears(hertz) for link in self.links.values())

    # -- what it answers

    async def _read(self) -> None:
        async for text in self._socket:
            message = json.loads(text)
            if message[0] == "EVENT" and message[2]["pubkey"] != self.me:
                self.heard.append(message[2])
                self._spawn(self._handle(message[2]))

    async def _handle(self, event: Json) -> None:
        other = event["pubkey"]
        content = json.loads(event["content"]) if event["content"][:1] == "{" else {}
        match event["kind"]:
            case 31104 if other in self.asked:
                await self._offer(other)
            case 31103:
                await self.say(CONFIRM, "", ["p", other], self._d(other, self.me))
            case 21102:
                await self._answer(other, content["sdp"])
            case 21103:
                await self.links[other].accept("answer", content["sdp"])
            case 31107 if ["p", self.me] in event["tags"]:
                self.on_stage = True
            case 31109 if ["p", self.me] in event["tags"]:
                self.on_stage = False

    async def _offer(self, other: str) -> None:
        link = self._link(other)
        if not self.on_stage:
            link.connection.addTransceiver("audio", direction="recvonly")
        sdp = await link.offer()
        without = "".join(x for x in sdp.splitlines(True) if not x.startswith("a=candidate:"))
        content = {"sdp": {"type": "offer", "sdp": without}}
        await self.say(OFFER, json.dumps(content), ["p", other])
        found = [x[2:] for x in sdp.splitlines() if x.startswith("a=candidate:")]
        ice = [{"candidate": x, "sdpMid": "0", "sdpMLineIndex": 0} for x in found]
        await self.say(ICE, json.dumps({"ice": ice}), ["p", other])
        end = {"candidate": "", "sdpMid": "0", "sdpMLineIndex": 0}
        await self.say(ICE, json.dumps({"ice": end}), ["p", other])

    async def _answer(self, other: str, sdp: str) -> None:
        link = self._link(other)
        await link.accept("offer", sdp)
        for transceiver in link.connection.getTransceivers():
            if transceiver.kind == "audio" and transceiver.sender.track is not None:
                transceiver.direction = "sendrecv"
        answer = {"type": "answer", "sdp": await link.answer()}
        await self.say(ANSWER, json.dumps({"sdp": answer}), ["p", other])

    def _link(self, other: str) -> Stock:
        before = self.links.get(other)
        if before is not None:
            self._spawn(before.close())
        link = self.links[other] = Stock()
        if self.on_stage and self.hertz:
            link.connection.addTrack(Sine(self.hertz))
        return link

    def _d(self, *parts: str) -> list[str]:
        return ["d", "||".join((self.space, self.host, *parts))]

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for link in self.links.values():
            await link.close()
