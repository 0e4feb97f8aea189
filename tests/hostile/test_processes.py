"""A flood against participants that run as people run them: one process each."""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.hostile import floods

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc"),
]

Until = Callable[..., Awaitable[None]]

VOICE = 440  # hertz of the host
MEGABYTE = 1024 * 1024
CAUSES = {
    "space: dated in the future",
    "space: moderation without authority",
    "space: no webrtc tag",
    "space: of another space",
    "space: too much signalling",
}


def resident(node: Any) -> int:
    """The memory of a process, in bytes."""
    pages = int(Path(f"/proc/{node.process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def test_sound_goes_on_and_memory_stays_bounded(
    stage: Any, world: Any, relay: str, until: Until
) -> None:
    host = await stage.node(
        "host", "host", "Tea", "--id", world.space.id, "--mic", f"tone:{VOICE}",
        "--max-outputs", "3", relays=(relay,), speaker="null",
    )  # fmt: skip
    his = await host.pubkey()
    world.host_elsewhere(his)
    await host.until("joined")
    join = ("join", f"{his}:{world.space.id}", "--mic", "none")
    ann = await stage.node("ann", *join, relays=(relay,))
    await ann.until("audio", **{"from": his, "state": "started"})
    heard = world.heard("ann")
    await heard.goes_on(VOICE)
    hers = await ann.pubkey()

    sizes: list[int] = []
    began = heard.now
    for _ in range(3):
        mob = world.mob(100)
        async with world.attack(
            [*floods.joins(mob), *floods.hands(mob)],
            floods.forged_acts(mob, [his, hers]),
            floods.out_of_time(mob),
            floods.misplaced(mob, his),
            floods.broken(mob, his),
            floods.requests_without_offers(mob, [his]),
            floods.signals(mob, [his, hers]),
            floods.edges(mob, [his]),
            floods.chatter(mob, his),
        ) as attack:
            await attack.over()
        await host.until("participant", pubkey=mob[-1].me, present=True)
        sizes.append(resident(host))
    assert sizes[-1] < 200 * MEGABYTE
    assert sizes[-1] - sizes[0] < 20 * MEGABYTE, "two hundred people more have come"
    bob = await stage.node("bob", *join, relays=(relay,))
    bobs = await bob.pubkey()
    await bob.until("audio", **{"from": his, "state": "started"})
    await bob.do("request_speech")
    await host.until("speech_request", pubkey=bobs)
    await host.do("promote_speaker", pubkey=bobs)
    for node in (host, ann, bob):
        await node.until("participant", pubkey=bobs, role="speaker")
    await heard.goes_on(VOICE)
    await until(
        lambda: {e["cause"] for e in host.events if e["event"] == "dropped"} >= CAUSES,
        "what was dropped is told",
    )
    assert heard.longest_hole(VOICE, began) < 1
    assert {e["pubkey"] for e in ann.events if e["event"] == "role"} == {bobs}
    assert not [e for e in ann.events if e["event"] in ("removed", "closed", "invited")]
