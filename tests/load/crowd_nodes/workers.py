"""The processes of a crowd: the stage in one, the audience in a few, each on its own loop."""

import asyncio
import json
import random
import resource
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from tui.spaces.events import SpaceRef
from tui.spaces.session import SpaceCreation

from .members import Member

TURN_SECONDS = 5.0  # each speaker talks so long
OVERLAP_SECONDS = 0.5  # and the next one sets in so long before the end


def say(**fields: Any) -> None:
    """One line to the process that started us."""
    print(json.dumps(fields), flush=True)


async def stage(
    relay: str, space: SpaceRef, numbers: list[int], outputs: int, report: Path
) -> None:
    """The host and the speakers, who talk in turns until standard input ends."""
    people = [
        Member(number, space, relay, outputs=outputs, microphone=f"tone:{200 + 40 * place}")
        for place, number in enumerate(numbers)
    ]
    host = people[0]
    create = SpaceCreation("Crowd", relays=(relay,))
    running = [asyncio.create_task(host.run(create))]
    await _until(lambda: host.session is not None and host.session.stage == "joined")
    for speaker in people[1:]:
        running.append(asyncio.create_task(speaker.run()))
        await _until(lambda who=speaker: who.session and who.session.stage == "joined")
        await _until(lambda who=speaker: host.session.is_present(who.pubkey))
        host.session.promote(speaker.pubkey)
        await _until(lambda who=speaker: who.session.role.speaks)
    await _until(lambda: all(_in_mesh(who, people) for who in people))
    say(ready=True, stage=[who.pubkey for who in people])
    talking = asyncio.create_task(_talk(people))
    ended = await _commands()
    await ended
    talking.cancel()
    _write(report, [who.report() for who in people])
    for who in people[1:]:
        who.session.leave()
    host.session.close()
    await asyncio.wait(running, timeout=10)


def _in_mesh(who: Member, people: list[Member]) -> bool:
    links = who.session._parts.connections.links
    return all(other is who or other.pubkey in links for other in people)


async def _talk(people: list[Member]) -> None:
    """One after the other, each a little into the next one's turn."""
    turn = 0
    while True:
        who = people[turn % len(people)]
        who.session.mute(False)
        await asyncio.sleep(OVERLAP_SECONDS)
        say(talks=who.pubkey, on=True, at=time.monotonic())
        if turn:
            before = people[(turn - 1) % len(people)]
            say(talks=before.pubkey, on=False, at=time.monotonic())
            before.session.mute(True)
        await asyncio.sleep(TURN_SECONDS - OVERLAP_SECONDS)
        turn += 1


async def audience(
    relay: str,
    space: SpaceRef,
    numbers: list[int],
    outputs: int,
    churn: float,
    spread: float,
    report: Path,
) -> None:
    """Listeners that come within `spread` seconds; each minute a share of `churn` is replaced."""
    rng = random.Random(numbers[0])
    here: dict[asyncio.Task[None], Member] = {}
    gone: list[dict[str, Any]] = []
    ended = await _commands()

    async def come(number: int) -> None:
        member = Member(number, space, relay, outputs=outputs)
        here[asyncio.create_task(member.run())] = member

    for number in numbers:
        await come(number)
        await asyncio.sleep(spread / len(numbers))
    say(ready=True)
    fresh = max(numbers) * 1_000
    while not ended.done():
        pause = 60 / (churn * len(numbers)) if churn else 3_600
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(ended), rng.uniform(0.5, 1.5) * pause)
            break
        task = rng.choice([task for task, who in here.items() if who.session is not None])
        leaver = here.pop(task)
        leaver.session.leave()
        await asyncio.wait([task], timeout=10)
        gone.append(leaver.report())
        fresh += 1
        await come(fresh)
    present = [who for who in here.values() if who.session is not None]
    _write(report, [*gone, *(who.report() for who in present)])
    for who in present:
        who.session.leave()
    await asyncio.wait(here, timeout=10)


def _write(report: Path, members: list[dict[str, Any]]) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    found = {
        "reports": members,
        "cpu": used.ru_utime + used.ru_stime,
        "megabytes": used.ru_maxrss / 1024,
    }
    report.write_text(json.dumps(found))


async def _until(condition: Any) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.02)


async def _commands() -> asyncio.Task[bytes]:
    """Done when standard input ends, which is all that we are ever told."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return asyncio.create_task(reader.read())
