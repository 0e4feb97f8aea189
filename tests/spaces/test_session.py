import asyncio
import json
import socket
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from tui.audio.errors import InvalidAudioSpec
from tui.nostr.event import Draft, Event
from tui.nostr.keys import LocalSigner
from tui.nostr.pool import Pool
from tui.relay.limits import RelayLimits
from tui.relay.server import RelayServer
from tui.spaces import events, roster
from tui.spaces.events import Metrics, SpaceRef
from tui.spaces.roles import Role
from tui.spaces.session import SpaceCreation
from tui.spaces.writer import Writer

Publish = Callable[[LocalSigner, Draft], Awaitable[Event]]
Until = Callable[[Callable[[], object]], Awaitable[None]]
Sit = Callable[..., Awaitable[Any]]


def joined(seat: Any) -> bool:
    return bool(seat.diary.joins == 1)


def is_of_a_session(task: asyncio.Task[Any]) -> bool:
    source = Path(task.get_coro().cr_code.co_filename)  # type: ignore[union-attr]
    return not {"spaces", "rtc", "audio", "aiortc", "aioice"}.isdisjoint(source.parts[:-1])


async def test_two_people_join_are_connected_and_leave(
    sit: Sit, until: Until, host: LocalSigner, guest: LocalSigner
) -> None:
    first = await sit(host, create=SpaceCreation("Tea"))
    await until(lambda: first.diary.joins)
    second = await sit(guest)
    await until(lambda: second.session.link_state(host.pubkey) == "connected")
    await until(lambda: first.session.link_state(guest.pubkey) == "connected")
    assert second.session.parent == host.pubkey
    assert second.session.state.created is not None
    assert second.session.state.created.name == "Tea"
    assert await second.leave() == "left"
    await until(lambda: not first.session.is_present(guest.pubkey))
    first.session.close()
    assert await asyncio.wait_for(first.task, 10) == "closed by host"
    tasks = {task for task in asyncio.all_tasks() if is_of_a_session(task)}
    assert tasks <= {asyncio.current_task()}


async def test_whoever_leaves_and_comes_back_at_once_is_there_for_everybody(
    sit: Sit, until: Until, host: LocalSigner, guest: LocalSigner
) -> None:
    first = await sit(host, create=SpaceCreation("Tea"))
    await until(lambda: first.diary.joins)
    for visit in range(3):
        second = await sit(guest)
        await until(lambda: first.session.state.is_present(guest.pubkey, time.time()))
        await until(partial(joined, second))
        if visit < 2:
            await second.leave()
            await until(lambda: not first.session.state.is_present(guest.pubkey, time.time()))


async def test_leaving_does_not_wait_for_a_relay_that_does_not_answer(
    sit: Sit, guest: LocalSigner
) -> None:
    seat = await sit(guest, urls=("ws://127.0.0.1:9",))
    await asyncio.sleep(0)
    assert await seat.leave() == "left"
    assert any("goodbye" in line for line in seat.diary.lines)


async def test_a_speaker_that_cannot_be_is_said_to_be_so(sit: Sit, guest: LocalSigner) -> None:
    seat = await sit(guest, speaker="tone:440")
    with pytest.raises(InvalidAudioSpec):
        await seat.task


async def test_a_space_ends_for_all_when_its_host_closes_it_and_for_nobody_else(
    sit: Sit, publish: Publish, until: Until, space: SpaceRef, host: LocalSigner,
    guest: LocalSigner, stranger: LocalSigner,
) -> None:  # fmt: skip
    first = await sit(host, create=SpaceCreation("Tea"))
    second = await sit(guest)
    await until(lambda: second.diary.joins)
    await publish(stranger, Writer(space, stranger.pubkey).close(int(time.time())))
    await until(lambda: any("only the host closes" in line for line in second.diary.lines))
    assert not second.task.done()
    first.session.close()
    assert await asyncio.wait_for(second.task, 10) == "closed by host"


