"""The way without hooks: what it carries, and that it is taken where they do not fit."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np
import pytest
from aioice import stun
from aioice.ice import StunProtocol

from tui.audio.opus import Decoder, Encoder
from tui.audio.packet import FRAME, RATE, OpusPacket
from tui.rtc.forwarding import Forwarder, LinkKind
from tui.rtc.peer import Candidate, Peer, PeerSettings
from tui.rtc.selftest import hooks_work
from tui.rtc.stock import StockPeer, make_peer

Make = Callable[..., Any]
HERTZ = 440.0
SPEAKER, MIDDLE, LISTENER = "5" * 64, "6" * 64, "7" * 64


class Tone:
    """A voice that holds one tone."""

    def __init__(self) -> None:
        self._encoder = Encoder()
        self._number = 0

    def next(self) -> OpusPacket:
        number, self._number = self._number, self._number + 1
        phase = 2 * np.pi * HERTZ / RATE * np.arange(number * FRAME, (number + 1) * FRAME)
        payload = self._encoder.encode((0.3 * np.sin(phase)).astype(np.float32))
        return OpusPacket(number, number * FRAME, payload, 13)


def is_tone(packets: list[OpusPacket]) -> bool:
    decoder = Decoder()
    samples = np.concatenate([decoder.decode(x.payload) for x in packets])[-FRAME * 20 :]
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    loudest = np.argmax(spectrum) * RATE / len(samples)
    return bool(abs(loudest - HERTZ) < 10 and np.sqrt(np.mean(samples**2)) > 0.1)


class End:
    def __init__(self, stock: bool) -> None:
        self.heard: list[OpusPacket] = []
        self.messages: list[dict[str, object]] = []
        self.on_packet: Callable[[int, OpusPacket], None] = lambda _, x: self.heard.append(x)
        self.on_message: Callable[[dict[str, object]], None] = self.messages.append
        self.peer: Peer = make_peer(
            PeerSettings(loopback=True, slots=2, stock=stock),
            on_packet=lambda slot, packet: self.on_packet(slot, packet),
            on_message=lambda message: self.on_message(message),
            on_state=lambda _: None,
            on_candidate=self.found,
        )

    def found(self, _: Candidate | None) -> None:
        """All candidates stand in the description."""


@pytest.fixture
async def join(until: Make) -> AsyncIterator[Make]:
    ends: list[End] = []

    async def make(offering: bool, answering: bool) -> tuple[End, End]:
        one, two = End(offering), End(answering)
        ends.extend((one, two))
        answer = await two.peer.accept_offer(await one.peer.create_offer())
        await one.peer.accept_answer(answer)
        await until(lambda: one.peer.state == two.peer.state == "connected")
        return one, two

    yield make
    await asyncio.gather(*(x.peer.close() for x in ends))


async def _play(end: End, until: Callable[[], bool]) -> None:
    tone = Tone()
    async with asyncio.timeout(15):
        while not until():
            end.peer.outputs[0].send(tone.next())
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(("offering", "answering"), [(True, True), (True, False), (False, True)])
async def test_sound_and_messages_pass_both_ways(
    join: Make, until: Make, offering: bool, answering: bool
) -> None:
    ends = await join(offering, answering)
    assert [isinstance(x.peer, StockPeer) for x in ends] == [offering, answering]
    for here, there in (ends, ends[::-1]):
        await _play(here, lambda there=there: len(there.heard) >= 40)
        assert is_tone(there.heard)
        assert [x.sequence - there.heard[0].sequence & 0xFFFF for x in there.heard] == list(
            range(len(there.heard))
        )
        await until(lambda here=here: here.peer.send_message({"type": "path", "path": []}))
        await until(lambda there=there: there.messages)
        await until(lambda here=here: here.peer.stats().round_trip is not None)
        assert there.messages == [{"type": "path", "path": []}]
        assert here.peer.has_channel
        assert here.peer.stats().sent >= 40
        assert there.peer.stats().received >= 40
    if answering:
        assert ends[1].heard[-1].level < 30, "the level is taken from the sound itself"
    await ends[0].peer.close()
    await until(lambda: ends[1].peer.state == "closed")


async def test_a_dead_peer_is_noticed(join: Make, until: Make) -> None:
    one, two = await join(True, True)
    await until(lambda: one.peer.stats().round_trip is not None)
    one.peer._beat.heard(one.peer._monotonic() - 60)
    two.peer._ticking.cancel()
    two.peer._channel.send = lambda _: False
    one.peer._look_after(one.peer._monotonic())
    assert one.peer.state == "failed"
    assert one.peer.problem == "the other side fell silent"


async def test_where_a_hook_is_gone_a_chain_carries_sound_all_the_same(
    join: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def datagram_received(self: StunProtocol, data: bytes, addr: tuple[str, int]) -> None:
        """As a version would do it that hands packets on without the method that we replace."""
        try:
            stun.parse_message(data)
        except ValueError:
            self.receiver._queue.put_nowait((data, self.local_candidate.component))
        else:
            receive(self, data, addr)

    receive = StunProtocol.datagram_received
    monkeypatch.setattr(StunProtocol, "datagram_received", datagram_received)
    monkeypatch.setattr("tui.rtc.selftest.DEADLINE_SECONDS", 1.5)
    works = await hooks_work()
    assert not works

    speaker, first = await join(not works, not works)
    second, listener = await join(not works, not works)
    forwarder = Forwarder(MIDDLE, lambda origin, packet: None)
    forwarder.set_speakers(frozenset({SPEAKER}))
    forwarder.add_link(SPEAKER, first.peer, LinkKind.PROVIDER)
    forwarder.add_link(LISTENER, second.peer, LinkKind.CONSUMER)
    first.on_packet = lambda slot, packet: forwarder.handle_packet(SPEAKER, slot, packet)
    first.on_message = lambda message: forwarder.handle_message(SPEAKER, message)
    speaker.peer.send_message({"type": "slots", "origins": [SPEAKER, None]})
    await _play(speaker, lambda: len(listener.heard) >= 40)
    assert is_tone(listener.heard)
    assert {"type": "slots", "origins": [SPEAKER, None]} in listener.messages
