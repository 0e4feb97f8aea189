"""The way into a space: found a new one, take up one of our own, or find the one that is meant."""

import random
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from tui.config import limits
from tui.controller import intents
from tui.controller.board import Board
from tui.controller.messages import SpaceFound
from tui.controller.refusal import Refusal, require
from tui.controller.relays import Relays
from tui.nostr.filter import Filter
from tui.nostr.pool import Pool
from tui.nostr.text import clean_text
from tui.spaces.events import (
    CLOSE_SPACE,
    CREATE_SPACE,
    InvalidSpaceEvent,
    SpaceCreated,
    SpaceRef,
    check_space_id,
)
from tui.spaces.lookup import SECONDS, InvalidRef, Query, UnknownSpace, find_space, parse_ref
from tui.spaces.rooms import web_url
from tui.spaces.session import SpaceCreation

RELAY_SECONDS = 5.0  # for a first relay to answer before an intent fails


class Door(NamedTuple):
    """The space that is to be entered, the relays it is held on, and how it was created, or is to
    be if it is new."""

    space: SpaceRef
    relays: tuple[str, ...]
    create: SpaceCreation | None = None
    created: SpaceCreated | None = None


class Entrance:
    """Turns the intents to host and to join into a space; says `SpaceFound` on success."""

    def __init__(
        self,
        pool: Pool,
        relays: Relays,
        board: Board,
        *,
        now: Callable[[], float],
        rng: random.Random,
    ) -> None:
        self._pool = pool
        self._relays = relays
        self._board = board
        self._now = now
        self._rng = rng

    async def host(self, intent: intents.HostSpace, me: str) -> Door:
        """A new space of ours, or one that goes on; raises `Refusal`."""
        space = SpaceRef(me, intent.id or f"{self._rng.getrandbits(128):032x}")
        create = self._creation(intent, space)
        await self._reach_relays()
        if intent.id:
            if await self._pool.fetch([_closing(space)], timeout=SECONDS):
                raise Refusal("you have closed the space with this id; pick another id")
            if created := await self._created(space):
                require(not create.starts, "you have announced the space with this id already")
                return await self._found(created, me, intent.password)
        create = msgspec.structs.replace(create, relays=await self._relays.for_own_space(me))
        self._board.occurred(SpaceFound(str(space), space.host, space.id, create.name))
        return Door(space, create.relays, create)

    async def join(self, intent: intents.JoinSpace, me: str) -> Door:
        """The space that a reference names; raises `Refusal`."""
        try:
            query = parse_ref(intent.ref)
        except InvalidRef as error:
            raise Refusal(str(error), "unknown_space") from None
        await self._relays.follow(query.relays)
        await self._reach_relays()
        try:
            created = await find_space(self._pool, query)
        except UnknownSpace as error:
            raise Refusal(str(error), "unknown_space") from None
        return await self._found(created, me, intent.password)

    async def _found(self, created: SpaceCreated, me: str, password: str) -> Door:
        if created.access == "password":
            require(bool(password), "this space has a password", "password")
        else:
            require(not password, "this space has no password: nothing would be secret", "password")
        space = created.space
        relays = await self._relays.of_space(created.relays, space.host, me)
        self._board.occurred(SpaceFound(str(space), space.host, space.id, created.name))
        return Door(space, relays, created=created)

    async def _created(self, space: SpaceRef) -> SpaceCreated | None:
        """How we have created a space, if we have."""
        creations = Filter(kinds=(CREATE_SPACE,), authors=(space.host,))
        try:
            return await find_space(self._pool, Query(filters=(creations,), space=space))
        except UnknownSpace:
            return None

    async def _reach_relays(self) -> None:
        if not await self._pool.wait_connected(RELAY_SECONDS):
            reasons = (f"{s.url}: {s.reason or s.state}" for s in self._pool.status().values())
            raise Refusal(f"no relay can be reached ({'; '.join(reasons)})", "relay")

    def _creation(self, intent: intents.HostSpace, space: SpaceRef) -> SpaceCreation:
        """What a new space says of itself, cleaned and bounded; raises `Refusal`."""
        name = clean_text(intent.name, limits.NAME_LENGTH)
        require(bool(name), "a space has a name")
        secret = intent.access == "password"
        require(not secret or bool(intent.password), "choose a password", "password")
        require(secret or not intent.password, "only with password access there is a password")
        try:
            check_space_id(space.id)
        except InvalidSpaceEvent as error:
            raise Refusal(str(error)) from None
        topics = (clean_text(topic, limits.TOPIC_LENGTH) for topic in intent.topics)
        topics = (topic.removeprefix("#").lower() for topic in topics)
        return SpaceCreation(
            name,
            clean_text(intent.summary, limits.SUMMARY_LENGTH),
            image=web_url(intent.image),
            starts=intent.starts if intent.starts > self._now() else 0,
            language=clean_text(intent.language, limits.LANGUAGE_LENGTH).lower(),
            topics=tuple(filter(None, dict.fromkeys(topics)))[: limits.TOPICS],
            access=intent.access,
        )


def _closing(space: SpaceRef) -> Filter:
    return Filter(kinds=(CLOSE_SPACE,), authors=(space.host,), tags={"s": (space.id,)}, limit=1)
