import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tui.nostr.filter import Filter
from tui.nostr.keys import LocalSigner
from tui.nostr.nip44 import InvalidPayload
from tui.nostr.pool import Pool
from tui.spaces import admission, codec, events, requests
from tui.spaces.access import AccessKey
from tui.spaces.events import Metrics, SpaceRef
from tui.spaces.roles import Role
from tui.spaces.session import SpaceCreation

Until = Callable[[Callable[[], object]], Awaitable[None]]
Sit = Callable[..., Awaitable[Any]]
ByHand = Callable[[int], Any]

SECRET = SpaceCreation("Tea", access="password")
INVITED = SpaceCreation("Tea", access="invite")
PASSWORD = "green tea"


def now() -> int:
    return int(time.time())


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "ADMISSION_SECONDS", 0.5)
    monkeypatch.setattr(requests, "CONFIRM_SECONDS", 0.5)


# -- the key


async def test_who_knows_the_password_reads_and_nobody_else(space: SpaceRef) -> None:
    key = await AccessKey.derive(PASSWORD, space)
    sealed = key.seal("hello")
    assert (await AccessKey.derive(PASSWORD, space)).open(sealed) == "hello"
    other = SpaceRef(space.host, "other")
    for stranger in (
        await AccessKey.derive("green  tea", space),
        await AccessKey.derive(PASSWORD, other),
    ):
        with pytest.raises(InvalidPayload):
            stranger.open(sealed)
    for bad in ("", "{}", sealed[:-4]):
        with pytest.raises(InvalidPayload):
            key.open(bad)


async def test_spellings_that_look_alike_are_the_same_password(space: SpaceRef) -> None:
    composed, decomposed = "caf\u00e9 \ufb01", "cafe\u0301 fi"
    sealed = (await AccessKey.derive(composed, space)).seal("hello")
    assert (await AccessKey.derive(decomposed, space)).open(sealed) == "hello"


async def test_nothing_shows_a_password(space: SpaceRef) -> None:
    key = AccessKey(PASSWORD, space)
    assert PASSWORD not in repr(key)
    await key.prepare()
    assert PASSWORD not in repr(key)
    assert "b'" not in repr(key)


# -- a space with a password


async def test_with_the_password_one_is_in_and_nothing_of_it_is_readable_from_outside(
    sit: Sit, until: Until, host: LocalSigner, guest: LocalSigner, pool: Pool
) -> None:
    first = await sit(host, create=SECRET, password=PASSWORD, name="Hana")
    await until(lambda: first.diary.joins)
    second = await sit(guest, password=PASSWORD, name="Gus")
    await until(lambda: second.session.parent == host.pubkey)
    assert first.session.name_of(guest.pubkey) == "Gus"
    assert second.session.state.access == "password"
    assert not second.session.is_plain(host.pubkey)
    joins = await pool.fetch([Filter(kinds=(events.JOIN_SPACE,))])
    assert {event.pubkey for event in joins} == {host.pubkey, guest.pubkey}
    for event in joins:
        assert codec.is_encrypted(event.content)
    second.session.request_speech()
    await until(lambda: guest.pubkey in first.session.queue)
    first.session.promote(guest.pubkey)
    await until(lambda: second.sees(guest.pubkey, Role.SPEAKER))


async def test_without_the_password_one_sees_why_and_says_no_join(
    sit: Sit, until: Until, host: LocalSigner, guest: LocalSigner, stranger: LocalSigner,
    pool: Pool,
) -> None:  # fmt: skip
    first = await sit(host, create=SECRET, password=PASSWORD)
    await until(lambda: first.diary.joins)
    ignorant = await sit(guest)
    assert await ignorant.outcome() == "not admitted: a password is needed"
    wrong = await sit(stranger, password="black tea")
    assert await wrong.outcome() == "not admitted: the password is wrong"
    joins = await pool.fetch([Filter(kinds=(events.JOIN_SPACE,))])
    assert {event.pubkey for event in joins} == {host.pubkey}


async def test_a_host_who_comes_back_with_another_password_is_told(
    sit: Sit, until: Until, host: LocalSigner, pool: Pool
) -> None:
    first = await sit(host, create=SECRET, password=PASSWORD)
    await until(lambda: first.diary.joins)
    await first.leave()
    again = await sit(host, create=SECRET, password="black tea")
    assert await again.outcome() == "not admitted: the password is wrong"
    assert len(await pool.fetch([Filter(kinds=(events.CREATE_SPACE,))])) == 1


async def test_a_password_where_there_is_none_would_promise_too_much(
    sit: Sit, until: Until, host: LocalSigner, guest: LocalSigner
) -> None:
    first = await sit(host, create=SpaceCreation("Tea"))
    await until(lambda: first.diary.joins)
    second = await sit(guest, password=PASSWORD)
    assert "there is no password" in await second.outcome()


async def test_who_does_not_know_the_password_connects_to_nobody(
    sit: Sit, until: Until, host: LocalSigner, by_hand: ByHand, space: SpaceRef
) -> None:
    seat = await sit(host, create=SECRET, password=PASSWORD)
    await until(lambda: seat.diary.joins)
    ann = by_hand(4)
    other = await AccessKey.derive("black tea", space)
    for seal in (None, other.seal):
        await ann.say(ann.writer.join(now(), "Ann", Metrics(), seal))
        await ann.say(ann.writer.reserve(now(), host.pubkey, "consumer", Metrics()))
        await ann.say(ann.writer.offer(now(), host.pubkey, codec.write_description("v=0")))
    await until(lambda: seat.session.dropped.get("cannot be read with the password") == 2)
    await until(lambda: ann.has_heard(events.ConnectionDropped))
    assert not ann.has_heard(events.ConnectionConfirmed)
    assert not seat.session.is_present(ann.me)
    assert seat.session.link_state(ann.me) == ""


