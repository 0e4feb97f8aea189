import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tui.nostr.event import Draft, Event
from tui.nostr.filter import Filter
from tui.nostr.keys import LocalSigner
from tui.nostr.pool import Pool
from tui.rtc.peer import Candidate
from tui.spaces import attempts, codec, events, visit
from tui.spaces.roles import Role
from tui.spaces.session import SpaceCreation

Until = Callable[[Callable[[], object]], Awaitable[None]]
Sit = Callable[..., Awaitable[Any]]

TEA = SpaceCreation("Tea")
FAR_SECONDS = 0.3


class RemoteSigner:
    """Does everything late, one after the other or side by side; or fails, when told to."""

    def __init__(self, signer: LocalSigner, at_once: int = 1, seconds: float = FAR_SECONDS) -> None:
        self.pubkey = signer.pubkey
        self.fails = False
        self.asked: list[str] = []
        self._signer = signer
        self._seconds = seconds
        self._free = asyncio.Semaphore(at_once)

    async def _take_time(self, what: str) -> None:
        self.asked.append(what)
        async with self._free:
            await asyncio.sleep(self._seconds)
        if self.fails:
            raise ConnectionError("the signer is gone")

    async def sign(self, draft: Draft) -> Event:
        await self._take_time(f"sign {draft.kind}")
        return await self._signer.sign(draft)

    async def encrypt(self, recipient: str, text: str) -> str:
        await self._take_time("encrypt")
        return await self._signer.encrypt(recipient, text)

    async def decrypt(self, sender: str, payload: str) -> str:
        await self._take_time("decrypt")
        return await self._signer.decrypt(sender, payload)


@pytest.mark.parametrize(("at_once", "seconds"), [(1, FAR_SECONDS), (100, FAR_SECONDS / 2)])
async def test_with_a_slow_signer_one_hosts_listens_speaks_and_moderates(
    at_once: int, seconds: float, sit: Sit, until: Until, signer: Callable[[int], LocalSigner]
) -> None:
    host = await sit(
        RemoteSigner(signer(1), at_once, seconds), create=TEA, microphone="tone:440", muted=False
    )
    await until(lambda: host.diary.joins)
    began = time.monotonic()
    others = [await sit(RemoteSigner(signer(number), at_once, seconds)) for number in (2, 3)]
    for seat in others:
        await until(lambda: seat.session.is_talking(host.me))  # noqa: B023
    assert time.monotonic() - began < 6
    guest, other = others
    guest.session.request_speech()
    await until(lambda: guest.me in host.session.queue)
    began = time.monotonic()
    host.session.promote(guest.me)
    await until(lambda: all(s.sees(guest.me, Role.SPEAKER) for s in (host, guest, other)))
    assert time.monotonic() - began < 1.5
    await until(lambda: other.session.link_state(host.me) == "connected")
    assert await other.leave() == "left"
    await until(lambda: not host.session.is_present(other.me))


async def test_a_signer_that_fails_ends_no_session(
    sit: Sit, until: Until, host: LocalSigner, guest: LocalSigner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visit, "JOIN_EVERY", 0.5)
    monkeypatch.setattr("tui.spaces.refusals.RETRY_SECONDS", 0.2)
    first = await sit(host, create=TEA)
    await until(lambda: first.diary.joins)
    remote = RemoteSigner(guest, 10, seconds=0.01)
    second = await sit(remote)
    await until(lambda: second.diary.joins)
    remote.fails = True
    second.session.request_speech()
    await until(lambda: second.session.dropped.get("not signed", 0) >= 2)
    assert any("the signer refused" in line for line in second.diary.lines)
    second.session._connections.drop(host.pubkey, "test")
    await until(lambda: second.session.link_state(host.pubkey) == "")
    assert not second.task.done()
    remote.fails = False
    await until(lambda: second.session.parent == host.pubkey)
    second.session.request_speech()
    await until(lambda: guest.pubkey in first.session.queue)
    assert second.session.dropped.get("errors of ours") is None


async def test_a_signer_that_cannot_read_signalling_fails_the_attempt_and_nothing_more(
    sit: Sit, until: Until, host: LocalSigner, guest: LocalSigner
) -> None:
    remote = RemoteSigner(host, 10, seconds=0.0)
    first = await sit(remote, create=TEA)
    await until(lambda: first.diary.joins)

    async def refuse(*_: str) -> str:
        raise RuntimeError("the user said no")

    remote.decrypt = refuse  # type: ignore[method-assign]
    second = await sit(guest)
    await until(lambda: (guest.pubkey, "failed") in first.diary.connections)
    await until(lambda: (host.pubkey, "failed") in second.diary.connections)
    assert not first.task.done()
    assert first.session.dropped.get("errors of ours") is None


async def test_candidates_found_together_travel_in_one_event(
    sit: Sit, until: Until, host: LocalSigner, by_hand: Callable[[int], Any], pool: Pool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    heard: list[Event] = []
    pool.subscribe([Filter(kinds=(events.ICE_CANDIDATE,))], lambda event, _: heard.append(event))
    made: list[attempts.Attempt] = []
    introduce = attempts.Attempt._introduce

    def find_many(attempt: attempts.Attempt) -> None:
        for port in (1, 2, 3):
            attempt.found(Candidate(f"candidate:1 1 UDP 1 192.0.2.1 {port} typ host", "0", 0))
        made.append(attempt)
        introduce(attempt)
        attempt.found(None)

    monkeypatch.setattr(attempts.Attempt, "_introduce", find_many)
    monkeypatch.setattr(attempts, "GATHER_SECONDS", 0.0)  # the connection is soon up
    signer = RemoteSigner(host, seconds=0.0)
    seat = await sit(signer, create=TEA)
    await until(lambda: seat.diary.joins)
    second = await sit(LocalSigner(by_hand(4)._signer._secret))
    await until(lambda: second.session.parent == host.pubkey)
    await until(lambda: any(event.pubkey == host.pubkey for event in heard))
    (sent,) = [event for event in heard if event.pubkey == host.pubkey]
    content = await by_hand(4)._signer.decrypt(host.pubkey, sent.content)
    found = codec.read_candidates(content)
    assert [candidate.candidate.split()[5:6] for candidate in found] == [["1"], ["2"], ["3"], []]
    assert signer.asked.count(f"sign {events.ICE_CANDIDATE}") == 1
