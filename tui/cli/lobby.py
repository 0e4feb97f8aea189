"""`spaces list`: the live spaces that the relays know of, now."""

import asyncio
import time

import msgspec

from tui.cli.arguments import Arguments
from tui.cli.start import set_up
from tui.cli.status import CommandFailed, ExitStatus
from tui.config import limits
from tui.nostr.pool import Pool
from tui.nostr.relay import RelayStatus
from tui.spaces.lobby import Listing, Lobby

_LOOK_SECONDS = 0.05  # between two looks at how far the relays are
_COLUMNS = (("NAME", 28), ("HOST", 18), ("STAGE", 5), ("AUDIENCE", 8), ("AGE", 6), ("KIND", 6))


def run(arguments: Arguments) -> int:
    """Print a line for each live space, the newest last; raises `CommandFailed`."""
    listings = asyncio.run(_ask(set_up(arguments).settings.relays))
    if arguments.json:
        for listing in listings:
            print(_as_json(listing))
    elif listings:
        print(_row([title for title, _ in _COLUMNS], "REF"))
        for listing in listings:
            print(_as_text(listing, time.time()))
    return ExitStatus.DONE


async def _ask(relays: tuple[str, ...]) -> list[Listing]:
    async with Pool(relays) as pool:
        lobby = Lobby(pool, changed=lambda space: None, now=time.time)
        lobby.open()
        try:
            async with asyncio.timeout(limits.LIST_SECONDS):
                while any(_may_say_more(status, lobby) for status in pool.status().values()):  # noqa: ASYNC110 - the pool tells one listener only
                    await asyncio.sleep(_LOOK_SECONDS)
        except TimeoutError:
            pass  # what has come by now is worth showing
        if not lobby.past_heard:
            raise CommandFailed(ExitStatus.RELAY, unreachable(pool.status()))
        found = [listing for space in lobby.spaces() if (listing := lobby.listing(space))]
    return sorted((one for one in found if one.state == "live"), key=lambda one: one.started_at)


def unreachable(status: dict[str, RelayStatus]) -> str:
    """What to say when no relay answers."""
    reasons = (f"{relay.url}: {relay.reason or relay.state}" for relay in status.values())
    return f"no relay can be reached ({'; '.join(reasons)})"


def _may_say_more(relay: RelayStatus, lobby: Lobby) -> bool:
    """Whether a relay has yet to connect for the first time, or to send what it has stored."""
    return relay.state in ("connecting", "connected") and relay.url not in lobby.past_heard


def _as_json(listing: Listing) -> str:
    fields = msgspec.structs.asdict(listing) | {
        "event": "space",
        "at": time.time(),
        "ref": str(listing.ref),
        "id": listing.ref.id,
    }
    return msgspec.json.encode(fields, order="sorted").decode()


def _as_text(listing: Listing, now: float) -> str:
    cells = [
        listing.name,
        listing.host_name,
        str(listing.speakers),
        str(listing.listeners),
        _age(now - listing.started_at),
        listing.kind,
    ]
    return _row(cells, str(listing.ref))


def _row(cells: list[str], last: str) -> str:
    padded = (cell[:width].ljust(width) for cell, (_, width) in zip(cells, _COLUMNS, strict=True))
    return "  ".join((*padded, last))


def _age(seconds: float) -> str:
    minutes = max(0, int(seconds)) // 60
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"
