"""Chromium as a plain peer: no data channel, no announcement, one microphone."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tui.audio.packet import OpusPacket
from tui.rtc.peer import Candidate, Peer, PeerSettings

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.timeout(120)]

PLAIN = (Path(__file__).parent / "web" / "plain.js").read_text()
NEAR = 15.0
"""Hertz: one bin of the page's analyser is 12 wide."""

Make = Callable[..., Any]


class Ours:
    """Our end, and the browser's page."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.packets: list[tuple[int, OpusPacket]] = []
        self.states: list[str] = []
        self.peer = Peer(
            PeerSettings(loopback=True),
            on_packet=lambda slot, packet: self.packets.append((slot, packet)),
            on_message=lambda message: None,
            on_state=self.states.append,
            on_candidate=lambda candidate: None,
        )
        self._trickled = 0

    async def call(self, method: str, *arguments: object) -> Any:
        return await self.page.run(f"await peer.{method}({json.dumps(arguments)[1:-1]})")

    async def connected(self) -> bool:
        """Passes on the browser's candidates; whether both ends are connected."""
        found = (await self.page.run("peer.candidates"))[self._trickled :]
        self._trickled += len(found)
        for candidate in found:
            text = candidate["candidate"] if candidate else ""
            line = candidate or {"sdpMid": "0", "sdpMLineIndex": 0}
            self.peer.add_candidate(Candidate(text, line["sdpMid"], line["sdpMLineIndex"]))
        there = await self.page.run("peer.pc.connectionState")
        return self.peer.state == there == "connected"

    async def play(self, slots: dict[int, list[OpusPacket]]) -> None:
        """Sends packets into slots, 20 ms apart."""
        due = time.monotonic()
        for together in zip(*slots.values(), strict=True):
            for slot, packet in zip(slots, together, strict=True):
                self.peer.outputs[slot].send(packet)
            due += 0.02
            await asyncio.sleep(max(0, due - time.monotonic()))


@pytest.fixture
async def ours(chromium: Any) -> AsyncIterator[Ours]:
    page = await chromium.open()
    await page.run(PLAIN + "\nglobalThis.peer = new Plain(440);")
    side = Ours(page)
    yield side
    await side.peer.close()


async def _hear_each_other(ours: Ours, until: Make, hertz: Make, packets: dict[int, Any]) -> None:
    await until(ours.connected)
    playing = asyncio.create_task(ours.play(packets))
    await until(lambda: len(ours.packets) > 100)
    received = [packet for slot, packet in ours.packets if slot == 0]
    assert len(received) == len(ours.packets)
    assert hertz(received) == pytest.approx(440, abs=3)
    loud = [x.level for x in received[50:]]
    assert 0 < max(loud) < 60, "the browser states its level, and it is not silence"
    expected = {slot: 550 + 110 * slot for slot in packets}

    async def heard() -> bool:
        frequencies = await ours.call("heard")
        return all(abs(frequencies[x] - expected[x]) < NEAR for x in packets)

    await until(heard)
    playing.cancel()


async def test_a_browser_that_answers_hears_every_slot_and_is_heard(
    ours: Ours, until: Make, tone: Make, hertz: Make
) -> None:
    answer = await ours.call("answer", await ours.peer.create_offer())
    await ours.peer.accept_answer(answer)
    packets = {slot: tone(550 + 110 * slot, 12) for slot in range(4)}
    await _hear_each_other(ours, until, hertz, packets)
    assert not ours.peer.has_channel
    assert "a=fmtp:96 minptime=10;useinbandfec=1" in answer


async def test_a_browser_that_offers_one_line_is_served_on_it(
    ours: Ours, until: Make, tone: Make, hertz: Make
) -> None:
    answer = await ours.peer.accept_offer(await ours.call("offer"))
    assert "m=application" not in answer
    assert "opus/48000/2" in answer
    assert "PCMU" not in answer
    await ours.call("accept", answer)
    await _hear_each_other(ours, until, hertz, {0: tone(550, 12)})
    assert len(ours.peer.outputs) == 1


async def test_a_browser_may_offer_lines_on_which_it_only_listens(
    ours: Ours, until: Make, tone: Make, hertz: Make
) -> None:
    await ours.call("accept", await ours.peer.accept_offer(await ours.call("offer", 2)))
    packets = {slot: tone(550 + 110 * slot, 12) for slot in range(3)}
    await _hear_each_other(ours, until, hertz, packets)


async def test_a_browser_is_told_what_arrived_and_when_we_go(
    ours: Ours, until: Make, tone: Make
) -> None:
    await ours.call("accept", await ours.peer.accept_offer(await ours.call("offer")))
    await until(ours.connected)
    await ours.play({0: tone(550, 1)})

    async def reported() -> bool:
        return any("roundTripTime" in x for x in await ours.call("outbound"))

    await until(reported)
    await ours.peer.close()
    await until(lambda: _gone(ours))


async def _gone(ours: Ours) -> bool:
    state = "peer.pc.getSenders()[0].transport.state"
    return bool(await ours.page.run(state) == "closed")
