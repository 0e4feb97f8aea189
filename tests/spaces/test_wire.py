import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from tui.config import limits
from tui.nostr.event import Draft, Event
from tui.nostr.filter import Filter
from tui.nostr.keys import LocalSigner
from tui.nostr.nip44 import InvalidPayload
from tui.nostr.pool import Pool
from tui.relay.server import RelayServer
from tui.spaces import wire as wire_module
from tui.spaces.access import AccessKey
from tui.spaces.events import Metrics, PeerJoined, SpaceRef
from tui.spaces.state import SpaceState
from tui.spaces.wire import NotSaid, PlainSignalling, Wire
from tui.spaces.writer import Writer

Until = Callable[[Callable[[], object]], Awaitable[None]]

NOW = int(time.time())


@pytest.fixture
def refused() -> list[str]:
    return []


@pytest.fixture
def state(space: SpaceRef) -> SpaceState:
    return SpaceState(space)


@pytest.fixture
def wire(
    space: SpaceRef, guest: LocalSigner, pool: Pool, state: SpaceState, refused: list[str]
) -> Wire:
    return Wire(
        signer=guest,
        pool=pool,
        state=state,
        writer=Writer(space, guest.pubkey),
        now=time.time,
        refused=lambda _url, reason: refused.append(reason),
    )


@pytest.fixture
async def running(wire: Wire) -> AsyncIterator[Wire]:
    task = asyncio.create_task(wire.run())
    yield wire
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_what_is_said_arrives_in_order_and_flushing_waits_for_it(
    running: Wire, pool: Pool, until: Until, guest: LocalSigner
) -> None:
    heard: list[str] = []
    pool.subscribe([Filter(kinds=(1,))], lambda event, _url: heard.append(event.content))
    for number in range(50):
        running.say(Draft(1, str(number), (), NOW))
    await running.flush()
    await until(lambda: len(heard) == 50)
    assert heard == [str(number) for number in range(50)]
    assert len(await pool.fetch([Filter(authors=(guest.pubkey,))])) == 50


async def test_whoever_delivers_learns_what_each_relay_says(
    running: Wire, pool: Pool, refused: list[str]
) -> None:
    (url,) = pool.urls
    results = await running.deliver(Draft(1, "hello", (), NOW))
    assert {url: result.ok for url, result in results.items()} == {url: True}
    results = await running.deliver(Draft(1, "too early", (), NOW + 10**6))
    assert {url: result.ok for url, result in results.items()} == {url: False}
    await running.deliver(Draft(1, "too early again", (), NOW + 10**6))
    assert len(refused) == 1  # the same complaint is not made for each event
    assert refused[0].startswith("kind 1: ")
    await running.deliver(Draft(1, "hello again", (), NOW))
    await running.deliver(Draft(1, "too early once more", (), NOW + 10**6))
    assert len(refused) == 2


async def test_what_cannot_be_signed_is_given_up_and_the_rest_goes_on(running: Wire) -> None:
    too_large = Draft(1, "x" * limits.EVENT_BYTES, (), NOW)
    running.say(too_large)
    assert await running.deliver(too_large) == {}
    impatient = asyncio.create_task(running.deliver(too_large))
    await asyncio.sleep(0)
    impatient.cancel()
    results = await running.deliver(Draft(1, "hello", (), NOW))
    assert all(result.ok for result in results.values())


async def test_only_so_much_waits_to_be_signed(wire: Wire) -> None:
    for number in range(limits.WAITING_DRAFTS + 5):
        wire.say(Draft(1, str(number), (), NOW))
    assert wire.lost == 5


async def test_only_who_reads_encrypted_signalling_gets_it(
    wire: Wire, state: SpaceState, space: SpaceRef, guest: LocalSigner, host: LocalSigner
) -> None:
    plain = '{"sdp": "v=0"}'
    assert await wire.seal(host.pubkey, plain) == plain

    def join(at: int, **fields: Any) -> None:
        common: dict[str, Any] = {"space": space, "signer": host.pubkey, "until": NOW + 180}
        common |= {"name": "", "metrics": Metrics(), "at": at, "id": f"{at:064x}"}
        state.apply(PeerJoined(**common, **fields))

    join(NOW, nip44=False)
    assert await wire.seal(host.pubkey, plain) == plain
    join(NOW + 1, nip44=True)
    sealed = await wire.seal(host.pubkey, plain)
    assert "sdp" not in sealed
    assert await host.decrypt(guest.pubkey, sealed) == plain
    answer = await host.encrypt(guest.pubkey, plain)
    assert await wire.unseal(host.pubkey, answer) == plain
    assert await wire.unseal(host.pubkey, plain) == plain
    for bad in ("", "v=0", sealed[:-1]):
        with pytest.raises(InvalidPayload):
            await wire.unseal(host.pubkey, bad)


