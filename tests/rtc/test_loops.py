"""Nodes of a listening tree wired together at will, with real streams but without a network.

Links come and go in any order, loops among them, and parents are vouched for at random. Whatever
happens, no packet is taken twice by anybody or sent twice over a link: nothing can circulate.
"""

import struct
from collections import Counter, deque
from collections.abc import Callable

from aiortc.rtcrtpparameters import (
    RTCRtpCodecParameters,
    RTCRtpHeaderExtensionParameters,
    RTCRtpReceiveParameters,
    RTCRtpSendParameters,
)
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tui.audio.packet import FRAME, OpusPacket
from tui.rtc.forwarding import Forwarder, LinkKind
from tui.rtc.input import Input
from tui.rtc.output import LEVEL_URI, Output
from tui.rtc.rtp import parse_rtp
from tui.rtc.stamps import STAMP_URI

NODES = 5
SPEAKERS = 2
IN_FLIGHT_SECONDS = 2.0
NEGOTIATED = {
    "codecs": [RTCRtpCodecParameters("audio/opus", 48_000, 2, 96)],
    "headerExtensions": [
        RTCRtpHeaderExtensionParameters(2, LEVEL_URI),
        RTCRtpHeaderExtensionParameters(3, STAMP_URI),
    ],
}
NAMES = [f"{x:x}" * 64 for x in range(NODES)]
nodes = st.integers(0, NODES - 1)


class End:
    """One side of a link, as a peer offers it; what it sends waits in `queue`."""

    has_channel = True

    def __init__(self, now: Callable[[], float], slots: int) -> None:
        self.queue: deque[tuple[float, Callable[[], None]]] = deque()
        self.sent: Counter[bytes] = Counter()
        self.other: Callable[[int, OpusPacket], None] = lambda slot, packet: None
        self.hear: Callable[[dict[str, object]], None] = lambda message: None
        self._now = now
        self.outputs = [self._output(slot) for slot in range(slots)]

    def _output(self, slot: int) -> Output:
        arrived = Input(
            slot,
            RTCRtpReceiveParameters(**NEGOTIATED),  # type: ignore[arg-type]
            lambda slot, packet: self.other(slot, packet),
            None,
            Counter(),
        )

        def write(kind: int, sequence: int, timestamp: int, ssrc: int, body: bytes) -> bytes:
            data = struct.pack("!HHLL", kind, sequence, timestamp, ssrc) + body
            packet = parse_rtp(data)
            self.sent[packet.payload] += 1
            self.queue.append((self._now(), lambda: arrived.packet(packet, self._now())))
            return data

        output = Output(slot, write)
        output.start(RTCRtpSendParameters(**NEGOTIATED))  # type: ignore[arg-type]
        return output

    def send_message(self, message: dict[str, object]) -> bool:
        self.queue.append((self._now(), lambda: self.hear(message)))
        return True


class Node:
    def __init__(self, index: int, now: Callable[[], float]) -> None:
        self.name = NAMES[index]
        self.said = 0
        self.played: Counter[bytes] = Counter()
        self.speakers = frozenset(NAMES[:SPEAKERS])
        self.forwarder = Forwarder(self.name, self._play, monotonic=now)
        self.forwarder.set_speakers(self.speakers)

    def _play(self, origin: str, packet: OpusPacket) -> None:
        assert packet.payload.startswith(origin[:8].encode())
        assert origin in self.speakers
        self.played[packet.payload] += 1


