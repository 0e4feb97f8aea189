import asyncio
import gc
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection

from tui.config import limits
from tui.rtc.beat import SILENCE_SECONDS
from tui.rtc.peer import Candidate, InvalidDescription, PeerSettings

Make = Callable[..., Any]
LOOPBACK = PeerSettings(loopback=True)


async def test_packets_pass_both_ways_in_every_slot_as_they_are(
    connect: Make, until: Make, packet: Make
) -> None:
    one, two = await connect()
    assert len(one.peer.outputs) == len(two.peer.outputs) == 4
    for here, there in ((one, two), (two, one)):
        for slot, output in enumerate(here.peer.outputs):
            for number in range(5):
                output.send(packet(number, bytes((slot, number)) * 30, level=10 * slot))
        await until(lambda there=there: len(there.packets) == 20)
        for slot in range(4):
            got = [x for place, x in there.packets if place == slot]
            assert [x.payload for x in got] == [bytes((slot, x)) * 30 for x in range(5)]
            assert {x.level for x in got} == {10 * slot}
            steps = [(x.sequence - got[0].sequence, x.timestamp - got[0].timestamp) for x in got]
            assert [(a & 0xFFFF, b & 0xFFFFFFFF) for a, b in steps] == [
                (x, x * 960) for x in range(5)
            ]
    assert one.peer.stats().sent == two.peer.stats().received == 20


async def test_messages_pass_and_pings_stay_inside(connect: Make, until: Make) -> None:
    one, two = await connect()
    await until(lambda: one.peer.send_message({"type": "slots", "origins": []}))
    await until(lambda: two.messages)
    assert two.messages == [{"type": "slots", "origins": []}]
    assert one.peer.has_channel
    assert two.peer.has_channel
    await until(lambda: one.peer.stats().round_trip is not None)
    assert one.messages == []


async def test_a_message_that_is_too_long_is_not_sent(connect: Make, until: Make) -> None:
    one, two = await connect()
    await until(lambda: one.peer.send_message({"type": "first"}))
    assert not one.peer.send_message({"type": "x" * limits.CHANNEL_BYTES})
    assert one.peer.send_message({"type": "last"})
    await until(lambda: len(two.messages) == 2)


async def test_a_close_reaches_the_other_side_at_once(connect: Make, until: Make) -> None:
    one, two = await connect()
    began = time.monotonic()
    await one.peer.close()
    await until(lambda: two.peer.state == "closed")
    assert time.monotonic() - began < 1.0
    assert one.states == two.states == ["connecting", "connected", "closed"]
    await one.peer.close()
    await two.peer.close()


async def test_nothing_is_sent_after_the_end(connect: Make, packet: Make) -> None:
    one, _ = await connect()
    await one.peer.close()
    for output in one.peer.outputs:
        output.send(packet(1))
    assert one.peer.stats().sent == 0
    assert not one.peer.send_message({"type": "slots"})
    one.peer.add_candidate(Candidate("candidate:1 1 udp 1 192.0.2.1 9 typ host"))


def holdings() -> tuple[int, int, int]:
    """Tasks, threads and open files of this process."""
    gc.collect()
    files = len(list(Path("/proc/self/fd").iterdir()))
    return len(asyncio.all_tasks()), threading.active_count(), files


@pytest.mark.skipif(sys.platform != "linux", reason="counts open files in /proc")
async def test_connections_that_ended_leave_nothing(connect: Make, until: Make) -> None:
    one, two = await connect()
    await one.peer.close()
    await two.peer.close()
    before = holdings()
    for turn in range(5):
        one, two = await connect()
        first, second = (one, two) if turn % 2 else (two, one)
        await first.peer.close()
        await until(lambda second=second: second.peer.state == "closed")
        await second.peer.close()
        assert holdings() == before


@pytest.mark.skipif(sys.platform != "linux", reason="counts open files in /proc")
async def test_a_connection_may_end_at_any_point(side: Make, until: Make) -> None:
    before = holdings()
    for steps in range(5):
        one, two = side(), side()
        sdp = ""
        for step in (one.peer.create_offer, two.peer.accept_offer, one.peer.accept_answer)[:steps]:
            sdp = await (step(sdp) if sdp else step())
        if steps > 3:
            await asyncio.sleep(0.01)
        await asyncio.gather(one.peer.close(), two.peer.close())
        assert one.peer.state == two.peer.state == "closed"
    await until(lambda: holdings() == before)


