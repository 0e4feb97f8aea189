from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tui.audio.packet import FRAME, OpusPacket
from tui.config import limits
from tui.rtc.distribution import LEVELS_SECONDS
from tui.rtc.forwarding import (
    EXPECT_SECONDS,
    SOURCE_SECONDS,
    Forwarder,
    LinkKind,
)

OWN, ANN, BOB, CAT, DAN, EVE = (x * 64 for x in "0abcde")
CONSUMER, PROVIDER, MUTUAL = LinkKind


@dataclass
class Recorder:
    sent: list[OpusPacket] = field(default_factory=list)
    checked: int = 0

    def send(self, packet: OpusPacket) -> None:
        self.sent.append(packet)


class FakeLink:
    """What a peer offers, without a network."""

    def __init__(self, slots: int = 4, *, channel: bool = True, is_open: bool = True) -> None:
        self.outputs = [Recorder() for _ in range(slots)]
        self.has_channel = channel
        self.is_open = is_open
        self.told: list[list[str | None]] = []
        self.levels: list[dict[str, int]] = []

    def send_message(self, message: dict[str, object]) -> bool:
        if self.is_open and message["type"] == "levels":
            self.levels.append(message["levels"])  # type: ignore[arg-type]
        elif self.is_open:
            assert message["type"] == "slots"
            self.told.append(message["origins"])  # type: ignore[arg-type]
        return self.is_open

    @property
    def sent(self) -> list[bytes]:
        return [x.payload for output in self.outputs for x in output.sent]


class Node:
    """A forwarder, its clock and what it played."""

    def __init__(self, *speakers: str) -> None:
        self.now = 100.0
        self.played: list[tuple[str, OpusPacket]] = []
        self.listening: list[tuple[str, bool]] = []
        self.forwarder = Forwarder(
            OWN,
            self._play,
            on_listen=lambda pubkey, on: self.listening.append((pubkey, on)),
            monotonic=lambda: self.now,
        )
        self.forwarder.set_speakers(frozenset(speakers))

    def _play(self, origin: str, packet: OpusPacket) -> None:
        self.played.append((origin, packet))

    @property
    def heard(self) -> list[str]:
        return [origin for origin, _ in self.played]

    def link(
        self, pubkey: str, kind: LinkKind, link: FakeLink | None = None, **how: bool
    ) -> FakeLink:
        link = link or FakeLink()
        self.forwarder.add_link(pubkey, link, kind, **how)
        return link

    def say(self, pubkey: str, **message: object) -> None:
        self.forwarder.handle_message(pubkey, message)

    def announce(self, pubkey: str, *origins: str | None) -> None:
        self.forwarder.handle_message(pubkey, {"type": "slots", "origins": list(origins)})


def said(origin: str, number: int = 0, level: int = 30) -> OpusPacket:
    """A packet that says whose it is."""
    return OpusPacket(number & 0xFFFF, number * FRAME & 0xFFFFFFFF, origin.encode(), level)


def test_our_own_voice_goes_to_listeners_and_to_the_stage_but_not_to_whom_we_listen() -> None:
    node = Node(OWN, ANN, BOB)
    ann, bob, cat = node.link(ANN, MUTUAL), node.link(BOB, PROVIDER), node.link(CAT, CONSUMER)
    node.forwarder.send_own(said(OWN))
    assert (ann.sent, bob.sent, cat.sent) == ([OWN.encode()], [], [OWN.encode()])
    assert node.heard == []


def test_without_a_speaking_role_we_are_silent() -> None:
    node = Node(ANN)
    cat = node.link(CAT, CONSUMER)
    node.forwarder.send_own(said(OWN))
    assert cat.sent == []
    assert node.forwarder.drops["no speaking role"] == 1


def test_a_speaker_on_stage_with_us_is_played_and_forwarded_to_listeners_only() -> None:
    node = Node(OWN, ANN, BOB)
    ann, bob, cat = node.link(ANN, MUTUAL), node.link(BOB, MUTUAL), node.link(CAT, CONSUMER)
    node.forwarder.handle_packet(ANN, 0, said(ANN))
    assert node.heard == [ANN]
    assert (ann.sent, bob.sent, cat.sent) == ([], [], [ANN.encode()])