async def test_a_hand_goes_down_by_the_hosts_will_and_not_by_a_strangers(
    sit: Sit, publish: Publish, until: Until, space: SpaceRef, host: LocalSigner,
    guest: LocalSigner, stranger: LocalSigner,
) -> None:  # fmt: skip
    first = await sit(host, create=SpaceCreation("Tea"))
    second = await sit(guest)
    await until(lambda: second.diary.joins)
    second.session.request_speech()
    await until(lambda: first.diary.hands == [guest.pubkey])
    forger = Writer(space, stranger.pubkey)
    for draft in (forger.demote, forger.promote):
        await publish(stranger, draft(int(time.time()) + 2, guest.pubkey))
    await until(lambda: sum("ignored" in line for line in second.diary.lines) == 2)
    await until(lambda: second.session.hand_up)
    first.session.demote(guest.pubkey)
    await until(lambda: not second.session.hand_up)
    # Asking again in the same second is asking again.
    second.session.request_speech()
    await until(lambda: first.diary.hands == [guest.pubkey] * 2)
    first.session.promote(guest.pubkey)
    await until(lambda: second.session.role is Role.SPEAKER)
    await until(lambda: not second.session.hand_up)
    second.session.demote(guest.pubkey)
    await until(lambda: second.session.role is Role.LISTENER)
    await until(lambda: first.session.state.role_of(guest.pubkey) is Role.LISTENER)
    assert first.session.state.queue(time.time()) == []


