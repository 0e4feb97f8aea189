"""Moderation by those who may not: strangers, who may no more, and who may not go that far."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tui.spaces import events
from tui.spaces.roles import Role

pytestmark = pytest.mark.timeout(120)

Until = Callable[..., Awaitable[None]]

ACTS = (
    events.PROMOTE_SPEAKER,
    events.PROMOTE_COHOST,
    events.DEMOTE_TO_PEER,
    events.REMOVE_PEER,
    events.INVITE_PEER,
)


def holds(seat: Any) -> tuple[Any, ...]:
    """All that moderation has made of a space, as somebody sees it."""
    state = seat.session.state
    roles = {pubkey: state.role_of(pubkey) for pubkey in state.speaking}
    barred = {(bar.target, bar.signer, bar.reason) for bar in state.barred()}
    return roles, barred, state.locked, state.ended, state.created


async def agree(world: Any, number: int) -> Any:
    """What everybody holds, who was there and who comes only now."""
    late = await world.guest(number)
    first, *others = world.seats
    await world.wait(lambda: all(holds(one) == holds(first) for one in others), "all agree")
    assert late in others
    return holds(first)


def refused(seat: Any) -> int:
    return sum(bool(entry.refused) for entry in seat.session.journal.entries)


async def test_nobody_gains_anything_by_forged_acts(world: Any, until: Until) -> None:
    host = await world.host()
    cohost = await world.guest(2, role=Role.COHOST)
    speaker = await world.guest(3, role=Role.SPEAKER)
    ann = await world.guest(4)
    before = holds(host)
    stranger, listener = world.mob(2)
    fallen = await world.rogue(role=Role.SPEAKER)
    host.session.demote(fallen.me)
    await world.agree(fallen, Role.LISTENER)
    victims = [seat.me for seat in world.seats]
    line = fallen.line
    await line.flood([listener.join()])
    forged = 0
    for one in (stranger, listener, fallen):
        acts = [one.act(kind, target) for kind in ACTS for target in (*victims, one.me)]
        acts += [one.say(events.CLOSE_SPACE)]
        forged += await line.flood(acts)
        await line.flood(
            [
                one.say(events.MUTE_REQUEST),
                one.say(events.REQUEST_SPEECH, "come", ("p", ann.me), about=(ann.me,)),
                one.event(
                    30312, "", (("d", one.space.id), ("status", "private"), ("webrtc", "spaces"))
                ),
            ]
        )
    await until(lambda: all(refused(seat) >= forged for seat in world.seats), "all were refused")
    assert await agree(world, 5) == before
    assert ann.session.proposal is None
    assert speaker.session.muted_by == ""
    assert cohost.role_of(cohost) is Role.COHOST
    for seat in (host, cohost, speaker):
        assert seat.dropped["asked of us without authority"] >= 3


async def test_acts_of_another_time_change_nothing(world: Any, until: Until) -> None:
    """Played back, or dated where nobody has been yet."""
    host = await world.host()
    ann = await world.guest(4)
    rogue = await world.rogue(role=Role.SPEAKER)
    host.session.remove(rogue.me, "noise")
    await until(lambda: host.session.state.is_barred(rogue.me))
    before = holds(host)
    said = await world.stored({"authors": [host.me], "kinds": [*ACTS, events.JOIN_SPACE]})
    assert {event["kind"] for event in said} >= {events.PROMOTE_SPEAKER, events.REMOVE_PEER}
    await rogue.line.flood(said * 5)
    ahead = int(time.time()) + 100
    await rogue.line.flood(
        [
            rogue.act(events.DEMOTE_TO_PEER, rogue.me, at=ahead),
            rogue.join("back", at=ahead),
            rogue.join("back"),
            rogue.hand(),
        ]
    )
    await until(lambda: ann.dropped.get("dated in the future", 0) == 2)
    assert await agree(world, 5) == before
    for seat in world.seats:
        assert not seat.sees(rogue)
        assert rogue.me not in seat.session.queue


async def test_a_cohost_goes_no_further_than_cohosts_may(world: Any, until: Until) -> None:
    host = await world.host()
    cohost = await world.guest(2, role=Role.COHOST)
    ann = await world.guest(4)
    rogue = await world.rogue(role=Role.COHOST)
    before = holds(host)
    own = events.DEMOTE_TO_PEER  # everybody may step down
    # In one second it is chance what was first.
    at = 1 + max(host.session.state.last_act(one.me).at for one in (cohost, rogue))
    acts = [rogue.act(kind, seat.me, at) for kind in ACTS for seat in (host, cohost)]
    acts += [rogue.act(kind, rogue.me, at) for kind in ACTS if kind != own]
    acts += [rogue.act(events.PROMOTE_COHOST, ann.me, at), rogue.say(events.CLOSE_SPACE)]
    locked = (("d", rogue.space.id), ("status", "private"), ("webrtc", "spaces"))
    await rogue.line.flood([*acts, rogue.event(30312, "", locked)])
    await until(lambda: all(refused(seat) >= len(acts) for seat in world.seats))
    assert await agree(world, 5) == before


async def test_what_a_cohost_did_outlives_what_they_do_when_they_are_none(
    world: Any, until: Until
) -> None:
    """Relays replace an act by the next one on the same person, of whoever signed both."""
    host = await world.host()
    await world.guest(4)
    rogue = await world.rogue(role=Role.COHOST)
    troll = world.mob(1)[0]
    speaker = await world.guest(3)
    at = host.session.state.last_act(rogue.me).at + 1
    await rogue.line.flood(
        [
            rogue.act(events.PROMOTE_SPEAKER, speaker.me, at),
            troll.join("troll"),
            rogue.act(events.REMOVE_PEER, troll.me, at, reason="noise"),
        ]
    )
    await world.agree(speaker, Role.SPEAKER)
    await until(lambda: all(seat.session.state.is_barred(troll.me) for seat in world.seats))
    host.session.demote(rogue.me)
    await world.agree(rogue, Role.LISTENER)
    await until(lambda: host.session.state.last_act(speaker.me).signer == host.me)
    later = int(time.time()) + 5
    await rogue.line.flood(
        [
            rogue.act(events.PROMOTE_SPEAKER, speaker.me, at=later),
            rogue.act(events.REMOVE_PEER, troll.me, at=later),
        ]
    )
    await until(lambda: all(refused(seat) == 2 for seat in world.seats))
    roles, barred, *_ = await agree(world, 5)
    assert roles == {host.me: Role.HOST, speaker.me: Role.SPEAKER}
    assert {(target, reason) for target, _, reason in barred} == {(troll.me, "noise")}


async def test_an_act_dated_ahead_is_undone_at_once(world: Any, until: Until) -> None:
    """Whether by malice, or by a clock that runs fast."""
    host = await world.host()
    ann = await world.guest(4)
    rogue = await world.rogue(role=Role.COHOST)
    await rogue.line.flood([rogue.act(events.PROMOTE_SPEAKER, ann.me, at=int(time.time()) + 45)])
    await world.agree(ann, Role.SPEAKER)
    host.session.demote(ann.me)
    await world.agree(ann, Role.LISTENER)
    ann.session.request_speech()
    await until(lambda: ann.me in host.session.queue)
    host.session.promote(ann.me)
    await world.agree(ann, Role.SPEAKER)


async def test_who_was_a_cohost_moderates_no_more_by_dating_back(world: Any, until: Until) -> None:
    host = await world.host()
    speaker = await world.guest(3, role=Role.SPEAKER)
    rogue = await world.rogue(role=Role.COHOST)
    troll, accomplice, victim = mob = world.mob(3)
    await rogue.line.flood(one.join("somebody") for one in mob)
    await until(lambda: host.sees(*mob))
    host.session.remove(troll.me, "noise")
    await until(lambda: all(seat.session.state.is_barred(troll.me) for seat in world.seats))
    before = holds(host)
    moderated = max(host.session.state.last_act(who.me).at for who in (rogue, troll)) + 1
    await until(lambda: time.time() > moderated + 1)
    host.session.demote(rogue.me)
    await world.agree(rogue, Role.LISTENER)
    acts = [
        rogue.act(events.PROMOTE_SPEAKER, accomplice.me, at=moderated),
        rogue.act(events.REMOVE_PEER, victim.me, at=moderated),
        rogue.act(events.DEMOTE_TO_PEER, speaker.me, at=moderated),
        rogue.act(events.DEMOTE_TO_PEER, troll.me, at=moderated),
    ]
    await rogue.line.flood(acts)
    judged = [act["id"] for act in acts]
    await until(lambda: all(host.session.state.verdict(id_) == "" for id_ in judged))
    roles, barred, *_ = await agree(world, 5)
    assert roles == {who: role for who, role in before[0].items() if who != rogue.me}
    assert {(target, reason) for target, _, reason in barred} == {(troll.me, "noise")}
