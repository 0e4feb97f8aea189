import asyncio
import random
import time
from collections.abc import Iterator

import pytest

from tui.controller.board import Board
from tui.controller.room import Room
from tui.nostr.cache import Cache
from tui.nostr.event import Draft
from tui.nostr.keys import LocalSigner, SecretKey
from tui.nostr.pool import Pool
from tui.people.book import People
from tui.rtc.peer import PeerSettings
from tui.spaces.events import Metrics, PeerJoined, SpaceRef, SpeechAsked
from tui.spaces.session import SessionSettings, SpaceSession
from tui.spaces.state import SpaceState

PEOPLE = 50


async def test_many_raised_hands_are_put_in_order_once_and_not_once_for_each_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    orders = 0

    def queue(state: SpaceState, now: float) -> list[tuple[int, str]]:
        nonlocal orders
        orders += 1
        return in_order(state, now)

    in_order = SpaceState.queue
    monkeypatch.setattr(SpaceState, "queue", queue)
    signer = LocalSigner(SecretKey.generate())
    space, now = SpaceRef(signer.pubkey, "tea"), int(time.time())
    board = Board(time.time)
    pool = Pool(())
    people = People(pool, Cache(None), changed=lambda pubkey: None)
    room = Room(board, people, me=signer.pubkey, relays=(), now=time.time)
    session = SpaceSession(
        space,
        signer=signer,
        pool=pool,
        settings=SessionSettings(name="Ada", metrics=Metrics(), peer=PeerSettings()),
        observer=room,
        now=time.time,
        monotonic=time.monotonic,
        rng=random.Random(1),
    )
    room.watch(session)
    signed = await signer.sign(Draft(0, "", (), now))  # looked at only for acts of moderation
    for number in range(PEOPLE):
        for event in _arrival(space, f"{number:064x}", now - 30 + number * 30 // PEOPLE):
            session.receive(event, signed)
    await asyncio.sleep(0)
    board.flush()
    places = {int(who, 16): person.queue for who, person in board.view.participants.items()}
    assert places == {number: number + 1 for number in range(PEOPLE)}
    assert orders == 1
    board.close()


def _arrival(space: SpaceRef, who: str, at: int) -> Iterator[PeerJoined | SpeechAsked]:
    yield PeerJoined(
        space=space,
        signer=who,
        at=at,
        id=who,
        name=who,
        metrics=Metrics(),
        until=at + 300,
        nip44=True,
    )
    yield SpeechAsked(space=space, signer=who, at=at, id=who, withdrawn=False)
