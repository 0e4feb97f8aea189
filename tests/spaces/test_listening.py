"""Real sessions and connections below one stage: everybody hears it through one another."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tui.config import limits
from tui.nostr.keys import LocalSigner
from tui.spaces import planner, serving
from tui.spaces.roles import Role
from tui.spaces.session import SpaceCreation

Until = Callable[[Callable[[], object]], Awaitable[None]]
Sit = Callable[..., Awaitable[Any]]
Signers = Callable[[int], LocalSigner]

OUTPUTS = 2
LISTENERS = 8


def parent_of(seat: Any) -> str:
    return str(seat.session.parent)


def served(seats: list[Any]) -> Counter[str]:
    """To how many everybody sends, as those see it who send."""
    return Counter({x.me: len(x.session._connections.neighbours.consumers) for x in seats})


def no_loop(seats: list[Any]) -> bool:
    parents = {seat.me: parent_of(seat) for seat in seats}
    for start, parent in parents.items():
        seen, who = {start}, parent
        while who:
            if who in seen:
                return False
            seen.add(who)
            who = parents.get(who, "")
    return True


def sees_parents(one: Any, seats: list[Any]) -> bool:
    """Whether the graph that one of them has shows who listens to whom, as it is."""
    tree = one.session.state.tree
    return all(tree.parent(seat.me) == parent_of(seat) for seat in seats)


def cut(seat: Any) -> None:
    """As if its process was killed: nothing of it reaches anybody any more."""

    async def never(*_args: Any, **_more: Any) -> None:
        await asyncio.get_running_loop().create_future()

    wire, connections = seat.session._wire, seat.session._connections
    wire.say, wire.send = lambda *_args, **_more: None, never
    for peer in connections._peers._open:
        for protocol in peer._media.connection._protocols:
            protocol.transport.abort()


async def hall(sit: Sit, until: Until, signer: Signers, listeners: int = LISTENERS) -> list[Any]:
    """A host that talks, and listeners who all hear it."""
    host = await sit(
        signer(1), create=SpaceCreation("Tea"), outputs=OUTPUTS, microphone="tone:440", muted=False
    )
    await until(lambda: host.diary.joins)
    seats = [host, *[await sit(signer(10 + n), outputs=OUTPUTS) for n in range(listeners)]]
    await until(lambda: all(seat.session.is_talking(host.me) for seat in seats))
    return seats


async def test_everybody_hears_the_host_through_a_tree_and_again_when_a_node_dies(
    sit: Sit, until: Until, signer: Signers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planner, "STANDBY_SECONDS", 0.3)
    monkeypatch.setattr(serving, "SETTLE_SECONDS", 0.3)
    seats = await hall(sit, until, signer)
    host, *listeners = seats
    assert max(served(seats).values()) <= OUTPUTS
    assert no_loop(seats)
    assert max(seat.session._connections.depth for seat in listeners) >= 2

    def with_children() -> list[Any]:
        """Who serves people who all have another to go to."""
        parents = {parent_of(seat) for seat in listeners if seat.session._connections.standby}
        waiting = {parent_of(seat) for seat in listeners if not seat.session._connections.standby}
        return [seat for seat in listeners if seat.me in parents - waiting]

    await until(with_children)
    victim = with_children()[0]
    orphans = [seat for seat in listeners if parent_of(seat) == victim.me]
    rest = [seat for seat in listeners if seat is not victim]
    cut(victim)
    await until(lambda: all(parent_of(seat) not in ("", victim.me) for seat in rest))
    await until(lambda: all(seat.session.is_talking(host.me) for seat in rest))
    assert max(served(seats).values()) <= OUTPUTS
    assert no_loop(rest)
    await until(lambda: all(sees_parents(seat, rest) for seat in rest))
    moves = [seat.session._connections.uplink.moves[-1] for seat in orphans]
    assert max(move.orphaned for move in moves) < 2.0, "a fifth of a second and a busy machine"


async def test_a_demoted_speaker_goes_on_serving_as_a_listener(
    sit: Sit, until: Until, signer: Signers
) -> None:
    host = await sit(
        signer(1), create=SpaceCreation("Tea"), outputs=1, microphone="tone:440", muted=False
    )
    await until(lambda: host.diary.joins)
    busy = await sit(signer(2))
    await until(lambda: parent_of(busy) == host.me)
    host.session.promote(busy.me)
    await until(lambda: busy.session.role is Role.SPEAKER)
    await until(lambda: host.session._connections.links[busy.me].kind == "mutual")
    first = await sit(signer(3), outputs=1)
    await until(lambda: first.session.is_talking(host.me))
    second = await sit(signer(4), outputs=1)
    await until(lambda: second.session.is_talking(host.me))
    children = [x for x in (first, second) if parent_of(x) == busy.me]
    assert children
    busy.diary.connections.clear()
    host.session.demote(busy.me)
    await until(lambda: parent_of(busy))
    assert busy.session.role is Role.LISTENER
    for child in children:
        assert parent_of(child) == busy.me
        assert (child.me, "closed") not in busy.diary.connections
        way = child.session._connections.neighbours
        await until(lambda: len(way.own_way or ()) >= 2)  # noqa: B023


async def test_somebody_who_brings_much_more_takes_the_place_of_somebody_who_brings_little(
    sit: Sit, until: Until, signer: Signers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one who is dropped finds a place with the other."""
    host = await sit(
        signer(1), create=SpaceCreation("Tea"), outputs=1, microphone="tone:440", muted=False
    )
    await until(lambda: host.diary.joins)
    poor = await sit(signer(2), outputs=0)
    await until(lambda: parent_of(poor) == host.me)
    rich = await sit(signer(3), outputs=8, upload_kbps=100_000)
    await until(lambda: parent_of(rich) == host.me)
    await until(lambda: parent_of(poor) == rich.me)
    await until(lambda: poor.session.is_talking(host.me))
    assert served([host]) == {host.me: 1}


async def test_in_a_crowd_everybody_finds_a_place_without_hearing_of_everybody(
    sit: Sit, until: Until, signer: Signers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "ROSTER_PEOPLE", 4)
    seats = await hall(sit, until, signer, listeners=5)
    await until(lambda: all(seat.session._inbox.is_narrow for seat in seats))
    late = [await sit(signer(30 + n), outputs=OUTPUTS) for n in range(3)]
    host = seats[0]
    await until(lambda: all(seat.session.is_talking(host.me) for seat in late))
    assert max(served([*seats, *late]).values()) <= OUTPUTS
    strangers = [
        (one.me, other.me)
        for one in seats[1:]
        for other in late
        if other.me not in one.session._connections.near
    ]
    assert strangers
    unknown = [
        seat for seat in seats[1:] for other in late if not seat.session.state.peer(other.me)
    ]
    assert unknown, "who does not serve them has not heard of them"
    assert host.session._parts.people == 9  # it hears of all, and tells how many there are
    seats[1].session.show_roster(True)
    await until(lambda: all(seats[1].session.is_present(other.me) for other in late))