def test_a_listener_who_became_a_speaker_hears_all_but_itself() -> None:
    node = Node(OWN, ANN, BOB)
    ann, bob = node.link(ANN, CONSUMER), node.link(BOB, CONSUMER)
    node.forwarder.handle_packet(ANN, 0, said(ANN))
    assert (ann.sent, bob.sent) == ([], [ANN.encode()])


def test_a_voice_that_comes_another_way_does_not_go_back_to_whose_it_is() -> None:
    node = Node(ANN)
    ann, bob = node.link(ANN, CONSUMER), node.link(BOB, CONSUMER)
    node.link(CAT, PROVIDER)
    node.announce(CAT, ANN)
    node.forwarder.handle_packet(CAT, 0, said(ANN))
    assert (ann.sent, bob.sent) == ([], [ANN.encode()])


@pytest.mark.parametrize("kind", [CONSUMER, MUTUAL])
def test_who_is_not_our_parent_brings_nobody_elses_voice(kind: LinkKind) -> None:
    node = Node(ANN, BOB)
    node.link(ANN, kind)
    node.announce(ANN, BOB, ANN)
    node.forwarder.handle_packet(ANN, 0, said(BOB))
    node.forwarder.handle_packet(ANN, 1, said(ANN))
    node.forwarder.handle_packet(ANN, 2, said(BOB))
    assert node.heard == [ANN]


def test_a_parent_brings_every_speaker_by_its_announcement() -> None:
    node = Node(ANN, BOB)
    node.link(CAT, PROVIDER)
    cat_listens = node.link(DAN, CONSUMER)
    node.announce(CAT, BOB, ANN, EVE, None)
    for slot in range(5):
        node.forwarder.handle_packet(CAT, slot, said("?", slot))
    assert node.heard == [BOB, ANN]
    assert len(cat_listens.sent) == 2
    node.announce(CAT, ANN)
    node.forwarder.handle_packet(CAT, 0, said("?", 900))
    node.now += 1
    node.forwarder.handle_packet(CAT, 0, said("?", 901))
    assert node.heard == [BOB, ANN, ANN]


def test_a_parent_with_a_channel_is_not_guessed_at_before_it_announces() -> None:
    node = Node(ANN, CAT)
    node.link(CAT, PROVIDER)
    node.forwarder.handle_packet(CAT, 0, said(ANN))
    assert node.heard == []


def test_a_plain_browser_brings_itself() -> None:
    node = Node(ANN)
    node.link(ANN, PROVIDER, FakeLink(1, channel=False))
    node.forwarder.handle_packet(ANN, 0, said(ANN))
    assert node.heard == [ANN]


def test_our_own_voice_coming_back_is_dropped() -> None:
    node = Node(OWN, ANN)
    node.link(ANN, PROVIDER)
    node.announce(ANN, OWN)
    node.forwarder.handle_packet(ANN, 0, said(OWN))
    assert node.heard == []
    assert node.forwarder.drops["own voice"] == 1


def test_a_demoted_speaker_falls_silent_at_once_and_its_slot_is_announced_free() -> None:
    node = Node(ANN, BOB)
    node.link(ANN, MUTUAL)
    cat = node.link(CAT, CONSUMER)
    node.forwarder.handle_packet(ANN, 0, said(ANN))
    assert cat.told == [[ANN, None, None, None]]
    node.forwarder.set_speakers(frozenset({BOB}))
    assert cat.told[-1] == [None] * 4
    node.forwarder.handle_packet(ANN, 0, said(ANN, 1))
    assert len(cat.sent) == len(node.heard) == 1


def test_with_one_output_the_loudest_is_heard() -> None:
    node = Node(ANN, BOB)
    node.link(ANN, MUTUAL)
    node.link(BOB, MUTUAL)
    cat = node.link(CAT, CONSUMER, FakeLink(1, channel=False))
    for number in range(200):
        node.forwarder.handle_packet(ANN, 0, said(ANN, number, level=70))
        node.forwarder.handle_packet(BOB, 0, said(BOB, number, level=20))
        node.now += 0.02
    assert cat.sent[0] == ANN.encode()
    assert cat.sent[60:] == [BOB.encode()] * len(cat.sent[60:])
    assert cat.sent.count(BOB.encode()) > 140


