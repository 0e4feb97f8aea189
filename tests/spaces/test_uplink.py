import random
from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tui.audio.packet import OpusPacket
from tui.rtc.forwarding import Forwarder, LinkKind
from tui.spaces.links import Link
from tui.spaces.neighbours import Neighbours
from tui.spaces.uplink import LOST_SECONDS, OVERLAP_SECONDS, VOUCH_SECONDS, Uplink

ME, HOST, ANN, BOB, CEM, DORA = (digit * 64 for digit in "157923")
TICK = 0.05


class PeerStub:
    """The other end of a link, as we see it: when it was heard, and what we have told it."""

    def __init__(self) -> None:
        self.has_channel = True
        self.outputs: list[Any] = []
        self.quiet_for = 0.0
        self.pings = 0
        self.told: list[dict[str, Any]] = []

    def send_message(self, message: dict[str, Any]) -> bool:
        self.told.append(message)
        return True

    def ping(self) -> None:
        self.pings += 1

    @property
    def wishes(self) -> list[bool]:
        """What we have asked for: sound or none."""
        return [message["on"] for message in self.told if message["type"] == "listen"]


class Listener:
    """An uplink with all that it needs, at a time that the test makes."""

    def __init__(self) -> None:
        self.now = 100.0
        self.links: dict[str, Link] = {}
        self.ended: list[tuple[str, str]] = []
        self.heard: list[str] = []
        self.silent: set[str] = set()
        self.idle: set[str] = set()  # who is there, and sends nothing
        self.forwarder = Forwarder(ME, lambda _who, _packet: None, monotonic=lambda: self.now)
        self.forwarder.set_speakers(frozenset({HOST}))
        self.neighbours = Neighbours(
            ME,
            self.links,
            outputs=3,
            parent=lambda: self.uplink.parent,
            speaks=HOST.__eq__,
            drops=Counter(),
            monotonic=lambda: self.now,
        )
        self.uplink = Uplink(
            ME,
            self.links,
            self.neighbours,
            self.forwarder,
            end=self.end,
            changed=lambda: None,
            monotonic=lambda: self.now,
        )

    def end(self, other: str, reason: str) -> None:
        self.ended.append((other, reason))
        self.close(other, reason)

    def close(self, other: str, reason: str = "lost") -> None:
        self.links.pop(other)
        self.forwarder.remove_link(other)
        self.neighbours.forget(other)
        self.uplink.unlinked(other, reason)

    def link(self, other: str, *way: str, standby: bool = False) -> PeerStub:
        """A provider is up; it tells its way, unless there is none."""
        peer: Any = PeerStub()
        self.links[other] = Link(
            peer, LinkKind.PROVIDER, standby=standby, wanted=not standby, told=not standby
        )
        self.forwarder.add_link(other, peer, LinkKind.PROVIDER, vouched=False)
        self.forwarder.handle_message(other, {"type": "slots", "origins": [HOST]})
        self.uplink.linked(other)
        if way:
            self.tell(other, *way)
        return peer  # type: ignore[no-any-return]

    def tell(self, other: str, *way: str) -> None:
        self.neighbours.take(other, {"type": "path", "path": list(way) or None})
        self.uplink.look_at(other)

    def pass_(self, seconds: float) -> None:
        """Time passes; whoever is asked for sound and not silent sends it."""
        for _ in range(round(seconds / TICK)):
            self.now += TICK
            for other, link in list(self.links.items()):
                peer: Any = link.peer
                peer.quiet_for = peer.quiet_for + TICK if other in self.silent else 0.0
                if link.told and other not in self.silent | self.idle:
                    link.packets += 2
                    packet = OpusPacket(
                        sequence=link.packets, timestamp=960 * link.packets, payload=b"x", level=20
                    )
                    self.forwarder.handle_packet(other, 0, packet)
            self.uplink.look()

    @property
    def parents(self) -> list[str]:
        return [move.to for move in self.uplink.moves]


