import time
from collections.abc import Awaitable, Callable, Iterator

import pytest

from tui.config import limits
from tui.nostr.event import Draft, Event
from tui.nostr.keys import LocalSigner, SecretKey
from tui.nostr.pool import Pool
from tui.spaces.audience import Audience
from tui.spaces.rooms import PRESENCE, PRESENCE_LIFETIME, Attendee

Publish = Callable[[LocalSigner, Draft], Awaitable[Event]]
Until = Callable[[Callable[[], object]], Awaitable[None]]

ADDRESS = f"30312:{'a' * 64}:tea"


class Clock:
    """The time, which a test may move."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def changed() -> list[str]:
    return []


@pytest.fixture
def audience(pool: Pool, clock: Clock, changed: list[str]) -> Iterator[Audience]:
    audience = Audience(ADDRESS, pool=pool, now=clock, on_changed=changed.append)
    yield audience
    audience.close()


def presence(at: int, address: str = ADDRESS, **flags: int) -> Draft:
    tags = (("a", address), *((name, str(value)) for name, value in flags.items()))
    return Draft(PRESENCE, "", tags, at)


async def test_who_is_in_a_room_and_who_is_not_heard_of_any_more(
    audience: Audience,
    publish: Publish,
    until: Until,
    changed: list[str],
    clock: Clock,
    host: LocalSigner,
    guest: LocalSigner,
) -> None:
    now = int(time.time())
    await publish(host, presence(now - 10, onstage=1, muted=1))
    audience.open()
    await until(audience.present)
    await publish(guest, presence(now, hand=1, onstage=0))
    await until(lambda: len(audience.present()) == 2)
    assert audience.present() == {
        host.pubkey: Attendee(host.pubkey, now - 10, muted=True, on_stage=True),
        guest.pubkey: Attendee(guest.pubkey, now, hand=True),
    }
    await publish(guest, presence(now + 1))
    await until(lambda: not audience.present()[guest.pubkey].hand)
    assert changed == [host.pubkey, guest.pubkey, guest.pubkey]
    clock.ahead = PRESENCE_LIFETIME - 5
    assert list(audience.present()) == [guest.pubkey]
    clock.ahead = PRESENCE_LIFETIME + 5
    assert audience.present() == {}


async def test_people_of_other_rooms_and_of_the_future_are_not_shown(
    audience: Audience,
    publish: Publish,
    until: Until,
    changed: list[str],
    host: LocalSigner,
    guest: LocalSigner,
    stranger: LocalSigner,
) -> None:
    audience.open()
    now = int(time.time())
    await publish(host, presence(now, f"30312:{'b' * 64}:tea"))
    elsewhere = Draft(PRESENCE, "", (("a", "30312:x:y"), ("a", ADDRESS)), now + 1)
    await publish(host, elsewhere)
    await publish(guest, presence(now + 90))
    await publish(stranger, presence(now))
    await until(audience.present)
    assert set(audience.present()) == {stranger.pubkey} == set(changed)
    assert audience.dropped.total() == 1


async def test_only_so_many_people_are_shown(
    audience: Audience,
    publish: Publish,
    until: Until,
    clock: Clock,
    host: LocalSigner,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "AUDIENCE", 3)
    audience.open()
    now = int(time.time())
    crowd = [LocalSigner(SecretKey(bytes(30) + bytes([2, number]))) for number in range(5)]
    for signer in crowd:
        await publish(signer, presence(now - 100))
    await until(lambda: audience.dropped.total() == 2)
    assert set(audience.present()) == {signer.pubkey for signer in crowd[:3]}
    # Whoever is gone makes room.
    clock.ahead = PRESENCE_LIFETIME - 50
    await publish(host, presence(now))
    await until(lambda: set(audience.present()) == {host.pubkey})
