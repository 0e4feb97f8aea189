"""More people and more said than anybody can remember: honest people are not forgotten for them."""

import gc
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.hostile import floods
from tui.config import limits
from tui.spaces import events
from tui.spaces.roles import Role

pytestmark = pytest.mark.timeout(120)

Until = Callable[..., Awaitable[None]]

FEW = {
    "PEOPLE": 100,
    "EDGES": 400,
    "HANDS": 40,
    "MODERATION_EVENTS": 60,
    "JOURNAL_EVENTS": 60,
    "THROTTLED": 200,
    "HANDLED_SIGNALS": 100,
    "DATED_TOPICS": 200,
    "SEEN_EVENTS": 500,
    "REFUSALS": 50,
}


async def test_honest_people_stay_known_and_nothing_grows_without_bound(
    world: Any, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, bound in FEW.items():
        monkeypatch.setattr(limits, name, bound)
    host = await world.host()
    cohost = await world.guest(2, role=Role.COHOST)
    speaker = await world.guest(3)
    cohost.session.promote(speaker.me)
    ann = await world.guest(4)
    troll = world.mob(1)[0]
    await (await world.line()).flood([troll.join("troll")])
    await until(lambda: cohost.sees(troll))
    cohost.session.remove(troll.me, "noise")
    await world.agree(speaker, Role.SPEAKER)
    await until(lambda: all(seat.session.state.is_barred(troll.me) for seat in world.seats))
    ann.session.request_speech()
    await until(lambda: ann.me in host.session.queue and ann.me in cohost.session.queue)
    honest = [host, cohost, speaker, ann]
    stage = [host.me, cohost.me, speaker.me]

    objects: list[int] = []
    for _ in range(4):
        mob = world.mob(150)
        everybody = [*stage, ann.me]
        for flood in (
            floods.edges(mob, [host.me]),
            floods.joins(mob),
            (one.hand() for one in mob),
            floods.forged_acts(mob, everybody),
            floods.requests_without_offers(mob[:5], [host.me]),
            floods.signals(mob, [host.me]),
            floods.chatter(mob, host.me),
            (troll.join("troll"), mob[-1].say(events.LEAVE_SPACE, about=(mob[-1].me,))),
        ):
            await (await world.line()).flood(flood)
        last = mob[-1].me
        await until(lambda last=last: all(one.session.state.peer(last) for one in honest))
        gc.collect()
        objects.append(len(gc.get_objects()))
        for one in honest:
            state = one.session.state
            assert len([*state.known()]) <= limits.PEOPLE
            assert len([*state.edges(0)]) <= limits.EDGES
            assert len(one.session.journal.entries) <= limits.JOURNAL_EVENTS
            assert one.sees(*honest), "somebody honest is forgotten"
            assert state.speaking == set(stage)
            assert {bar.target for bar in state.barred()} == {troll.me}
            assert not one.sees(troll)
    assert host.session.queue[ann.me] == cohost.session.queue[ann.me]
    said = [entry for entry in host.session.journal.entries if not entry.refused]
    assert {entry.target for entry in said} >= {cohost.me, speaker.me, troll.me}
    assert max(objects[1:]) < objects[0] * 1.2