def test_an_announcement_waits_for_the_channel() -> None:
    node = Node(OWN)
    cat = node.link(CAT, CONSUMER, FakeLink(2, is_open=False))
    node.forwarder.send_own(said(OWN, 0))
    cat.is_open = True
    node.forwarder.send_own(said(OWN, 1))
    node.forwarder.send_own(said(OWN, 2))
    assert cat.told == [[OWN, None]]


def test_a_link_that_connects_later_gets_its_slots_then() -> None:
    node = Node(OWN)
    cat = node.link(CAT, CONSUMER, FakeLink(0))
    node.forwarder.send_own(said(OWN, 0))
    cat.outputs += [Recorder(), Recorder()]
    node.forwarder.send_own(said(OWN, 1))
    assert cat.sent == [OWN.encode()]


def test_the_direct_way_wins_and_another_takes_over_when_it_dies() -> None:
    node = Node(ANN)
    node.link(BOB, PROVIDER)
    node.announce(BOB, ANN)
    node.forwarder.handle_packet(BOB, 0, said(ANN, 1))
    node.link(ANN, MUTUAL)
    node.forwarder.handle_packet(ANN, 0, said(ANN, 500))
    node.forwarder.handle_packet(BOB, 0, said(ANN, 2))
    assert len(node.played) == 2
    node.now += SOURCE_SECONDS
    node.forwarder.handle_packet(BOB, 0, said(ANN, 30))
    assert [x.sequence for _, x in node.played] == [1, 2, 3]


def test_of_two_parents_the_newer_one_is_heard_and_at_once_the_other_when_it_goes() -> None:
    node = Node(ANN)
    for parent in (BOB, CAT):
        node.link(parent, PROVIDER)
        node.announce(parent, ANN)
    node.forwarder.handle_packet(BOB, 0, said("old", 1))
    node.forwarder.handle_packet(CAT, 0, said("new", 1))
    node.forwarder.handle_packet(BOB, 0, said("old", 2))
    node.forwarder.remove_link(CAT)
    node.forwarder.handle_packet(BOB, 0, said("old", 3))
    assert [x.payload for _, x in node.played] == [b"old", b"new", b"old"]


def test_a_promotion_stops_what_a_speaker_hears_from_others_directly() -> None:
    node = Node(OWN, ANN, BOB)
    node.link(BOB, MUTUAL)
    ann = node.link(ANN, CONSUMER)
    node.forwarder.send_own(said(OWN))
    node.forwarder.handle_packet(BOB, 0, said(BOB))
    node.forwarder.set_kind(ANN, MUTUAL)
    node.forwarder.handle_packet(BOB, 0, said(BOB, 1))
    node.forwarder.send_own(said(OWN, 1))
    assert ann.sent == [OWN.encode(), OWN.encode(), BOB.encode()]
    assert ann.told[-1] == [OWN, None, None, None]


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"type": "path", "path": []},
        {"type": ["slots"]},
        {"type": "levels"},
        {"type": "levels", "levels": [1]},
        {"type": "levels", "levels": {str(x): 1 for x in range(limits.LEVELS + 1)}},
        {"type": "listen", "on": True},
        {"type": "slots"},
        {"type": "slots", "origins": "a" * 64},
        {"type": "slots", "origins": [7]},
        {"type": "slots", "origins": ["a" * 63]},
        {"type": "slots", "origins": [None] * (limits.SLOTS + 1)},
        {"type": "slots", "origins": [["a" * 64]]},
    ],
)
def test_nonsense_on_the_channel_changes_nothing(message: dict[str, object]) -> None:
    node = Node(ANN)
    node.link(CAT, PROVIDER)
    node.announce(CAT, ANN)
    node.forwarder.handle_message(CAT, message)
    node.forwarder.handle_packet(CAT, 0, said(ANN))
    assert node.heard == [ANN]
    assert sum(node.forwarder.drops.values()) == 1


def test_a_standby_is_told_of_the_slots_and_gets_sound_once_it_listens() -> None:
    node = Node(OWN)
    cat = node.link(CAT, CONSUMER, standby=True)
    node.forwarder.send_own(said(OWN, 0))
    assert (cat.sent, cat.told) == ([], [[OWN, None, None, None]])
    node.say(CAT, type="listen", on=True)
    node.forwarder.send_own(said(OWN, 1))
    node.say(CAT, type="listen", on=True)
    assert cat.sent == [OWN.encode()]
    assert node.listening == [(CAT, True)]
    node.say(CAT, type="listen", on=False)
    node.forwarder.send_own(said(OWN, 2))
    assert cat.sent == [OWN.encode()]
    assert node.listening == [(CAT, True), (CAT, False)]
    assert node.forwarder.is_paused(CAT)


