"""The way into a space: found a new one, or find the one that is meant."""

import random

from tui.config import limits
from tui.controller import intents
from tui.controller.board import Board
from tui.controller.messages import SpaceFound
from tui.controller.refusal import Refusal, require
from tui.controller.relays import Relays
from tui.nostr.filter import Filter
from tui.nostr.nip19 import Nevent, encode_nevent
from tui.nostr.pool import Pool
from tui.nostr.text import clean_text
from tui.spaces import codec
from tui.spaces.events import CLOSE_SPACE, CREATE_SPACE, SpaceCreated, SpaceRef
from tui.spaces.lookup import SECONDS, InvalidRef, UnknownSpace, find_space, parse_ref
from tui.spaces.session import SpaceCreation

RELAY_SECONDS = 5.0  # for a first relay to answer before an intent fails


class Entrance:
    """Turns the intents to host and to join into a space; says `SpaceFound` on success."""

    def __init__(self, pool: Pool, relays: Relays, board: Board, rng: random.Random) -> None:
        self._pool = pool
        self._relays = relays
        self._board = board
        self._rng = rng

    async def found(self, intent: intents.HostSpace, host: str) -> tuple[SpaceRef, SpaceCreation]:
        """A space of our own; raises `Refusal`."""
        name = clean_text(intent.name, limits.NAME_LENGTH)
        require(bool(name), "a space has a name")
        space = SpaceRef(host, intent.id or f"{self._rng.getrandbits(128):032x}")
        try:
            codec.check_space_id(space.id)
        except codec.InvalidSpaceEvent as error:
            raise Refusal(str(error)) from None
        await self._reach_relays()
        if intent.id and await self._pool.fetch([_closing(space)], timeout=SECONDS):
            raise Refusal("you have closed the space with this id; pick another id")
        self._board.occurred(SpaceFound(str(space), space.host, space.id, name))
        summary = clean_text(intent.summary, limits.SUMMARY_LENGTH)
        return space, SpaceCreation(name, summary, self._pool.urls[: limits.SPACE_RELAYS])

    async def find(self, intent: intents.JoinSpace) -> SpaceRef:
        """The space that a reference names; raises `Refusal`."""
        try:
            query = parse_ref(intent.ref)
        except InvalidRef as error:
            raise Refusal(str(error), "unknown_space") from None
        await self._relays.follow_hints(query.relays[: limits.SPACE_RELAYS])
        await self._reach_relays()
        try:
            created = await find_space(self._pool, query)
        except UnknownSpace as error:
            raise Refusal(str(error), "unknown_space") from None
        space = created.space
        self._board.occurred(SpaceFound(str(space), space.host, space.id, created.name))
        return space

    async def _reach_relays(self) -> None:
        if not await self._pool.wait_connected(RELAY_SECONDS):
            reasons = (f"{s.url}: {s.reason or s.state}" for s in self._pool.status().values())
            raise Refusal(f"no relay can be reached ({'; '.join(reasons)})", "relay")

    def share(self, created: SpaceCreated) -> str:
        """The nevent by which others find a space."""
        relays = self._pool.urls[: limits.SPACE_RELAYS]
        return encode_nevent(Nevent(created.id, relays, created.space.host, CREATE_SPACE))


def _closing(space: SpaceRef) -> Filter:
    return Filter(kinds=(CLOSE_SPACE,), authors=(space.host,), tags={"s": (space.id,)}, limit=1)
