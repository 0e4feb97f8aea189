import asyncio
import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tui.nostr.keys import SecretKey

pytestmark = pytest.mark.timeout(180)


class People(NamedTuple):
    """Everybody in a space: its host, two co-hosts, and three strangers."""

    host: Any
    ada: Any
    bob: Any
    cleo: Any
    dan: Any
    eve: Any

    def others(self, *but: Any) -> list[Any]:
        return [one for one in self if one not in but]


async def refusal(node: Any, intent: str, **fields: Any) -> str:
    """Why an intent was refused."""
    before = len(node.events)
    await node.do(intent, **fields)
    return (await node.until("refused", intent=intent, after=before))["reason"]


@pytest.fixture
async def people(stage: Any, relay: str) -> AsyncIterator[People]:
    options = ("--mic", "none")
    host = await stage.node(
        "host", "host", "Strangers", "--id", "strangers", *options,
        relays=(relay,), speaker="null",
    )  # fmt: skip
    await host.until("joined")
    names = ("ada", "bob", "cleo", "dan", "eve")
    guests = await asyncio.gather(
        *(
            stage.node(name, "join", "strangers", *options, relays=(relay,), speaker="null")
            for name in names
        )
    )
    for guest in guests:
        await guest.until("joined")
        await host.until("participant", pubkey=await guest.pubkey(), present=True)
    everybody = People(host, *guests)
    his = await host.pubkey()
    for cohost in (everybody.ada, everybody.bob):
        pubkey = await cohost.pubkey()
        await host.do("promote_cohost", pubkey=pubkey)
        await asyncio.gather(
            *(one.until("role", pubkey=pubkey, role="cohost", by=his) for one in everybody)
        )
    yield everybody
    await asyncio.gather(*(one.stop() for one in everybody))


async def test_the_queue_is_worked_by_all_who_moderate_and_all_is_in_the_journal(
    people: People, tmp_path: Path
) -> None:
    host, ada, bob, cleo, dan, eve = people
    hers, his, cleos, dans = [await one.pubkey() for one in (ada, host, cleo, dan)]

    assert "only the host" in await refusal(ada, "promote_cohost", pubkey=cleos)
    assert "only the host and co-hosts" in await refusal(eve, "promote_speaker", pubkey=cleos)
    assert "hand is not up" in await refusal(ada, "deny", pubkey=cleos)

    await cleo.do("request_speech")
    for one in (host, ada, bob):
        await one.until("speech_request", pubkey=cleos)
    await ada.do("promote_speaker", pubkey=cleos)
    for one in people:
        await one.until("role", pubkey=cleos, role="speaker", by=hers)

    await dan.do("request_speech")
    await bob.until("speech_request", pubkey=dans)
    await bob.do("later", pubkey=dans)
    await bob.do("deny", pubkey=dans, reason="another time")
    denied = await dan.until("denied", reason="another time")
    assert denied["by"] == await bob.pubkey()

    await cleo.do("demote")
    for one in people:
        await one.until("role", pubkey=cleos, role="listener", by=cleos)
    assert "only the host" in await refusal(ada, "demote", pubkey=await bob.pubkey())
    await host.do("demote", pubkey=await bob.pubkey())
    for one in people:
        await one.until("role", pubkey=await bob.pubkey(), role="listener", by=his)
    assert "only the host and co-hosts" in await refusal(bob, "mute_all")

    path = tmp_path / "journal.jsonl"
    await host.do("export_journal", path=str(path))
    done = await host.until("exported", path=str(path))
    lines = path.read_text().splitlines()
    assert len(lines) == done["count"] >= 7  # created, two co-hosts, and what was done here
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert '"kind":31109' in path.read_text()
    assert "exists" in await refusal(host, "export_journal", path=str(path))
    assert "absolute" in await refusal(host, "export_journal", path="journal.jsonl")