def test_what_a_pause_left_out_is_not_missing_downstream() -> None:
    node = Node(OWN)
    cat = node.link(CAT, CONSUMER)
    node.forwarder.send_own(said(OWN, 0))
    node.forwarder.pause(CAT, True)
    node.now += 0.2
    node.forwarder.pause(CAT, False)
    node.forwarder.send_own(said(OWN, 10))
    one, two = cat.outputs[0].sent
    assert two.sequence == one.sequence + 1
    assert two.timestamp == one.timestamp + 10 * FRAME


@pytest.mark.parametrize("kind", [PROVIDER, MUTUAL])
@pytest.mark.parametrize("on", [True, False])
def test_only_a_consumer_turns_its_sound_off(kind: LinkKind, on: bool) -> None:
    node = Node(OWN)
    ann = node.link(ANN, kind)
    node.say(ANN, type="listen", on=on)
    node.forwarder.send_own(said(OWN, 0))
    assert (len(ann.sent), node.listening) == (kind is MUTUAL, [])


@pytest.mark.parametrize("on", [None, 1, "true", []])
def test_a_wish_to_listen_is_yes_or_no(on: object) -> None:
    node = Node(OWN)
    node.link(CAT, CONSUMER)
    node.say(CAT, type="listen", on=on)
    assert (node.forwarder.is_paused(CAT), node.listening) == (False, [])
    assert node.forwarder.drops["bad wish to listen"] == 1


def test_a_promoted_standby_is_spoken_to() -> None:
    node = Node(OWN, ANN)
    ann = node.link(ANN, CONSUMER, standby=True)
    node.forwarder.set_kind(ANN, MUTUAL)
    node.forwarder.send_own(said(OWN))
    assert ann.sent == [OWN.encode()]


def test_a_parent_brings_sound_only_while_it_is_vouched_for() -> None:
    node = Node(ANN)
    for parent in (BOB, CAT):
        node.link(parent, PROVIDER, vouched=parent is BOB)
        node.announce(parent, ANN)
    node.forwarder.handle_packet(CAT, 0, said("cat", 1))
    node.forwarder.handle_packet(BOB, 0, said("bob", 1))
    node.forwarder.vouch(CAT, True)
    node.forwarder.handle_packet(CAT, 0, said("cat", 2))
    node.forwarder.vouch(CAT, False)
    node.forwarder.handle_packet(CAT, 0, said("cat", 3))
    node.forwarder.handle_packet(BOB, 0, said("bob", 2))
    assert [x.payload for _, x in node.played] == [b"bob", b"cat", b"bob"]
    assert node.forwarder.drops["not vouched for"] == 2


def test_a_preferred_parent_takes_every_voice_over_at_once_and_another_when_it_dies() -> None:
    node = Node(ANN, BOB)
    node.link(ANN, PROVIDER)
    node.announce(ANN, ANN, BOB)
    node.link(CAT, PROVIDER)
    node.announce(CAT, BOB, ANN)
    node.link(DAN, PROVIDER)
    node.announce(DAN, ANN, BOB)
    node.forwarder.prefer(CAT)
    for number in range(2):
        for parent in (ANN, CAT, DAN):
            node.forwarder.handle_packet(parent, 0, said(parent, number))
            node.forwarder.handle_packet(parent, 1, said(parent, number))
    payloads = [x.payload.decode() for _, x in node.played]
    assert payloads == [ANN, ANN, CAT, CAT, CAT, CAT]
    node.now += SOURCE_SECONDS
    node.forwarder.handle_packet(DAN, 0, said(DAN, 9))
    assert node.played[-1][1].payload == DAN.encode()


def test_who_is_on_stage_with_us_is_heard_directly_whatever_is_preferred() -> None:
    node = Node(OWN, ANN)
    node.link(CAT, PROVIDER)
    node.announce(CAT, ANN)
    node.forwarder.prefer(CAT)
    node.link(ANN, MUTUAL)
    node.forwarder.handle_packet(CAT, 0, said("cat", 0))
    node.forwarder.handle_packet(ANN, 0, said("ann", 0))
    node.forwarder.handle_packet(CAT, 0, said("cat", 1))
    assert [x.payload for _, x in node.played] == [b"cat", b"ann"]