async def test_a_cancelled_close_closes_all_the_same(connect: Make, until: Make) -> None:
    one, two = await connect()
    waiting = asyncio.create_task(one.peer.close())
    await asyncio.sleep(0)
    waiting.cancel()
    await until(lambda: one.peer.state == two.peer.state == "closed")


async def test_a_connection_is_negotiated_once(connect: Make) -> None:
    one, two = await connect()
    with pytest.raises(ConnectionError):
        await one.peer.create_offer()
    with pytest.raises(InvalidDescription):
        await one.peer.accept_answer("v=0")
    offer = await _offer_of_somebody()
    with pytest.raises(ConnectionError):
        await two.peer.accept_offer(offer)


async def _offer_of_somebody() -> str:
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    connection.addTransceiver("audio")
    await connection.setLocalDescription()
    offer = connection.localDescription.sdp
    await connection.close()
    return offer


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("opus/48000", "speex/48000"),
        ("a=setup:actpass", "a=setup:whatever"),
        ("a=rtcp-mux\r\n", ""),
        ("m=audio 9", "m=audio nine"),
        ("a=extmap:1 ", "a=extmap:one "),
        ("a=ssrc:", "a=ssrc:x"),
    ],
)
async def test_a_description_that_makes_no_sense_is_refused(side: Make, old: str, new: str) -> None:
    offer = re.sub(r"m=audio \d+ ", "m=audio 9 ", await _offer_of_somebody())
    assert old in offer
    with pytest.raises(InvalidDescription):
        await side().peer.accept_offer(offer.replace(old, new))


async def test_an_offer_that_cannot_be_answered_is_refused(side: Make) -> None:
    offer = await side().peer.create_offer()
    with pytest.raises(InvalidDescription):
        await side().peer.accept_offer(offer.replace("m=application", "m=something"))


async def test_an_answer_before_any_offer_is_refused(side: Make) -> None:
    with pytest.raises(InvalidDescription):
        await side().peer.accept_answer(await _offer_of_somebody())


@pytest.mark.parametrize("early", [True, False], ids=["before the answer", "after the answer"])
async def test_candidates_may_come_by_themselves(side: Make, until: Make, early: bool) -> None:
    one, two = side(), side()
    offer = await one.peer.create_offer()
    answer = await two.peer.accept_offer(_without_candidates(offer))
    candidates = [x[2:] for x in answer.splitlines() if x.startswith("a=candidate:")]
    if early:
        _trickle(one, candidates)
    await one.peer.accept_answer(_without_candidates(answer))
    if not early:
        _trickle(one, candidates)
    await until(lambda: one.peer.state == two.peer.state == "connected")


def _without_candidates(sdp: str) -> str:
    lines = [x for x in sdp.splitlines() if "candidate" not in x]
    return "\r\n".join(lines) + "\r\n"


def _trickle(side: Any, candidates: list[str]) -> None:
    for candidate in candidates:
        side.peer.add_candidate(Candidate(candidate, "0", 0))
    side.peer.add_candidate(Candidate("", "0", 0))


async def test_bad_candidates_are_counted_and_bounded(side: Make) -> None:
    one, two = side(), side()
    for _ in range(limits.REMOTE_CANDIDATES + 5):
        one.peer.add_candidate(Candidate("nonsense", "0", 0))
    assert one.peer.stats().dropped["too many candidates"] == 5
    answer = await two.peer.accept_offer(await one.peer.create_offer())
    await one.peer.accept_answer(_without_candidates(answer))
    dropped = one.peer.stats().dropped
    assert dropped["candidate: not a UDP candidate"] == limits.REMOTE_CANDIDATES
    one.peer.add_candidate(Candidate("candidate:1 1 udp 1 192.0.2.1 9 typ host", "0", 0))
    one.peer.add_candidate(Candidate("candidate:1 1 udp 1 192.0.2.1 9 typ host", "1", 1))
    one.peer.add_candidate(Candidate("candidate:1 1 udp 1 192.0.2.1 9 typ host", None, 3))
    dropped = one.peer.stats().dropped
    assert dropped["too many candidates"] == 6
    assert dropped["candidate of another line"] == 2


async def test_a_name_that_nobody_knows_delays_nothing(connect: Make) -> None:
    def add_name(sdp: str) -> str:
        name = "a=candidate:1 1 udp 1 00000000-0000-4000-8000-000000000000.local 9 typ host\r\n"
        return sdp.replace("a=candidate:", name + "a=candidate:", 1)

    began = time.monotonic()
    await connect(change=add_name)
    assert time.monotonic() - began < 0.9, "aioice looks a name up for a whole second"