async def test_people_are_asked_to_speak_and_write_until_the_end(people: People) -> None:
    host, ada, _, cleo, dan, eve = people
    hers, cleos, dans = [await one.pubkey() for one in (ada, cleo, dan)]

    assert "nobody asks you" in await refusal(cleo, "accept_invite")
    await ada.do("invite", pubkey=cleos, message="will you speak?")
    asked = await cleo.until("invited", pubkey=hers)
    assert asked["message"] == "will you speak?"
    await cleo.do("accept_invite")
    for one in people:
        await one.until("role", pubkey=cleos, role="speaker", by=hers)

    await ada.do("invite", pubkey=dans)
    await dan.until("invited", pubkey=hers)
    await dan.do("decline_invite")
    assert "nobody asks you" in await refusal(dan, "accept_invite")

    await cleo.do("mute", on=False)
    await ada.do("ask_mute", pubkey=cleos)
    await cleo.until("mute_request", by=hers)
    await cleo.do("mute", on=False)
    await refusal(cleo, "accept_invite")  # read after it, so it is unmuted
    before = len(cleo.events)
    await ada.do("mute_all")
    await cleo.until("mute_request", by=hers, after=before)

    await cleo.do("chat", text="hello everybody")
    for one in people:
        await one.until("chat", **{"from": cleos, "text": "hello everybody"})
    await ada.do("react", emoji="👏")
    for one in people.others(ada):
        await one.until("reaction", **{"from": await ada.pubkey(), "emoji": "👏"})
    assert "nothing" in await refusal(eve, "chat", text="   ")
    assert "emoji" in await refusal(eve, "react", emoji="hello")
    for number in range(10):
        await eve.do("chat", text=f"flood {number}")
    await eve.until("refused", intent="chat", reason="that was too fast: wait a moment")
    await host.do("close")
    for one in people:
        await one.until("closed", reason="closed by host")
        assert await asyncio.wait_for(one.process.wait(), 20) == 0


async def test_a_removed_person_stays_out_until_pardoned(
    people: People, stage: Any, relay: str
) -> None:
    host, ada, _, cleo, _, _ = people
    key = {**os.environ, "SPACES_SECRET_KEY": SecretKey.generate().to_nsec()}
    join = ("mallory", "join", "strangers", "--mic", "none")
    mallory = await stage.node(*join, relays=(relay,), speaker="null", environment=key)
    hers, mallorys = await ada.pubkey(), await mallory.pubkey()
    await mallory.until("joined")
    for one in people:
        await one.until("participant", pubkey=mallorys, present=True)
    assert "only the host and co-hosts" in await refusal(cleo, "remove", pubkey=mallorys)
    assert "the host" in await refusal(ada, "remove", pubkey=await host.pubkey())
    await ada.do("remove", pubkey=mallorys, reason="too loud")
    for one in people:
        await one.until("removed", pubkey=mallorys, by=hers, reason="too loud")
        await one.until("participant", pubkey=mallorys, present=False)
    assert (await mallory.until("closed"))["reason"] == "removed: too loud"
    assert "removed already" in await refusal(host, "remove", pubkey=mallorys)

    again = await stage.node(*join, relays=(relay,), speaker="null", environment=key)
    assert "removed: too loud" in (await again.until("closed"))["reason"]
    assert await asyncio.wait_for(again.process.wait(), 20) == 7
    await host.do("pardon", pubkey=mallorys)
    back = await stage.node(*join, relays=(relay,), speaker="null", environment=key)
    await back.until("joined")
    out = next(
        place
        for place, event in enumerate(host.events)
        if (event["event"], event.get("pubkey")) == ("removed", mallorys)
    )
    await host.until("participant", pubkey=mallorys, present=True, after=out)
    assert "not removed" in await refusal(host, "pardon", pubkey=mallorys)


async def test_a_locked_space_lets_nobody_new_in(people: People, stage: Any, relay: str) -> None:
    host, ada, *_ = people
    assert "only the host" in await refusal(ada, "lock", on=True)
    await host.do("lock", on=True)
    late = await stage.node("late", "join", "strangers", relays=(relay,), speaker="null")
    out = await late.until("closed")
    assert "locked" in out["reason"]
    assert await asyncio.wait_for(late.process.wait(), 20) == 7
    await host.do("lock", on=False)
    again = await stage.node("again", "join", "strangers", relays=(relay,), speaker="null")
    await again.until("joined")
    await host.until("participant", pubkey=await again.pubkey(), present=True)
