"""Looking into a space or room without being in it: nobody learns that we do."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from itertools import islice

from tui.config import limits
from tui.controller.board import Board
from tui.controller.chat_board import ChatBoard
from tui.controller.entrance import RELAY_SECONDS
from tui.controller.refusal import Refusal
from tui.controller.relays import Relays
from tui.controller.room import ROLES
from tui.controller.sights import RoomSight, Seen, Sight, SpaceSight
from tui.controller.views import Participant
from tui.nostr.nip19 import short_npub
from tui.nostr.pool import Pool
from tui.people.book import People
from tui.spaces.chat import Chat
from tui.spaces.lookup import InvalidRef, UnknownSpace, find, parse_ref
from tui.spaces.rooms import Room


class RoomWatch:
    """At most one space or room that is looked at; `tick` brings it up to date."""

    def __init__(
        self, pool: Pool, board: Board, relays: Relays, people: People, now: Callable[[], float]
    ) -> None:
        self._pool = pool
        self._board = board
        self._relays = relays
        self._people = people
        self._now = now
        self._look: _Look | None = None
        self._past: Counter[str] = Counter()  # what was dropped of all that was looked at before
        self._finding: asyncio.Task[object] | None = None

    @property
    def dropped(self) -> Mapping[str, int]:
        """How many events were dropped, by reason."""
        return self._past + (self._look.dropped if self._look is not None else Counter())

    async def begin(self, ref: str) -> None:
        """Look at what a reference names, and at nothing else; raises `Refusal`."""
        await self.stop()
        self._finding = asyncio.current_task()
        try:
            query = parse_ref(ref)
            named = await self._relays.follow(query.relays)
            if not await self._pool.wait_connected(RELAY_SECONDS):
                raise Refusal("no relay can be reached", "relay")
            found = await find(self._pool, query)
            named += await self._relays.follow(found.relays)
            await self._relays.give_back(but=named)
        except (InvalidRef, UnknownSpace) as error:
            raise Refusal(str(error), "unknown_space") from None
        finally:
            self._finding = None
        sight: Sight
        if isinstance(found, Room):
            sight = RoomSight(found, pool=self._pool, now=self._now)
        else:
            sight = SpaceSight(found, pool=self._pool, now=self._now)
        self._look = _Look(
            sight,
            pool=self._pool,
            board=self._board,
            people=self._people,
            now=self._now,
        )
        self._look.tick()

    async def stop(self) -> None:
        """Look at nothing any more."""
        if self._finding is not None:
            self._finding.cancel()
            await asyncio.wait([self._finding])
        if self._look is not None:
            self._look.close()
            self._past += self._look.dropped
            self._look = None
            self._board.clear_space()

    def tick(self) -> None:
        """Show who came and went."""
        if self._look is not None:
            self._look.tick()

    def renamed(self, pubkey: str) -> None:
        """What we know of somebody has changed."""
        if self._look is not None:
            self._look.renamed(pubkey)


class _Look:
    """One thing that is looked at, on the board."""

    def __init__(
        self,
        sight: Sight,
        *,
        pool: Pool,
        board: Board,
        people: People,
        now: Callable[[], float],
    ) -> None:
        self._sight = sight
        self._board = board
        self._people = people
        self._names: dict[str, str] = {}
        self._shown: dict[str, Participant] = {}
        self._lines = ChatBoard(board, me="", people=people, name_of=self._name_of, now=now)
        self._chat: Chat | None = None
        if sight.address:
            self._chat = Chat(
                sight.address,
                pool=pool,
                now=now,
                on_changed=self._written,
                on_reacted=self._lines.reacted,
                name_of=self._name_of,
            )
            self._chat.hidden = people.hidden
            self._chat.open()
        sight.open()

    @property
    def dropped(self) -> Counter[str]:
        return self._sight.dropped + (self._chat.dropped if self._chat else Counter[str]())

    def close(self) -> None:
        self._sight.close()
        if self._chat is not None:
            self._chat.close()

    def tick(self) -> None:
        seen = list(islice(self._sight.people(), limits.SEEN_PEOPLE))
        self._names = {one.pubkey: one.name for one in seen if one.name}
        people = {one.pubkey: self._participant(one) for one in seen}
        for pubkey in self._shown.keys() - people.keys():
            self._board.set_participant(pubkey, None)
        for pubkey, person in people.items():
            self._board.set_participant(pubkey, person)
        self._shown = people
        room = self._sight.view(self._name_of)
        self._people.want([room.host, *people])
        self._board.set_room(room)

    def renamed(self, pubkey: str) -> None:
        if self._chat is not None:
            if self._chat.hidden != self._people.hidden:
                self._chat.hidden = self._people.hidden
            self._lines.renamed(self._chat, pubkey)

    def _written(self, ids: frozenset[str]) -> None:
        if self._chat is not None:
            self._lines.show(self._chat, ids)

    def _participant(self, seen: Seen) -> Participant:
        return Participant(
            pubkey=seen.pubkey,
            name=self._name_of(seen.pubkey),
            role=ROLES[seen.role],
            present=seen.present,
            hand_since=seen.hand_since,
            muted=seen.muted,
            hidden=seen.pubkey in self._people.hidden,
            followed=seen.pubkey in self._people.follows,
            verified=self._people.verified_of(seen.pubkey),
        )

    def _name_of(self, pubkey: str) -> str:
        return self._names.get(pubkey) or self._people.name_of(pubkey) or short_npub(pubkey)
