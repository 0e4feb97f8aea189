import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tui.nostr.filter import Filter
from tui.nostr.keys import LocalSigner
from tui.nostr.pool import Pool
from tui.relay.server import RelayServer
from tui.rtc.forwarding import LinkKind
from tui.spaces import announcer, events, speech, visit
from tui.spaces.roles import Role
from tui.spaces.session import SpaceCreation
from tui.spaces.state import STALE_AFTER

Until = Callable[[Callable[[], object]], Awaitable[None]]
Sit = Callable[..., Awaitable[Any]]

TEA = SpaceCreation("Tea")


async def crash(seat: Any) -> None:
    """As a process ends that is killed: nobody is told."""
    seat.task.cancel()
    await asyncio.gather(seat.task, return_exceptions=True)


async def test_join_is_said_again_in_time(
    sit: Sit, until: Until, host: LocalSigner, guest: LocalSigner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visit, "JOIN_EVERY", 0.5)
    first = await sit(host, create=TEA)
    await until(lambda: first.diary.joins)
    second = await sit(guest)
    await until(lambda: first.session.is_present(guest.pubkey))
    joined = first.session.state.peer(guest.pubkey)
    await until(lambda: first.session.state.peer(guest.pubkey).at >= joined.at + 2)
    assert first.session.state.peer(guest.pubkey).until > joined.until
    assert second.diary.joins == 1


async def test_who_falls_silent_is_away_and_then_gone(
    sit: Sit, until: Until, host: LocalSigner, guest: LocalSigner
) -> None:
    later = 0.0
    first = await sit(host, create=TEA, now=lambda: time.time() + later)
    await until(lambda: first.diary.joins)
    second = await sit(guest)
    await until(lambda: second.session.parent)
    await crash(second)
    await until(lambda: first.session.link_state(guest.pubkey) == "")
    assert first.session.is_present(guest.pubkey)  # for all we know, on another path
    first.diary.participants.clear()
    later = events.JOIN_LIFETIME + 1
    await until(lambda: guest.pubkey in first.diary.participants)
    assert not first.session.is_present(guest.pubkey)
    assert first.session.state.is_away(guest.pubkey, time.time() + later)


async def test_a_space_whose_host_is_not_heard_of_is_stale(
    sit: Sit, until: Until, host: LocalSigner, guest: LocalSigner
) -> None:
    later = 0.0
    first = await sit(host, create=TEA)
    await until(lambda: first.diary.joins)
    second = await sit(guest, now=lambda: time.time() + later)
    await until(lambda: second.session.parent)
    assert not second.session.state.is_stale(time.time())
    await crash(first)
    before = second.diary.changes
    later = STALE_AFTER + 10
    await until(lambda: second.diary.changes > before)
    assert second.session.state.is_stale(time.time() + later)
    assert not second.task.done()


async def test_the_host_comes_back_after_a_crash_and_the_space_is_where_it_was(
    sit: Sit, until: Until, signer: Callable[[int], LocalSigner], pool: Pool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(speech, "HAND_EVERY", 0.5)
    host = await sit(signer(1), create=TEA)
    await until(lambda: host.diary.joins)
    cohost, guest, spammer = [await sit(signer(number)) for number in (2, 3, 4)]
    for seat in (cohost, guest, spammer):
        await until(lambda: host.session.is_present(seat.me))  # noqa: B023
        await until(lambda: seat.diary.joins)  # noqa: B023
    host.session.promote_cohost(cohost.me)
    guest.session.request_speech()
    host.session.remove(spammer.me, "spam")
    host.session.lock(True)
    await until(lambda: list(cohost.session.queue) == [guest.me])
    await until(lambda: cohost.session.state.locked and cohost.session.state.is_barred(spammer.me))
    await until(lambda: cohost.sees(cohost.me, Role.COHOST))
    since = cohost.session.hand_since(guest.me)
    await crash(host)
    host = await sit(signer(1), create=TEA)
    await until(lambda: host.diary.joins)
    assert host.session.role is Role.HOST
    assert host.session.state.role_of(cohost.me) is Role.COHOST
    assert host.session.state.is_barred(spammer.me)
    assert host.session.state.locked
    assert host.session.announcer.locked
    await until(lambda: list(host.session.queue) == [guest.me])
    await until(lambda: host.session.hand_since(guest.me) == since)
    await until(lambda: cohost.session.link_state(host.me) == "connected")
    host.session.promote(guest.me)
    await until(lambda: cohost.sees(guest.me, Role.SPEAKER))
    created = await pool.fetch([Filter(kinds=(events.CREATE_SPACE,), authors=(host.me,))])
    assert len(created) == 1
    acts = [entry.act for entry in host.session.journal.entries if entry.by == host.me]
    assert sorted(acts) == ["created", "locked", "made co-host", "promoted", "removed"]


async def test_who_comes_back_has_the_role_of_before(
    sit: Sit, until: Until, host: LocalSigner, guest: LocalSigner
) -> None:
    first = await sit(host, create=TEA)
    await until(lambda: first.diary.joins)
    second = await sit(guest)
    await until(lambda: first.session.is_present(guest.pubkey))
    first.session.promote(guest.pubkey)
    await until(lambda: all(in_mesh(seat) for seat in (first, second)))
    await crash(second)
    again = await sit(guest)
    await until(lambda: again.session.stage == "joined")
    assert again.session.role is Role.SPEAKER
    assert again.session.microphone == "muted"
    await until(lambda: again.session.link_state(host.pubkey) == "connected")


async def test_a_relay_that_was_away_takes_nobodys_seat_role_or_hand(
    sit: Sit, until: Until, signer: Callable[[int], LocalSigner], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(announcer, "CHANGE_SECONDS", 1000)
    async with contextlib.AsyncExitStack() as relays:
        relay = await relays.enter_async_context(RelayServer(store=tmp_path / "relay"))
        port, urls = int(relay.url.rpartition(":")[2]), (relay.url,)
        host = await sit(signer(1), create=TEA, urls=urls)
        await until(lambda: host.diary.joins)
        speaker, guest = [await sit(signer(n), urls=urls) for n in (2, 3)]
        for seat in (speaker, guest):
            await until(lambda: host.session.is_present(seat.me))  # noqa: B023
        host.session.promote(speaker.me)
        guest.session.request_speech()
        await until(lambda: speaker.session.link_state(host.me) == "connected")
        await until(lambda: list(host.session.queue) == [guest.me] and guest.session.parent)
        since = host.session.hand_since(guest.me)
        joined = host.session.state.peer(guest.me).at
        shown = host.session.state.hand_shown_at(guest.me)
        await relays.aclose()
        await until(lambda: not any(map(connected, (host, speaker, guest))))
        assert guest.session.parent  # sound needs no relay
        await relays.enter_async_context(RelayServer(store=tmp_path / "relay", port=port))
        # They show themselves at once, and not when the next JOIN or showing would be due.
        await until(lambda: host.session.state.peer(guest.me).at > joined)
        await until(lambda: host.session.state.hand_shown_at(guest.me) > shown)
        assert host.session.hand_since(guest.me) == since
        assert speaker.session.role is Role.SPEAKER
        assert guest.session.parent
        host.session.promote(guest.me)
        await until(lambda: speaker.sees(guest.me, Role.SPEAKER))


def in_mesh(seat: Any) -> bool:
    links = seat.session._connections.links.values()
    return [link.kind for link in links] == [LinkKind.MUTUAL]


def connected(seat: Any) -> bool:
    return any(status.state == "connected" for status in seat.session._wire._pool.status().values())