async def test_a_relay_that_does_not_answer_delays_neither_host_nor_guest(
    sit: Sit, until: Until, relay: RelayServer, host: LocalSigner, guest: LocalSigner,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("tui.spaces.session.FAREWELL_SECONDS", 0.1)
    urls = (relay.url, "ws://127.0.0.1:9")
    first = await sit(host, create=SpaceCreation("Tea"), urls=urls)
    second = await sit(guest, urls=urls)
    async with asyncio.timeout(4):  # a relay that is not connected is waited for five seconds
        await until(lambda: second.session.link_state(host.pubkey) == "connected")
    assert first.diary.joins == 1
    complaints = [line for line in second.diary.lines if "refused" in line]
    assert len(complaints) <= 1


async def test_a_relay_that_was_away_is_told_what_it_missed(
    sit: Sit, until: Until, relay: RelayServer, host: LocalSigner, guest: LocalSigner,
    stranger: LocalSigner,
) -> None:  # fmt: skip
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    urls = (relay.url, f"ws://127.0.0.1:{port}")
    first = await sit(host, create=SpaceCreation("Tea"), urls=urls)
    second = await sit(guest)
    await until(lambda: first.session.is_present(guest.pubkey))
    second.session.request_speech()
    await until(lambda: first.session.hand_since(guest.pubkey))
    first.session.promote(guest.pubkey)
    await until(lambda: second.sees(guest.pubkey, Role.SPEAKER))
    async with RelayServer(port=port):
        third = await sit(stranger, urls=(urls[1],))
        await until(lambda: third.session.state.role_of(guest.pubkey) is Role.SPEAKER)
        await until(lambda: third.session.state.created)
        await until(lambda: third.session.state.announced)


async def test_a_space_that_no_relay_takes_ends_before_it_began(
    sit: Sit, guest: LocalSigner
) -> None:
    async with RelayServer(limits=RelayLimits(max_event_tags=1)) as strict:
        seat = await sit(guest, create=SpaceCreation("Tea"), urls=(strict.url,))
        reason = await asyncio.wait_for(seat.task, 10)
    assert reason.startswith(f"no relay takes our events: {strict.url}: ")
    assert seat.diary.joins == 0


async def test_a_relay_that_is_too_busy_to_answer_is_asked_again(
    sit: Sit, until: Until, guest: LocalSigner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(Pool.publish.__kwdefaults__, "timeout", 0.1)
    answers = ignored = 0

    async def busy(socket: ServerConnection) -> None:
        nonlocal ignored
        async for text in socket:
            kind, what, *_ = json.loads(text)
            if kind == "REQ":
                await socket.send(json.dumps(["EOSE", what]))
            elif kind == "EVENT" and ignored < 3:
                ignored += 1
            elif kind == "EVENT" and answers:
                await socket.send(json.dumps(["OK", what["id"], True, ""]))

    async with serve(busy, "127.0.0.1", 0) as server:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        answers = 1
        patient = await sit(guest, urls=(url,))
        await until(lambda: ignored == 3)
        monkeypatch.setattr("tui.spaces.visit.DELIVERIES", 2)
        answers = 0
        hasty = await sit(guest, urls=(url,))
        assert await hasty.outcome() == f"no relay takes our events: {url}: no answer"
        assert not patient.task.done()


async def test_whom_one_does_not_want_to_hear_others_hear_through_one(
    sit: Sit, until: Until, signer: Callable[[int], LocalSigner],
) -> None:  # fmt: skip
    host = await sit(signer(1), create=SpaceCreation("Tea"), outputs=0)
    await until(lambda: host.diary.joins)
    loud = await sit(signer(2), microphone="tone:440", muted=False, outputs=0)
    node = await sit(signer(3))
    for seat in (loud, node):
        await until(lambda: host.session.is_present(seat.me))  # noqa: B023
        host.session.promote(seat.me)
    listener = await sit(signer(4))
    await until(lambda: listener.session.parent == node.me)
    everybody = (host, node, listener)
    await until(lambda: all(seat.session.is_talking(loud.me) for seat in everybody))
    node.session.hidden = frozenset({loud.me})
    await until(lambda: not node.session.is_talking(loud.me))
    assert listener.session.is_talking(loud.me)
    assert node.session.chat.hidden == node.session.hidden == {loud.me}
    node.session.hidden = frozenset()
    await until(lambda: node.session.is_talking(loud.me))


@pytest.mark.parametrize("password", ["", "green tea"])
async def test_people_in_a_space_write_to_one_another(
    password: str, sit: Sit, until: Until, host: LocalSigner, guest: LocalSigner
) -> None:
    create = SpaceCreation("Tea", access="password" if password else "open")
    first = await sit(host, create=create, password=password)
    await until(lambda: first.diary.joins)
    second = await sit(guest, password=password)
    await until(lambda: second.diary.joins)
    said = second.session.chat.say("hello")
    await until(lambda: said in first.session.chat.lines)
    assert first.session.chat.lines[said].text == "hello"
    assert said in first.diary.chat_ids
    await until(lambda: second.session.chat.lines[said].state == "sent")
    second.session.chat.react("👍")
    await until(lambda: first.diary.reactions == [(guest.pubkey, "👍")])
    first.diary.chat_ids = frozenset()
    first.session.remove(guest.pubkey)
    await until(lambda: said in first.diary.chat_ids)
    assert said not in first.session.chat.lines


async def test_an_error_in_one_part_ends_no_session(
    sit: Sit, until: Until, host: LocalSigner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.spaces.session.LOOK_SECONDS", 0.1)
    seat = await sit(host, create=SpaceCreation("Tea"))
    await until(lambda: seat.diary.joins)

    def fail() -> None:
        raise RuntimeError("a bug")

    with monkeypatch.context() as broken:
        broken.setattr(seat.session._parts.planner, "plan", fail)
        await until(lambda: seat.session.dropped.get("errors of ours", 0) > 2)
    assert not seat.task.done()
    assert await seat.leave() == "left"


async def test_of_a_crowd_that_changes_at_once_is_told_piece_by_piece(
    sit: Sit, until: Until, space: SpaceRef, host: LocalSigner, guest: LocalSigner
) -> None:
    """All at once would hold up the sound."""
    seat = await sit(host, create=SpaceCreation("Tea"))
    await until(lambda: seat.diary.joins)
    signed = await guest.sign(Draft(0, "", (), 0))
    at, crowd = int(time.time()), {f"{number:064x}" for number in range(3 * roster.TELL_PEOPLE)}
    for pubkey in crowd:
        join = events.PeerJoined(
            space=space,
            signer=pubkey,
            at=at,
            id=pubkey,
            name="",
            metrics=Metrics(),
            until=at + 180,
            nip44=True,
        )
        seat.session.receive(join, signed)
    seat.diary.participants.clear()
    told = []
    while len(seat.diary.participants) < len(crowd):
        before = len(seat.diary.participants)
        await asyncio.sleep(0)
        told.append(len(seat.diary.participants) - before)
    assert max(told) <= roster.TELL_PEOPLE
    await until(lambda: set(seat.diary.participants) >= crowd)
