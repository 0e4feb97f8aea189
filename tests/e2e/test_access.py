import asyncio
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tui.nostr.filter import Filter
from tui.nostr.keys import SecretKey
from tui.nostr.pool import Pool
from tui.spaces.events import CREATE_SPACE
from tui.spaces.share import ROOM

pytestmark = pytest.mark.timeout(120)

SILENT = ("--mic", "none")


def key() -> dict[str, str]:
    """The environment of somebody with a key of their own."""
    return {**os.environ, "SPACES_SECRET_KEY": SecretKey.generate().to_nsec()}


async def ended(node: Any) -> tuple[int, str]:
    """Status and last words of a process that goes by itself."""
    status = await asyncio.wait_for(node.process.wait(), 30)
    await node._reader
    last = node.events[-1]
    return status, last.get("reason") or last.get("message", "")


async def creations(relay: str) -> int:
    async with Pool((relay,)) as pool:
        return len(await pool.fetch([Filter(kinds=(CREATE_SPACE,))]))


async def test_only_who_knows_the_password_gets_in(stage: Any, relay: str, tmp_path: Path) -> None:
    def written(name: str, password: str) -> str:
        path = tmp_path / name
        path.write_text(password)
        path.chmod(0o600)
        return str(path)

    right, wrong = written("right", "open sesame"), written("wrong", "open barley")
    host = await stage.node(
        "host", "host", "Secret", "--id", "secret", "--mic", "tone:440",
        "--password-file", right, relays=(relay,),
    )  # fmt: skip
    await host.until("joined")
    join = ("join", "secret", *SILENT)
    guest = await stage.node("guest", *join, "--password-file", right, relays=(relay,))
    await guest.until("joined")
    await host.until("participant", pubkey=await guest.pubkey(), name="guest", present=True)
    await guest.until("audio", **{"from": await host.pubkey(), "state": "started"})
    await stage.wait_until(lambda: stage.sound("guest").seconds_of(440) >= 1, "the guest hears")

    without = await stage.node("without", *join, relays=(relay,))
    assert await ended(without) == (7, "this space has a password")
    other = await stage.node("other", *join, "--password-file", wrong, relays=(relay,))
    status, reason = await ended(other)
    assert (status, reason) == (7, "not admitted: the password is wrong")
    assert not any(event["event"] == "connection" for event in other.events)
    assert stage.sound("other").seconds_of(440) == 0
    texts = str([*host.events, *guest.events, *other.events])
    assert "sesame" not in texts
    assert "barley" not in texts


async def test_a_space_for_invited_people_takes_who_was_invited(stage: Any, relay: str) -> None:
    host = await stage.node(
        "host", "host", "Private", "--id", "private", "--access", "invite", *SILENT,
        relays=(relay,), speaker="null",
    )  # fmt: skip
    await host.until("joined")
    guests = [key(), key()]
    first, second = (SecretKey.parse(one["SPACES_SECRET_KEY"]).public for one in guests)
    join = ("join", "private", *SILENT)
    await host.do("invite", pubkey=first)
    invited = await stage.node(
        "invited", *join, relays=(relay,), speaker="null", environment=guests[0]
    )
    stranger = await stage.node(
        "stranger", *join, relays=(relay,), speaker="null", environment=guests[1]
    )
    await invited.until("joined")
    await host.until("participant", pubkey=first, present=True)
    assert await ended(stranger) == (7, "not admitted: for invited people")
    assert not any(event.get("pubkey") == second for event in host.events)


async def test_a_host_who_crashed_takes_the_space_up_where_it_was(stage: Any, relay: str) -> None:
    hosts = key()
    host_it = ("host", "Tea", "--id", "tea", *SILENT)
    host = await stage.node("host", *host_it, relays=(relay,), speaker="null", environment=hosts)
    his = await host.pubkey()
    ref = (await host.until("space"))["ref"]
    await host.until("joined")
    names = ("ada", "guest")
    ada, guest = [
        await stage.node(name, "join", ref, *SILENT, relays=(relay,), speaker="null")
        for name in names
    ]
    hers, guests = await ada.pubkey(), await guest.pubkey()
    await host.until("participant", pubkey=hers, present=True)
    await host.do("promote_cohost", pubkey=hers)
    await ada.until("role", pubkey=hers, role="cohost", by=his)
    await guest.until("connection", state="connected")

    host.process.kill()
    await host.process.wait()
    again = await stage.node("again", *host_it, relays=(relay,), speaker="null", environment=hosts)
    assert (await again.until("space"))["ref"] == ref
    await again.until("joined")
    await again.until("participant", pubkey=hers, role="cohost", present=True)
    await again.until("participant", pubkey=guests, role="listener", present=True)
    assert await creations(relay) == 1
    await guest.do("request_speech")
    await again.until("speech_request", pubkey=guests)
    await ada.until("speech_request", pubkey=guests)
    await ada.do("promote_speaker", pubkey=guests)
    await again.until("role", pubkey=guests, role="speaker", by=hers)

    await again.do("close")
    await again.until("closed", reason="closed by host")
    third = await stage.node("third", *host_it, relays=(relay,), speaker="null", environment=hosts)
    status, reason = await ended(third)
    assert status == 7
    assert "closed" in reason


async def test_a_space_for_later_is_announced_and_then_begun(stage: Any, relay: str) -> None:
    hosts = key()
    later = int(time.time()) + 3600
    starts = datetime.fromtimestamp(later, UTC).isoformat()
    options = ("--id", "tea", "--topic", "Music", "--language", "PT", "--summary", "Songs")
    host = await stage.node(
        "host", "host", "Tea", *options, "--starts", starts, *SILENT,
        relays=(relay,), speaker="null", environment=hosts,
    )  # fmt: skip
    ref = (await host.until("scheduled", starts=later))["ref"]
    assert (await ended(host))[0] == 0
    async with Pool((relay,)) as pool:
        (room,) = await pool.fetch([Filter(kinds=(ROOM,))])
    assert room.first("status") == "planned"
    assert room.first("starts") == str(later)
    listed = await stage.start("list", "#music", "lang:pt", "--json", "--relay", relay)
    out, _ = await listed.communicate()
    assert f'"ref":"{ref}"'.encode() in out
    assert b'"state":"scheduled"' in out

    begun = await stage.node(
        "begun", "host", "Tea", "--id", "tea", *SILENT,
        relays=(relay,), speaker="null", environment=hosts,
    )  # fmt: skip
    assert (await begun.until("space"))["ref"] == ref
    await begun.until("joined")
    guest = await stage.node("guest", "join", "tea", *SILENT, relays=(relay,), speaker="null")
    await guest.until("connection", state="connected")
    assert await creations(relay) == 1