# -- a signer that is far away


class SlowSigner:
    """Signs when the test lets it, in any order."""

    def __init__(self, signer: LocalSigner) -> None:
        self.pubkey = signer.pubkey
        self.asked: list[tuple[Draft, asyncio.Future[None]]] = []
        self._signer = signer

    async def sign(self, draft: Draft) -> Event:
        may: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.asked.append((draft, may))
        await may
        return await self._signer.sign(draft)

    async def encrypt(self, recipient: str, text: str) -> str:
        return await self._signer.encrypt(recipient, text)

    async def decrypt(self, sender: str, payload: str) -> str:
        return await self._signer.decrypt(sender, payload)

    @property
    def drafts(self) -> list[str]:
        return [draft.content for draft, _ in self.asked]

    def let(self, content: str, error: Exception | None = None) -> None:
        """Sign this one, or fail to."""
        (may,) = [may for draft, may in self.asked if draft.content == content and not may.done()]
        if error is None:
            may.set_result(None)
        else:
            may.set_exception(error)


@pytest.fixture
def slow(guest: LocalSigner) -> SlowSigner:
    return SlowSigner(guest)


@pytest.fixture
async def far(
    space: SpaceRef, slow: SlowSigner, pool: Pool, state: SpaceState, refused: list[str]
) -> AsyncIterator[Wire]:
    wire = Wire(
        signer=slow,
        pool=pool,
        state=state,
        writer=Writer(space, slow.pubkey),
        now=time.time,
        refused=lambda who, reason: refused.append(f"{who} refused {reason}"),
    )
    task = asyncio.create_task(wire.run())
    yield wire
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def heard(pool: Pool) -> list[str]:
    """What a relay has sent back, in its order."""
    contents: list[str] = []
    pool.subscribe([Filter(kinds=(1, 21_102))], lambda event, _: contents.append(event.content))
    return contents


def about(person: str, content: str, kind: int = 1) -> Draft:
    return Draft(kind, content, (("p", person * 64),), NOW)


async def test_what_is_about_one_person_keeps_its_order_and_delays_nothing_else(
    far: Wire, slow: SlowSigner, heard: list[str], until: Until
) -> None:
    for content in ("a1", "a2", "b1"):
        far.say(about(content[0], content))
    await until(lambda: slow.drafts == ["a1", "a2", "b1"])  # side by side
    slow.let("a2")
    slow.let("b1")
    await until(lambda: heard == ["b1"])
    slow.let("a1")
    await until(lambda: heard == ["b1", "a1", "a2"])