class Tangle(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = 100.0
        self.nodes = [Node(x, lambda: self.now) for x in range(NODES)]
        self.links: dict[tuple[int, int], tuple[End, End]] = {}
        self.demoted: dict[int, Counter[bytes]] = {}

    @rule(provider=nodes, consumer=nodes, vouched=st.booleans(), standby=st.booleans())
    def connect(self, provider: int, consumer: int, vouched: bool, standby: bool) -> None:
        # One link between two people, as everywhere: a new one replaces the old.
        if provider == consumer or (consumer, provider) in self.links:
            return
        down, up = End(lambda: self.now, 4), End(lambda: self.now, 4)
        for end, here, there in ((down, provider, consumer), (up, consumer, provider)):
            forwarder, name = self.nodes[there].forwarder, NAMES[here]

            def arrived(
                slot: int, packet: OpusPacket, forwarder: Forwarder = forwarder, name: str = name
            ) -> None:
                forwarder.handle_packet(name, slot, packet)

            def said(
                message: dict[str, object], forwarder: Forwarder = forwarder, name: str = name
            ) -> None:
                forwarder.handle_message(name, message)

            end.other, end.hear = arrived, said
        self.nodes[provider].forwarder.add_link(
            NAMES[consumer], down, LinkKind.CONSUMER, standby=standby
        )
        self.nodes[consumer].forwarder.add_link(
            NAMES[provider], up, LinkKind.PROVIDER, vouched=vouched
        )
        self.links[provider, consumer] = (down, up)

    @rule(around=st.permutations(range(NODES)), size=st.integers(2, NODES))
    def ring(self, around: list[int], size: int) -> None:
        """The worst that can happen: everybody is everybody's parent, by way of the others."""
        circle = around[:size]
        for provider, consumer in zip(circle, circle[1:] + circle[:1], strict=True):
            self.connect(provider, consumer, vouched=True, standby=False)

    @rule(around=st.permutations(range(SPEAKERS, NODES)), size=st.integers(2, NODES - SPEAKERS))
    def feed_ring(self, around: list[int], size: int) -> None:
        """Listeners who listen to one another, with sound under way, lose their speaker."""
        self.ring(around[:size], size)
        self.connect(0, around[0], vouched=True, standby=False)
        self.speak(0, 3)
        for end in self.links.get((0, around[0]), ()):
            while end.queue:
                end.queue.popleft()[1]()
        self.disconnect(0, around[0])

    @rule(provider=nodes, consumer=nodes)
    def disconnect(self, provider: int, consumer: int) -> None:
        if self.links.pop((provider, consumer), None) is not None:
            self.nodes[provider].forwarder.remove_link(NAMES[consumer])
            self.nodes[consumer].forwarder.remove_link(NAMES[provider])

    @rule(provider=nodes, consumer=nodes, on=st.booleans())
    def vouch(self, provider: int, consumer: int, on: bool) -> None:
        if (provider, consumer) in self.links:
            self.nodes[consumer].forwarder.vouch(NAMES[provider], on)

    @rule(provider=nodes, consumer=nodes)
    def prefer(self, provider: int, consumer: int) -> None:
        self.nodes[consumer].forwarder.prefer(NAMES[provider])

    @rule(provider=nodes, consumer=nodes, on=st.booleans())
    def listen(self, provider: int, consumer: int, on: bool) -> None:
        if (provider, consumer) in self.links:
            self.links[provider, consumer][1].send_message({"type": "listen", "on": on})

    @rule(speaker=st.integers(0, SPEAKERS - 1), count=st.integers(1, 3))
    def speak(self, speaker: int, count: int) -> None:
        node = self.nodes[speaker]
        for _ in range(count):
            node.said += 1
            payload = node.name[:8].encode() + node.said.to_bytes(4, "big")
            timestamp = node.said * FRAME
            node.forwarder.send_own(OpusPacket(node.said & 0xFFFF, timestamp, payload, 30))

    @rule(node=nodes, speakers=st.frozensets(st.sampled_from(NAMES[:SPEAKERS])))
    def roles(self, node: int, speakers: frozenset[str]) -> None:
        """Everybody learns of a promotion in their own time."""
        self.nodes[node].speakers = speakers
        self.nodes[node].forwarder.set_speakers(speakers)
        self.demoted[node] = self._sent_by(node)

    @rule(order=st.randoms(use_true_random=False), most=st.integers(1, 60))
    def deliver(self, order: object, most: int) -> None:
        """Some of what is under way arrives, in order on each link, in any order among them."""
        for _ in range(most):
            waiting = [end for ends in self.links.values() for end in ends if end.queue]
            if not waiting:
                return
            order.choice(waiting).queue.popleft()[1]()  # type: ignore[attr-defined]

    @rule(seconds=st.sampled_from([0.02, 0.3, 0.6]))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        for ends in self.links.values():
            for end in ends:
                while end.queue and end.queue[0][0] < self.now - IN_FLIGHT_SECONDS:
                    end.queue.popleft()

    def _sent_by(self, node: int) -> Counter[bytes]:
        ends = (down for (provider, _), (down, _) in self.links.items() if provider == node)
        return sum((end.sent for end in ends), Counter())

    @invariant()
    def nothing_is_taken_or_sent_twice(self) -> None:
        for node in self.nodes:
            assert not node.played or node.played.most_common(1)[0][1] == 1
        for ends in self.links.values():
            for end in ends:
                assert not end.sent or end.sent.most_common(1)[0][1] == 1

    @invariant()
    def nobody_sends_on_whom_they_know_to_have_no_role(self) -> None:
        for node, before in self.demoted.items():
            new = self._sent_by(node) - before
            for payload in new:
                assert any(payload.startswith(x[:8].encode()) for x in self.nodes[node].speakers)

    def teardown(self) -> None:
        """When nobody speaks any more, silence comes: each packet over each link at most once."""
        most = sum(x.said for x in self.nodes) * NODES * NODES + 10_000
        for _ in range(most):
            waiting = [end for ends in self.links.values() for end in ends if end.queue]
            if not waiting:
                break
            waiting[0].queue.popleft()[1]()
        else:
            raise AssertionError("something goes round and round")
        self.nothing_is_taken_or_sent_twice()


Tangle.TestCase.settings = settings(max_examples=30, stateful_step_count=40, deadline=None)
TestTangle = Tangle.TestCase


def test_a_ring_that_loses_its_speaker_falls_silent() -> None:
    tangle = Tangle()
    tangle.connect(0, 2, vouched=True, standby=False)
    for provider, consumer in ((2, 3), (3, 4), (4, 2)):
        tangle.connect(provider, consumer, vouched=True, standby=False)
    tangle.speak(0, 3)
    first = tangle.links[0, 2][0].queue
    while first:
        first.popleft()[1]()
    tangle.disconnect(0, 2)
    assert sum(tangle.nodes[2].played.values()) == 3
    tangle.teardown()
    for node in tangle.nodes[2:]:
        assert sum(node.played.values()) == 3