def test_the_first_provider_is_the_parent_once_its_way_is_known() -> None:
    me = Listener()
    me.link(ANN)
    assert me.uplink.parent == ""
    assert me.uplink.needs_parent
    me.tell(ANN, HOST)
    assert me.uplink.parent == ANN
    assert not me.uplink.needs_parent
    me.pass_(10)
    assert me.ended == []
    assert me.parents == [ANN]


def test_who_never_tells_a_way_is_left() -> None:
    me = Listener()
    me.link(ANN)
    me.pass_(VOUCH_SECONDS - TICK)
    assert me.ended == []
    me.pass_(3 * TICK)
    assert me.ended == [(ANN, "no way to the stage")]


def test_a_standby_is_asked_for_nothing_until_the_parent_dies() -> None:
    me = Listener()
    me.link(HOST)
    bob = me.link(BOB, HOST, standby=True)
    me.pass_(2)
    assert (me.uplink.parent, me.uplink.standby) == (HOST, BOB)
    assert bob.wishes == []
    me.close(HOST)
    assert (me.uplink.parent, me.uplink.standby) == (BOB, "")
    assert bob.wishes == [True]
    assert me.uplink.moves[-1].reason == "lost"


def test_a_parent_that_falls_silent_is_helped_out_at_once_and_replaced() -> None:
    me = Listener()
    host = me.link(HOST)
    bob = me.link(BOB, HOST, standby=True)
    me.pass_(1)
    died = me.now
    me.silent.add(HOST)
    while not bob.wishes:
        me.pass_(TICK)
    assert me.now - died <= 0.3
    assert host.pings == 1
    me.pass_(1)
    assert me.uplink.parent == BOB
    assert me.ended == [(HOST, "silent")]
    move = me.uplink.moves[-1]
    assert (move.to, move.reason) == (BOB, "silent")
    assert 0.1 < move.orphaned < 0.5


def test_a_parent_that_was_only_late_stays_and_the_standby_rests_again() -> None:
    me = Listener()
    me.link(HOST)
    bob = me.link(BOB, HOST, standby=True)
    me.pass_(1)
    me.silent.add(HOST)
    me.pass_(0.3)
    assert me.uplink.is_uneasy
    me.silent.clear()
    me.pass_(1)
    assert me.uplink.parent == HOST
    assert bob.wishes == [True, False]
    assert me.ended == []
    assert not me.uplink.is_uneasy


def test_without_a_standby_another_parent_is_wanted_and_takes_over_when_it_comes() -> None:
    me = Listener()
    me.link(HOST)
    me.pass_(1)
    me.silent.add(HOST)
    me.pass_(0.4)
    assert me.uplink.is_uneasy
    assert not me.uplink.needs_parent
    bob = me.link(BOB, HOST, standby=True)  # asked for as a standby, and needed at once
    assert bob.wishes == [True]
    me.pass_(1)
    assert me.uplink.parent == BOB


def test_a_move_ends_the_old_parent_only_when_the_new_one_has_a_way_and_a_moment_later() -> None:
    me = Listener()
    me.link(HOST)
    me.pass_(1)
    me.uplink.moving_to = BOB
    me.link(BOB)
    me.pass_(0.5)
    assert me.uplink.parent == HOST
    me.tell(BOB, HOST)
    assert me.uplink.parent == BOB
    assert me.ended == []
    assert HOST in me.links
    me.pass_(OVERLAP_SECONDS + 2 * TICK)
    assert me.ended == [(HOST, "moved")]
    assert me.uplink.moves[-1].orphaned == 0.0


def test_a_parent_that_was_let_go_is_taken_back_if_the_new_one_fails_at_once() -> None:
    me = Listener()
    me.link(HOST)
    me.uplink.moving_to = BOB
    me.link(BOB, HOST)
    assert me.uplink.parent == BOB
    me.tell(BOB, ME, HOST)  # it has moved below us at the same time
    assert me.ended == [(BOB, "the way leads through us")]
    assert me.uplink.parent == HOST
    me.pass_(5)
    assert me.ended == [(BOB, "the way leads through us")]