def test_silence_is_suspicious_only_in_the_middle_of_a_word() -> None:
    node = Node(ANN, BOB)
    node.link(CAT, PROVIDER)
    node.announce(CAT, ANN, BOB)
    assert not node.forwarder.expects(CAT)
    assert not node.forwarder.expects(DAN)
    node.forwarder.handle_packet(CAT, 0, said(ANN, 0, level=30))
    node.forwarder.handle_packet(CAT, 1, said(BOB, 0, level=127))
    node.now += EXPECT_SECONDS - 0.01
    assert node.forwarder.expects(CAT)
    node.forwarder.handle_packet(CAT, 0, said(ANN, 1, level=limits.QUIET_LEVEL))
    assert not node.forwarder.expects(CAT)
    node.forwarder.handle_packet(CAT, 1, said(BOB, 1, level=30))
    node.now += EXPECT_SECONDS
    assert not node.forwarder.expects(CAT)


def test_whoever_holds_no_slot_is_shown_by_their_level_all_the_way_down() -> None:
    near, far = Node(ANN, BOB), Node(ANN, BOB)
    near.link(ANN, MUTUAL)
    near.link(BOB, MUTUAL)
    cat = near.link(CAT, CONSUMER, FakeLink(1))
    far.link(DAN, PROVIDER, FakeLink(1))
    eve = far.link(EVE, CONSUMER, FakeLink(1))
    for number in range(100):
        near.forwarder.handle_packet(ANN, 0, said(ANN, number, level=20))
        near.forwarder.handle_packet(BOB, 0, said(BOB, number, level=40))
        near.now += 0.02
    assert set(cat.sent) == {ANN.encode()}
    assert cat.levels[0] == {BOB: 40}
    assert 2 / LEVELS_SECONDS - 1 <= len(cat.levels) <= 2 / LEVELS_SECONDS
    far.say(DAN, type="levels", levels=cat.levels[0])
    assert far.forwarder.levels_of_others == {BOB: 40}
    assert eve.levels == [{BOB: 40}]
    far.now += 1
    assert far.forwarder.levels_of_others == {}


def test_levels_are_believed_of_speakers_and_from_parents_only() -> None:
    node = Node(OWN, ANN, BOB)
    node.link(BOB, MUTUAL)
    node.link(CAT, PROVIDER, vouched=False)
    eve = node.link(EVE, CONSUMER)
    for pubkey in (BOB, CAT, EVE):
        node.say(pubkey, type="levels", levels={ANN: 20})
    assert node.forwarder.drops["bad levels"] == 3
    node.forwarder.vouch(CAT, True)
    node.say(CAT, type="levels", levels={DAN: 20, OWN: 20, ANN: True, BOB: 128, "x": 3})
    assert node.forwarder.levels_of_others == {}
    assert eve.levels == []


def test_those_who_are_quiet_are_not_shown() -> None:
    node = Node(ANN, BOB)
    node.link(ANN, MUTUAL)
    node.link(BOB, MUTUAL)
    cat = node.link(CAT, CONSUMER, FakeLink(1))
    node.forwarder.handle_packet(ANN, 0, said(ANN, 0))
    node.forwarder.handle_packet(BOB, 0, said(BOB, 0, level=limits.QUIET_LEVEL))
    assert cat.levels == []


def test_packets_and_messages_of_strangers_are_counted() -> None:
    node = Node(ANN)
    node.forwarder.handle_packet(ANN, 0, said(ANN))
    node.announce(ANN, ANN)
    assert node.heard == []
    assert node.forwarder.drops == {"unknown link": 2}


@given(st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=60))
def test_gaps_of_the_origin_stay_gaps_downstream(numbers: list[int]) -> None:
    """Two hops in a row give the first one's steps, whatever they are."""
    near, far = Node(ANN), Node(ANN)
    near.link(ANN, MUTUAL)
    far.link(BOB, PROVIDER)
    far.announce(BOB, ANN)
    down = near.link(CAT, CONSUMER)
    place = 0
    for step in numbers:
        place += step % 5 + 1
        near.forwarder.handle_packet(ANN, 0, said(ANN, place))
        far.forwarder.handle_packet(BOB, 0, down.outputs[0].sent[-1])
    expected = [x.sequence for _, x in far.played]
    steps = [(b - a) & 0xFFFF for a, b in pairwise(expected)]
    assert steps == [x % 5 + 1 for x in numbers[1:]]


