import asyncio
import contextlib
import random
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from tui.relay.server import RelayServer

CHILD = """
import asyncio, sys
from pathlib import Path
from tui.relay.server import RelayServer

async def main():
    async with RelayServer(store=Path(sys.argv[1])) as relay:
        print(relay.url, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.parametrize("seed", range(3))
async def test_what_was_acknowledged_survives_kill_9(
    dial: Any, new_author: Any, tmp_path: Path, seed: int
) -> None:
    rng = random.Random(seed)
    store = tmp_path / "events.db"
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, str(store), stdout=asyncio.subprocess.PIPE
    )
    enough = rng.randrange(50, 400)
    acknowledged: set[str] = set()
    try:
        assert child.stdout is not None
        url = (await child.stdout.readline()).decode().strip()
        named: set[str] = set()  # in deletion requests, answered or not
        gone: set[str] = set()

        async def publish(client: Any, author: Any) -> None:
            previous = None
            with contextlib.suppress(ConnectionClosed):
                for i in range(10_000):
                    event = author.event(content=str(i) * rng.randrange(1, 50))
                    assert await client.publish(event) == (True, "")
                    acknowledged.add(event.id)
                    if len(acknowledged) == enough:
                        child.kill()
                    if previous is not None and i % 5 == 0:
                        named.add(previous.id)
                        request = author.event(5, tags=(("e", previous.id),))
                        assert await client.publish(request) == (True, "")
                        gone.add(previous.id)
                    previous = event

        clients = [await dial(url) for _ in range(4)]
        await asyncio.gather(*(publish(client, new_author()) for client in clients))
    finally:
        if len(acknowledged) < enough:
            child.kill()
        await child.wait()
    assert child.returncode == -signal.SIGKILL
    async with RelayServer(store=store) as relay:
        client = await dial(relay.url)
        found = {event.id for event in await client.request({"kinds": [1]})}
    assert len(acknowledged) >= enough
    assert acknowledged - named <= found
    assert gone
    assert not gone & found
