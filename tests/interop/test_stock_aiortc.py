"""aiortc as it comes, at the other end: a plain peer without channel."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import aioice.ice
import numpy as np
import pytest

from tests.interop.stock import Sine, Stock
from tui.audio.packet import OpusPacket
from tui.rtc.peer import Peer, PeerSettings

Make = Callable[..., Any]


class Ours:
    def __init__(self) -> None:
        self.packets: list[tuple[int, OpusPacket]] = []
        self.states: list[str] = []
        self.peer = Peer(
            PeerSettings(loopback=True),
            on_packet=lambda slot, packet: self.packets.append((slot, packet)),
            on_message=lambda message: None,
            on_state=self.states.append,
            on_candidate=lambda candidate: None,
        )

    async def play(self, slots: list[list[OpusPacket]]) -> None:
        due = time.monotonic()
        for together in zip(*slots, strict=True):
            for output, packet in zip(self.peer.outputs, together, strict=False):
                output.send(packet)
            due += 0.02
            await asyncio.sleep(max(0, due - time.monotonic()))


@pytest.fixture
async def ends(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Ours, Stock]]:
    # A plain connection offers no loopback, which may be all that a machine has.
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda **_: ["127.0.0.1"])
    ours, stock = Ours(), Stock()
    yield ours, stock
    await ours.peer.close()
    await stock.close()


async def test_it_answers_our_offer_and_hears_every_slot(
    ends: tuple[Ours, Stock], until: Make, tone: Make, hertz: Make, strongest: Make
) -> None:
    ours, stock = ends
    stock.connection.addTrack(Sine(440))
    await stock.accept("offer", await ours.peer.create_offer())
    await ours.peer.accept_answer(await stock.offer())
    await until(lambda: ours.peer.state == "connected")
    tones = [550, 660, 770, 880]
    playing = asyncio.create_task(ours.play([tone(x, 6) for x in tones]))
    await until(lambda: len(ours.packets) > 60 and all(len(x) > 60 for x in stock.samples))
    assert {slot for slot, _ in ours.packets} == {0}
    assert hertz([x for _, x in ours.packets]) == pytest.approx(440, abs=3)
    heard = [strongest(np.concatenate(x)) for x in stock.samples]
    assert heard == pytest.approx(tones, abs=3)
    playing.cancel()


async def test_we_answer_its_offer_and_take_no_picture(
    ends: tuple[Ours, Stock], until: Make, tone: Make, hertz: Make, strongest: Make
) -> None:
    ours, stock = ends
    stock.connection.addTrack(Sine(440))
    stock.connection.addTransceiver("video")
    answer = await ours.peer.accept_offer(await stock.offer())
    assert "a=inactive" in answer
    await stock.accept("answer", answer)
    await until(lambda: ours.peer.state == "connected")
    playing = asyncio.create_task(ours.play([tone(550, 6)]))
    await until(lambda: len(ours.packets) > 60 and len(stock.samples[0]) > 60)
    assert hertz([x for _, x in ours.packets]) == pytest.approx(440, abs=3)
    assert strongest(np.concatenate(stock.samples[0])) == pytest.approx(550, abs=3)
    assert len(ours.peer.outputs) == 1
    assert not ours.peer.has_channel
    playing.cancel()


async def test_its_channels_are_none_of_ours(ends: tuple[Ours, Stock], until: Make) -> None:
    ours, stock = ends
    stock.connection.addTransceiver("audio")
    channel = stock.connection.createDataChannel("chat")
    await stock.accept("answer", await ours.peer.accept_offer(await stock.offer()))
    await until(lambda: channel.readyState == "open")
    channel.send('{"type": "slots", "origins": []}')
    channel.send(b"\xff")
    assert not ours.peer.has_channel
    assert not ours.peer.send_message({"type": "slots"})
    for _ in range(10):
        stock.connection.createDataChannel("more")
    await until(lambda: ours.peer.state == "failed")
    assert "channels" in (ours.peer.problem or "")


async def test_its_end_is_noticed_without_a_channel(ends: tuple[Ours, Stock], until: Make) -> None:
    ours, stock = ends
    stock.connection.addTrack(Sine(440))
    await stock.accept("answer", await ours.peer.accept_offer(await stock.offer()))
    await until(lambda: ours.packets)
    transport = stock.connection.getSenders()[0].transport.transport
    for protocol in transport._connection._protocols:
        protocol.transport.abort()  # as a process that was killed: no goodbye
    began = time.monotonic()
    await until(lambda: "failed" in ours.states)
    assert "lost" in (ours.peer.problem or "")
    assert time.monotonic() - began < 8, "aiortc would take 29 seconds"


async def test_its_close_is_noticed_at_once(ends: tuple[Ours, Stock], until: Make) -> None:
    ours, stock = ends
    stock.connection.addTrack(Sine(440))
    await stock.accept("answer", await ours.peer.accept_offer(await stock.offer()))
    await until(lambda: ours.packets)
    await stock.connection.close()
    await until(lambda: ours.peer.state == "closed", 2)