class AnyLife(RuleBasedStateMachine):
    """Any order of joins, roles, announcements and packets: the rules hold at every output."""

    PEOPLE = (ANN, BOB, CAT)

    def __init__(self) -> None:
        super().__init__()
        self.node = Node()
        self.speakers: frozenset[str] = frozenset()
        self.links: dict[str, tuple[FakeLink, LinkKind]] = {}
        self.claims: dict[str, tuple[str | None, ...]] = {}
        self.numbers: dict[tuple[str, int], int] = {}

    people = st.sampled_from(PEOPLE)

    @rule(pubkey=people, kind=st.sampled_from(list(LinkKind)), slots=st.integers(0, 3))
    def join(self, pubkey: str, kind: LinkKind, slots: int) -> None:
        self.links[pubkey] = (self.node.link(pubkey, kind, FakeLink(slots)), kind)
        self.claims.pop(pubkey, None)

    @rule(pubkey=people)
    def leave(self, pubkey: str) -> None:
        self.node.forwarder.remove_link(pubkey)
        self.links.pop(pubkey, None)

    @rule(pubkey=people, kind=st.sampled_from(list(LinkKind)))
    def change(self, pubkey: str, kind: LinkKind) -> None:
        if pubkey in self.links:
            self.node.forwarder.set_kind(pubkey, kind)
            self.links[pubkey] = (self.links[pubkey][0], kind)

    @rule(speakers=st.frozensets(st.sampled_from((*PEOPLE, OWN))))
    def roles(self, speakers: frozenset[str]) -> None:
        self.node.forwarder.set_speakers(speakers)
        self.speakers = speakers

    @rule(pubkey=people, origins=st.lists(st.none() | st.sampled_from((*PEOPLE, OWN)), max_size=3))
    def announce(self, pubkey: str, origins: list[str | None]) -> None:
        self.node.announce(pubkey, *origins)
        if pubkey in self.links:
            self.claims[pubkey] = tuple(origins)

    @rule(seconds=st.sampled_from([0.02, 0.3, 1.0]))
    def wait(self, seconds: float) -> None:
        self.node.now += seconds

    @rule(pubkey=people, slot=st.integers(0, 3), skip=st.integers(1, 3), level=st.integers(0, 127))
    def arrive(self, pubkey: str, slot: int, skip: int, level: int) -> None:
        number = self.numbers.get((pubkey, slot), 0) + skip
        self.numbers[pubkey, slot] = number
        claims = self.claims.get(pubkey, (pubkey,) * 4)
        origin = claims[slot] if slot < len(claims) else None
        self.node.forwarder.handle_packet(pubkey, slot, said(origin or "nobody", number, level))

    @rule(skip=st.integers(1, 3))
    def speak(self, skip: int) -> None:
        number = self.numbers.get((OWN, 0), 0) + skip
        self.numbers[OWN, 0] = number
        self.node.forwarder.send_own(said(OWN, number))

    @invariant()
    def only_what_may_be_heard(self) -> None:
        for origin, packet in self.node.played:
            assert origin in self.speakers
            assert origin != OWN
            assert packet.payload == origin.encode()
        self.node.played.clear()
        for pubkey, (link, kind) in self.links.items():
            for output in link.outputs:
                for packet in output.sent[output.checked :]:
                    origin = packet.payload.decode()
                    assert origin in self.speakers
                    assert origin != pubkey
                    assert kind is not PROVIDER
                    assert kind is CONSUMER or origin == OWN
                output.checked = len(output.sent)
            for holders in link.told[-1:]:
                held = [x for x in holders if x is not None]
                assert len(held) == len(set(held)) <= len(link.outputs)
                assert pubkey not in held

    @invariant()
    def streams_without_holes_at_a_change(self) -> None:
        for link, _ in self.links.values():
            for output in link.outputs:
                for one, two in pairwise(output.sent):
                    step = (two.sequence - one.sequence) & 0xFFFF
                    assert 0 < step <= 3, "sequence must go on, with at most the origin's gap"
                    if one.payload != two.payload:
                        assert step == 1
                        assert two.marker


AnyLife.TestCase.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
TestAnyLife = AnyLife.TestCase