async def test_without_any_path_it_fails_and_says_so(side: Make, until: Make) -> None:
    one, two = side(), side()
    answer = await two.peer.accept_offer(_without_candidates(await one.peer.create_offer()))
    await one.peer.accept_answer(_without_candidates(answer))
    one.now = lambda: time.monotonic() + limits.CONNECT_SECONDS
    await until(lambda: one.peer.state == "failed")
    assert one.peer.problem == "no path to the other side"
    assert two.peer.state == "connecting"


async def test_silence_ends_the_connection_but_our_own_sleep_does_not(
    connect: Make, until: Make
) -> None:
    one, two = await connect()
    await until(lambda: one.peer.stats().round_trip is not None)
    one.now = lambda: time.monotonic() + 3600
    await asyncio.wait_for(_ping(one, two, until), 5)
    assert one.peer.state == "connected"
    for protocol in two.peer._media.connection._protocols:
        protocol.transport.abort()  # as a process that was killed: no goodbye
    began = time.monotonic()
    await until(lambda: one.peer.state == "failed")
    assert one.peer.problem == "the other side fell silent"
    assert 0.9 < time.monotonic() - began < SILENCE_SECONDS + 1.0


async def test_a_ping_is_answered_in_a_round_trip(connect: Make, until: Make) -> None:
    one, two = await connect()
    # Until the first messages have settled, something else may be heard.
    await until(lambda: one.peer.quiet_for > 0.3 and two.peer.quiet_for > 0.3)
    one.peer.ping()
    await until(lambda: one.peer.quiet_for < 0.1, 0.5)
    assert 0 < one.peer.stats().round_trip < 0.3
    assert two.peer.quiet_for > 0.1, "a question proves nothing"


async def test_the_ends_of_a_path_are_told(connect: Make, side: Make) -> None:
    assert side().peer.stats().local_type == ""
    one, _ = await connect()
    stats = one.peer.stats()
    assert (stats.local_type, stats.remote_type, stats.relayed) == ("host", "host", False)


async def _ping(one: Any, two: Any, until: Make) -> None:
    for side in (one, two):
        side.messages.clear()
    await until(lambda: one.peer.send_message({"type": "hello"}))
    await until(lambda: two.messages)


async def test_lost_packets_are_asked_for_and_come(
    connect: Make, until: Make, packet: Make, lossy_path: Make
) -> None:
    path = await lossy_path(7)
    one, two = await connect(change=path.change)
    await _send_paced(one, packet, 140)
    await until(lambda: len(two.packets) == 140)
    assert path.dropped == 20
    assert sorted(two.payloads) == [packet(x).payload for x in range(140)]
    assert one.peer.stats().retransmitted >= path.dropped
    assert two.peer.stats().lost == 0


async def test_nobody_asks_a_peer_that_does_not_answer(
    connect: Make, until: Make, packet: Make, lossy_path: Make
) -> None:
    path = await lossy_path(7)

    def change(sdp: str) -> str:
        return path.change(sdp.replace("a=rtcp-fb:96 nack\r\n", ""))

    one, two = await connect(change=change)
    await _send_paced(one, packet, 140)
    await until(lambda: packet(139).payload in two.payloads)
    assert one.peer.stats().retransmitted == 0
    assert len(two.packets) == 120


async def _send_paced(side: Any, packet: Make, count: int) -> None:
    for number in range(count):
        side.peer.outputs[0].send(packet(number))
        await asyncio.sleep(0.004)


async def test_reports_tell_loss_and_round_trip(
    connect: Make, until: Make, packet: Make, lossy_path: Make
) -> None:
    path = await lossy_path(4)
    one, two = await connect(change=lambda x: path.change(x.replace("a=rtcp-fb:96 nack\r\n", "")))
    sending = asyncio.create_task(_send_paced(one, packet, 5_000))
    await until(lambda: one.peer.stats().fraction_lost > 0)
    assert 0.1 < one.peer.stats().fraction_lost < 0.4
    await until(lambda: one.peer.outputs[0].report.round_trip is not None)
    assert 0 <= one.peer.outputs[0].report.round_trip < 1
    assert two.peer.stats().lost > 0
    await until(lambda: two.peer.stats().loss > 0)
    assert 0.1 < two.peer.stats().loss < 0.4
    assert 0 < two.peer.stats().jitter < 0.5
    sending.cancel()


