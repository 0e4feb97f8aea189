import asyncio
import gc
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aioice import Connection
from aiortc import RTCDtlsTransport, RTCPeerConnection, RTCRtpReceiver, RTCSctpTransport
from OpenSSL import SSL
from pylibsrtp import Session

from tui.audio.packet import OpusPacket
from tui.rtc.media import Media
from tui.rtc.peer import Peer, PeerSettings
from tui.rtc.stock import make_peer

Make = Callable[..., Any]
KINDS = (
    Peer,
    Media,
    RTCPeerConnection,
    RTCDtlsTransport,
    RTCSctpTransport,
    RTCRtpReceiver,
    Connection,
    SSL.Context,
    SSL.Connection,
    Session,
)


@pytest.fixture
def no_collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing that stands in a circle goes away."""
    monkeypatch.setattr("tui.rtc.peer.DISMANTLE_SECONDS", 0.1)
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def alive() -> Counter[str]:
    """What there is of these kinds; a shell that an exception's traceback refers to is empty."""
    found = (x for x in gc.get_objects() if isinstance(x, KINDS))
    return Counter(type(x).__name__ for x in found if getattr(x, "__dict__", True))


async def gone(until: Make, before: Counter[str]) -> None:
    """Waits for the end of all that was made since `before`."""
    try:
        await until(lambda: not alive() - before)
    except pytest.fail.Exception:
        pytest.fail(f"still there: {alive() - before}")


def peer(stock: bool = False) -> Peer:
    return make_peer(
        PeerSettings(loopback=True, slots=2, stock=stock),
        on_packet=lambda slot, packet: None,
        on_message=lambda message: None,
        on_state=lambda state: None,
        on_candidate=lambda candidate: None,
    )


async def cycle(until: Make, *, stock: bool, steps: int = 9) -> None:
    one, two = peer(stock), peer(stock)
    sdp = ""
    for step in (one.create_offer, two.accept_offer, one.accept_answer)[:steps]:
        sdp = await (step(sdp) if sdp else step())  # type: ignore[operator]
    if steps > 4:
        await until(lambda: one.state == two.state == "connected")
        one.outputs[0].send(OpusPacket(1, 960, bytes(60)))
        await one.close()
        await until(lambda: two.state == "closed")
    elif steps > 3:
        await asyncio.sleep(0.01)
    await asyncio.gather(one.close(), two.close())
    assert one.stats().sent == two.stats().lost + (steps > 4)


@pytest.mark.parametrize("stock", [False, True], ids=["ours", "stock"])
async def test_closed_connections_are_gone_without_a_collector(
    until: Make, no_collector: None, caplog: pytest.LogCaptureFixture, stock: bool
) -> None:
    before, objects = alive(), 0
    for turn in range(4 if stock else 20):
        await cycle(until, stock=stock)
        if turn == 2:
            await gone(until, before)
            objects = len(gc.get_objects())
    await gone(until, before)
    assert len(gc.get_objects()) - objects < 200
    assert "has no attribute" not in caplog.text


@pytest.mark.parametrize("steps", range(5))
async def test_those_that_never_came_about_are_gone_as_well(
    until: Make, no_collector: None, caplog: pytest.LogCaptureFixture, steps: int
) -> None:
    before = alive()
    with caplog.at_level(logging.WARNING):
        await cycle(until, stock=False, steps=steps)
        await gone(until, before)
    assert "has no attribute" not in caplog.text