def test_somebody_asked_in_need_who_comes_late_stands_by() -> None:
    me = Listener()
    me.link(HOST)
    ann = me.link(ANN, HOST)
    assert (me.uplink.parent, me.uplink.standby) == (HOST, ANN)
    assert ann.wishes == [False]
    me.link(BOB, HOST, standby=True)
    assert me.uplink.standby == BOB
    assert me.ended == [(ANN, "another one stands by")]


def test_a_parent_that_loses_its_way_is_followed_for_a_second_and_then_the_standby() -> None:
    me = Listener()
    me.link(ANN, HOST)
    me.link(BOB, HOST, standby=True)
    me.pass_(1)
    me.tell(ANN)
    me.pass_(LOST_SECONDS - 2 * TICK)
    assert me.uplink.parent == ANN
    me.pass_(LOST_SECONDS)
    assert me.uplink.parent == BOB
    assert me.ended == [(ANN, "no way to the stage")]


def test_a_parent_that_finds_its_way_again_is_kept() -> None:
    me = Listener()
    me.link(ANN, HOST)
    me.link(BOB, HOST, standby=True)
    for _ in range(10):
        me.tell(ANN)
        me.pass_(LOST_SECONDS / 2)
        me.tell(ANN, CEM, HOST)
        me.pass_(LOST_SECONDS)
    assert me.parents == [ANN]


def test_without_a_standby_a_lost_parent_brings_nothing_until_its_way_is_back() -> None:
    me = Listener()
    me.link(ANN, HOST)
    me.tell(ANN)
    me.pass_(2 * LOST_SECONDS)
    assert me.uplink.needs_parent
    assert ANN in me.links
    me.forwarder.drops.clear()
    me.pass_(0.5)
    assert me.forwarder.drops["not vouched for"] > 5
    me.tell(ANN, HOST)
    assert not me.uplink.needs_parent
    me.forwarder.drops.clear()
    me.pass_(0.5)
    assert not me.forwarder.drops


def test_a_standby_whose_way_leads_through_us_is_let_go() -> None:
    me = Listener()
    me.link(HOST)
    me.link(BOB, HOST, standby=True)
    me.tell(BOB, ME, HOST)
    assert me.ended == [(BOB, "the way leads through us")]
    assert me.uplink.standby == ""


def test_a_free_rider_is_left_when_the_standby_says_that_somebody_talks() -> None:
    me = Listener()
    me.idle.add(ANN)
    me.link(ANN, HOST)
    me.link(BOB, HOST, standby=True)
    me.pass_(5)
    assert me.uplink.parent == ANN  # nobody may be talking
    me.uplink.somebody_talks(BOB)
    me.pass_(4)
    assert me.uplink.parent == BOB


@given(st.integers(), st.integers(20, 80))
def test_whatever_providers_do_there_is_one_parent_and_one_standby_that_are_up(
    seed: int, steps: int
) -> None:
    rng = random.Random(seed)
    me = Listener()
    people = [HOST, ANN, BOB, CEM, DORA]
    for _ in range(steps):
        other = rng.choice(people)
        match rng.randrange(7):
            case 0 | 1 if other not in me.links:
                me.link(other, standby=rng.random() < 0.5)
            case 2 if other in me.links:
                me.close(other)
            case 3 | 4 if other in me.links:
                me.tell(other, *rng.sample([HOST, ME, ANN, BOB], rng.randrange(4)))
            case 5:
                me.silent ^= {other}
            case 6:
                me.uplink.moving_to = other
        me.pass_(rng.choice([TICK, 0.5, 2.0]))
        parent, standby = me.uplink.parent, me.uplink.standby
        assert parent == "" or parent in me.links
        assert standby == "" or standby in me.links
        assert parent != standby or not parent
        assert all(ME not in (me.neighbours.way(who) or ()) for who in me.links)
        assert len(me.links) <= 5
    for other in people:  # who has a way, and who is up, is used in the end
        me.silent.discard(other)
    if HOST not in me.links:
        me.link(HOST)
    me.neighbours.forget(HOST)
    me.uplink.look_at(HOST)
    me.pass_(5)
    assert me.uplink.parent
    assert not me.uplink.needs_parent