async def test_datagrams_of_strangers_end_nothing(connect: Make, until: Make, packet: Make) -> None:
    one, two = await connect()
    one.peer.outputs[0].send(packet(0))
    await until(lambda: two.packets)
    address = one.peer._media.connection._nominated[1].remote_addr
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for size in (0, 1, 2, 3, 12, 100, 1_500, 1_501, 9_000):
            for first in (0, 20, 63, 64, 128, 144, 191, 192, 255):
                stranger.sendto(
                    bytes((first, 200)) + bytes(size) if size > 2 else bytes(size), address
                )
    one.peer.outputs[0].send(packet(1))
    await until(lambda: len(two.packets) == 2)
    assert two.peer.stats().dropped["impossible datagram"] > 0


async def test_a_stream_that_was_not_announced_needs_its_media_id(
    connect: Make, until: Make, packet: Make
) -> None:
    one, two = await connect()
    output = one.peer.outputs[2]
    output.ssrc ^= 0x55555555
    output.send(packet(1))
    await until(lambda: two.packets)
    assert two.packets[0][0] == 2
    one.peer._media._path.write(0x8000 | 96, 0, 0, 0x01020304, b"sound")
    one.peer.outputs[0].send(packet(2))
    await until(lambda: len(two.packets) == 2)
    assert two.packets[1][0] == 0
    assert two.peer.stats().dropped["unknown stream"] == 1


async def test_malformed_packets_of_a_peer_are_counted(
    connect: Make, until: Make, packet: Make
) -> None:
    one, two = await connect()
    ssrc = one.peer.outputs[0].ssrc
    path = one.peer._media._path
    for sequence, (first, kind, rest) in enumerate(
        (
            (0x90, 96, b"\xbe\xde\0\1\x23\0\0\0"),  # an extension that is cut off
            (0x80, 7, b"sound"),  # another payload type
            (0x80, 96, b""),  # no frame
            (0xA0, 96, b"sound\xff"),  # more padding than there is
        )
    ):
        path.write(first << 8 | kind, sequence, 0, ssrc, rest)
    path.write_rtcp(bytes((0x81, 201, 0, 1)) + bytes(4))  # a report that lacks its block
    path.write_rtcp(bytes((0x81, 205, 0, 5)) + bytes(20))  # asks for unknown packets
    one.peer.outputs[0].send(packet(2))
    await until(lambda: two.packets)
    assert two.peer.state == "connected"
    dropped = two.peer.stats().dropped
    assert dropped["malformed RTP"] == 2
    for reason in ("another codec", "no Opus frame", "malformed RTCP"):
        assert dropped[reason] == 1


async def test_malformed_messages_of_a_peer_are_counted(connect: Make, until: Make) -> None:
    one, two = await connect()
    await until(lambda: one.peer.send_message({"type": "first"}))
    sctp, stream = one.peer._pc.sctp, one.peer._channel._channel.id
    await sctp._send(stream, 51, b"\xff")  # text that is none
    await sctp._send(stream, 50, b"\3" + bytes(11))  # opens a channel that is open
    await sctp._send(stream, 53, b"{}")  # bytes instead of text
    assert one.peer.send_message({"type": "last"})
    await until(lambda: len(two.messages) == 2)
    dropped = two.peer.stats().dropped
    assert (dropped["malformed SCTP"], dropped["bad message"]) == (2, 1)
    assert two.peer.state == "connected"


async def test_a_failing_callback_ends_nothing(
    connect: Make, until: Make, packet: Make, caplog: pytest.LogCaptureFixture
) -> None:
    one, two = await connect()
    two.peer._media._on_packet = lambda slot, packet: 1 / 0
    for number in range(3):
        one.peer.outputs[0].send(packet(number))
    await until(lambda: two.peer.stats().dropped.get("failed callback") == 3)
    assert two.peer.state == "connected"
    assert sum("ZeroDivisionError" in (x.exc_text or "") for x in caplog.records) == 1


@pytest.mark.needs("unshare", "ip")
def test_a_machine_with_nothing_but_loopback_will_do() -> None:
    code = (
        "import asyncio; from tui.rtc.selftest import hooks_work; print(asyncio.run(hooks_work()))"
    )
    inner = f'ip link set lo up && exec "{sys.executable}" -c "{code}"'
    done = subprocess.run(
        ["unshare", "--map-root-user", "--net", "sh", "-c", inner],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stdout.strip() == "True", done.stderr


def test_settings_do_not_show_a_password() -> None:
    settings = msgspec.structs.replace(LOOPBACK, ice_servers=("turn:me:secret@192.0.2.1",))
    assert "secret" not in repr(settings)