async def test_an_unreadable_join_of_a_stranger_keeps_nobody_out(
    sit: Sit, until: Until, host: LocalSigner, guest: LocalSigner, by_hand: ByHand
) -> None:
    seat = await sit(host, create=SECRET, password=PASSWORD)
    await until(lambda: seat.diary.joins)
    ann = by_hand(4)
    await ann.say(ann.writer.join(now(), "Ann", Metrics()))
    second = await sit(guest, password=PASSWORD)
    await until(lambda: second.session.parent == host.pubkey)


# -- a space for invited people


async def test_who_is_not_invited_sees_why_and_says_no_join(
    sit: Sit, until: Until, host: LocalSigner, guest: LocalSigner, pool: Pool
) -> None:
    first = await sit(host, create=INVITED)
    await until(lambda: first.diary.joins)
    second = await sit(guest)
    await until(lambda: second.session.not_admitted == "for invited people")
    assert second.session.stage == "joining"
    assert await second.outcome() == "not admitted: for invited people"
    joins = await pool.fetch([Filter(kinds=(events.JOIN_SPACE,))])
    assert {event.pubkey for event in joins} == {host.pubkey}


async def test_an_invitation_that_comes_while_one_waits_lets_one_in(
    sit: Sit, until: Until, host: LocalSigner, guest: LocalSigner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "ADMISSION_SECONDS", 20)
    first = await sit(host, create=INVITED)
    await until(lambda: first.diary.joins)
    second = await sit(guest)
    await until(lambda: second.session.not_admitted)
    first.session.invite(guest.pubkey)
    await until(lambda: second.session.parent == host.pubkey)
    assert second.session.not_admitted == ""
    assert [entry.act for entry in first.session.journal.entries] == ["created", "invited"]


async def test_who_is_not_invited_and_does_not_care_connects_to_nobody(
    sit: Sit, until: Until, host: LocalSigner, guest: LocalSigner, by_hand: ByHand
) -> None:
    seat = await sit(host, create=INVITED)
    await until(lambda: seat.diary.joins)
    ann = by_hand(4)
    await ann.say(ann.writer.join(now(), "Ann", Metrics()))
    await ann.say(ann.writer.reserve(now(), host.pubkey, "consumer", Metrics()))
    await until(lambda: ann.has_heard(events.ConnectionDropped))
    (drop,) = ann.has_heard(events.ConnectionDropped)
    assert drop.reason == "for invited people"
    assert not ann.has_heard(events.ConnectionConfirmed)
    assert not seat.session.is_present(ann.me)
    await ann.say(ann.writer.request_speech(now()))
    await until(lambda: seat.session.state.hand_shown_at(ann.me))
    assert seat.session.queue == {}


async def test_who_may_be_in_a_space_is_known_also_where_relays_have_forgotten(
    sit: Sit, until: Until, guest: LocalSigner, space: SpaceRef
) -> None:
    created = events.SpaceCreated(
        space=space,
        signer=space.host,
        at=now() - 10,
        id="0" * 64,
        name="Tea",
        metrics=Metrics(),
        access="invite",
    )
    seat = await sit(guest, created=created)
    assert await seat.outcome() == "not admitted: for invited people"


# -- signalling


async def test_who_reads_no_encrypted_signalling_is_marked_and_served_or_refused_as_set(
    sit: Sit, until: Until, host: LocalSigner, guest: LocalSigner, by_hand: ByHand
) -> None:
    seat = await sit(host, create=SpaceCreation("Tea"), plain_signalling=False)
    await until(lambda: seat.diary.joins)
    ann = by_hand(4)
    join = ann.writer.join(now(), "Ann", Metrics())
    plain = tuple(tag for tag in join.tags if tag[0] != "enc")
    await ann.say(type(join)(join.kind, join.content, plain, join.created_at))
    await until(lambda: seat.session.is_present(ann.me))
    assert seat.session.is_plain(ann.me)
    await ann.say(ann.writer.reserve(now(), host.pubkey, "consumer", Metrics()))
    await until(lambda: ann.has_heard(events.ConnectionDropped))
    (drop,) = ann.has_heard(events.ConnectionDropped)
    assert drop.reason == "only encrypted signalling is accepted"
    second = await sit(guest)  # who allows it
    await until(lambda: second.session.parent == host.pubkey)
    seat.session.promote(guest.pubkey)
    await until(lambda: second.sees(guest.pubkey, Role.SPEAKER))
    await ann.say(ann.writer.reserve(now(), guest.pubkey, "consumer", Metrics()))
    await until(lambda: ann.has_heard(events.ConnectionConfirmed))
    assert second.session.is_plain(ann.me)


async def test_an_offer_in_the_open_is_refused_where_it_may_be_encrypted_only(
    sit: Sit, until: Until, host: LocalSigner, by_hand: ByHand
) -> None:
    seat = await sit(host, create=SpaceCreation("Tea"), plain_signalling=False)
    await until(lambda: seat.diary.joins)
    ann = by_hand(4)
    await ann.say(ann.writer.join(now(), "Ann", Metrics()))  # says that it reads NIP-44
    await ann.say(ann.writer.reserve(now(), host.pubkey, "consumer", Metrics()))
    await until(lambda: ann.has_heard(events.ConnectionConfirmed))
    await ann.say(ann.writer.offer(now(), host.pubkey, codec.write_description("v=0")))
    await until(lambda: ann.has_heard(events.ConnectionDropped))
    (drop,) = ann.has_heard(events.ConnectionDropped)
    assert drop.reason == "only encrypted signalling is accepted"
    assert not ann.has_heard(events.SdpAnswered)