async def test_what_is_said_anew_is_signed_once_if_it_still_waits(
    far: Wire, slow: SlowSigner, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(wire_module.PIPELINE):
        far.say(about("a", f"busy {number}"))
    await until(lambda: len(slow.asked) == wire_module.PIPELINE)
    old = asyncio.create_task(far.send(about("b", "old"), instead="hand"))
    await asyncio.sleep(0)
    far.say(about("b", "new"), instead="hand")
    with pytest.raises(NotSaid):
        await old
    for number in range(wire_module.PIPELINE):
        slow.let(f"busy {number}")
    await until(lambda: slow.drafts[wire_module.PIPELINE :] == ["new"])
    far.say(about("b", "newer"), instead="hand")  # the one before is at the signer already
    await until(lambda: slow.drafts[wire_module.PIPELINE :] == ["new", "newer"])


async def test_acts_go_before_signalling_however_much_of_it_waits(
    far: Wire, slow: SlowSigner, until: Until
) -> None:
    for number in range(wire_module.PIPELINE):
        far.say(about("a", f"busy {number}"))
    await until(lambda: len(slow.asked) == wire_module.PIPELINE)
    for number in range(limits.WAITING_DRAFTS):
        far.say(about("b", f"signal {number}", 21_102))
    assert far.lost == limits.WAITING_DRAFTS // 2
    far.say(about("c", "act"))
    assert far.lost == limits.WAITING_DRAFTS // 2
    slow.let("busy 0")
    await until(lambda: slow.drafts[wire_module.PIPELINE :] == ["act"])


async def test_who_sends_learns_when_it_is_out_or_that_it_never_will_be(
    far: Wire, slow: SlowSigner, refused: list[str], until: Until
) -> None:
    sent = asyncio.create_task(far.send(about("a", "good")))
    failed = asyncio.create_task(far.send(about("b", "bad")))
    again = asyncio.create_task(far.deliver(about("b", "bad again")))
    await until(lambda: len(slow.asked) == 3)
    slow.let("bad", ConnectionError("the signer is gone"))
    slow.let("bad again", ConnectionError("the signer is gone"))
    with pytest.raises(NotSaid):
        await failed
    assert await again == {}
    assert not sent.done()
    slow.let("good")
    await sent
    assert far.unsigned == 2
    assert refused == ["the signer refused kind 1: the signer is gone"]
    await far.flush()


async def test_a_signer_that_never_answers_is_given_up(
    far: Wire, slow: SlowSigner, refused: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire_module, "SIGN_SECONDS", 0.05)
    assert await far.deliver(about("a", "never")) == {}
    assert refused == ["the signer refused kind 1: no answer"]


async def test_only_the_relays_of_the_space_are_used(
    space: SpaceRef, guest: LocalSigner, state: SpaceState
) -> None:
    async with RelayServer() as ours, RelayServer() as other, Pool([ours.url, other.url]) as pool:
        assert await pool.wait_connected(10, at_least=2)
        wire = Wire(
            signer=guest,
            pool=pool,
            state=state,
            writer=Writer(space, guest.pubkey),
            now=time.time,
            refused=lambda _who, reason: pytest.fail(reason),
            relays=(ours.url,),
        )
        task = asyncio.create_task(wire.run())
        results = await wire.deliver(Draft(1, "hello", (), NOW))
        task.cancel()
        assert list(results) == [ours.url]


# -- what may be read by everybody


async def test_signalling_in_the_open_is_neither_sent_nor_read_if_so_set(
    space: SpaceRef, guest: LocalSigner, host: LocalSigner, pool: Pool, state: SpaceState
) -> None:
    wire = Wire(
        signer=guest,
        pool=pool,
        state=state,
        writer=Writer(space, guest.pubkey),
        now=time.time,
        refused=lambda _who, reason: pytest.fail(reason),
        plain=False,
    )
    assert not wire.may_signal(host.pubkey)
    assert not wire.is_plain(host.pubkey)  # nothing is known of somebody who is not here
    with pytest.raises(PlainSignalling):
        await wire.seal(host.pubkey, "{}")
    with pytest.raises(PlainSignalling):
        await wire.unseal(host.pubkey, "{}")
    assert await wire.unseal(host.pubkey, await host.encrypt(guest.pubkey, "{}")) == "{}"


async def test_a_password_seals_what_is_sealed_already(
    space: SpaceRef, guest: LocalSigner, host: LocalSigner, pool: Pool, state: SpaceState
) -> None:
    access = await AccessKey.derive("green tea", space)
    wire = Wire(
        signer=guest,
        pool=pool,
        state=state,
        writer=Writer(space, guest.pubkey),
        now=time.time,
        refused=lambda _who, reason: pytest.fail(reason),
        access=access,
    )
    state.apply(
        PeerJoined(
            space=space,
            signer=host.pubkey,
            at=NOW,
            id="0" * 64,
            name="",
            metrics=Metrics(),
            until=NOW + 180,
            nip44=True,
        )
    )
    sealed = await wire.seal(host.pubkey, "{}")
    with pytest.raises(InvalidPayload):
        await host.decrypt(guest.pubkey, sealed)
    inner = access.open(sealed)
    assert await host.decrypt(guest.pubkey, inner) == "{}"
    assert await wire.unseal(host.pubkey, access.seal(await host.encrypt(guest.pubkey, "{}")))
    for unsealed in ("{}", await host.encrypt(guest.pubkey, "{}")):
        with pytest.raises(InvalidPayload):
            await wire.unseal(host.pubkey, unsealed)
