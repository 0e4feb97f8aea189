"""`spaces list`: the live and scheduled spaces that the relays know of, now."""

import asyncio
import sys
import time

import msgspec

from tui.cli.arguments import Arguments
from tui.cli.start import set_up
from tui.cli.status import CommandFailed, ExitStatus
from tui.config import limits
from tui.controller.lobby import summary
from tui.controller.search import Search
from tui.controller.views import SpaceSummary
from tui.nostr.keys import LocalSigner, SecretKey
from tui.nostr.pool import Pool
from tui.nostr.relay import RelayStatus
from tui.spaces.lobby import Lobby

_LOOK_SECONDS = 0.05  # between two looks at how far the relays are
_COLUMNS = (("NAME", 28), ("HOST", 18), ("STAGE", 5), ("AUDIENCE", 8), ("AGE", 7), ("KIND", 23))


def run(arguments: Arguments) -> int:
    """Print a line for each space that fits, the newest last; raises `CommandFailed`."""
    query = " ".join(arguments.query)
    if "follows" in query.replace("-follows", "follows").split():
        reason = "`follows` needs your key: it works in the lobby on the screens"
        raise CommandFailed(ExitStatus.USAGE, reason)
    known = asyncio.run(_ask(set_up(arguments).settings.relays))
    if "is:" not in query:  # who asks for those that are over has said so
        known = [space for space in known if space.state in ("live", "scheduled")]
    found = list(filter(Search(query).matches, known))
    if arguments.json:
        for space in found:
            print(_as_json(space))
    elif found:
        print(_row([title for title, _ in _COLUMNS], "REF"))
        for space in found:
            print(_as_text(space, time.time()))
    elif known:
        print(f"none of the {len(known)} spaces on these relays fits", file=sys.stderr)
    else:
        print("no space is live or scheduled on these relays", file=sys.stderr)
    return ExitStatus.DONE


async def _ask(relays: tuple[str, ...]) -> list[SpaceSummary]:
    async with Pool(relays) as pool:
        pool.signer = LocalSigner(SecretKey.generate())  # for relays that only ask for somebody
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
        listings = filter(None, map(lobby.listing, lobby.spaces()))
        found = [summary(listing, str(listing.ref)) for listing in listings]
    return sorted(found, key=lambda space: (space.starts or space.started_at, space.ref))


def unreachable(status: dict[str, RelayStatus]) -> str:
    """What to say when no relay answers."""
    reasons = (f"{relay.url}: {_silence(relay)}" for relay in status.values())
    return f"no relay can be reached ({'; '.join(reasons)})"


def _silence(relay: RelayStatus) -> str:
    if relay.reason or relay.state != "connected":
        return relay.reason or relay.state
    return "does not let us in" if relay.auth == "refused" else "does not answer"


def _may_say_more(relay: RelayStatus, lobby: Lobby) -> bool:
    """Whether a relay has yet to connect for the first time, or to send what it has stored."""
    return relay.state in ("connecting", "connected") and relay.url not in lobby.past_heard


def _as_json(space: SpaceSummary) -> str:
    fields = {"event": "space", "at": time.time(), **msgspec.structs.asdict(space)}
    return msgspec.json.encode(fields, order="sorted").decode()


def _as_text(space: SpaceSummary, now: float) -> str:
    scheduled = space.state == "scheduled"
    cells = [
        space.name,
        space.host_name,
        str(space.speakers),
        str(space.listeners),
        f"in {_age(space.starts - now)}" if scheduled else _age(now - space.started_at),
        _kind(space),
    ]
    return _row(cells, space.ref)


def _kind(space: SpaceSummary) -> str:
    """What it is, and what keeps one out."""
    access = "" if space.access == "open" else space.access
    return ", ".join(filter(None, (space.kind, access, "locked" if space.locked else "")))


def _row(cells: list[str], last: str) -> str:
    padded = (cell[:width].ljust(width) for cell, (_, width) in zip(cells, _COLUMNS, strict=True))
    return "  ".join((*padded, last))


def _age(seconds: float) -> str:
    minutes = max(0, int(seconds)) // 60
    if minutes < 100:
        return f"{minutes} m"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} d"
