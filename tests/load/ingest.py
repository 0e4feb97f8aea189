"""What an event costs a client: processor time from the first byte to the callback.

    python tests/load/ingest.py [--events 20000] [--authors 1000] [--rounds 3]

The same signed events from the embedded relay, which has a process of its own, into our pool, into
nostr-sdk's client and into nostr-tools' SimplePool (fetched with npm if it is there). Each client
has a process of its own, too, and counts its own processor time, all threads together.
"""

import argparse
import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import nostr_sdk as sdk

REPOSITORY = Path(__file__).parents[2]
sys.path.insert(0, str(REPOSITORY))

from tui.config import limits  # noqa: E402
from tui.nostr.event import Draft, Event, signature_ok  # noqa: E402
from tui.nostr.filter import Filter  # noqa: E402
from tui.nostr.keys import LocalSigner, SecretKey  # noqa: E402
from tui.nostr.pool import Pool  # noqa: E402
from tui.relay.limits import RelayLimits  # noqa: E402
from tui.relay.server import RelayServer  # noqa: E402
from tui.relay.store import EventStore  # noqa: E402

KIND = 1311  # chat: a kind that is not replaced
SPACE = "30312:" + "ab" * 32 + ":" + "cd" * 16
DEADLINE = 300.0

NODE = """
const { SimplePool, useWebSocketImplementation } = require("nostr-tools/pool")
useWebSocketImplementation(require("ws"))
const [url, kind] = process.argv.slice(2)
const pool = new SimplePool()
pool.ensureRelay(url).then(() => {
  let events = 0
  const before = process.cpuUsage()
  pool.subscribeMany([url], { kinds: [Number(kind)] }, {
    onevent() { events += 1 },
    oneose() {
      const { user, system } = process.cpuUsage(before)
      console.log(JSON.stringify({ events, seconds: (user + system) / 1e6 }))
      process.exit(0)
    },
    maxWait: 300000,
  })
})
"""


async def serve(events: int, authors: int) -> None:
    """A relay that has so many events; prints its address, ends with its stdin."""
    everything = RelayLimits(max_limit=events, query_seconds=60.0, send_buffer_bytes=1 << 30)
    limits.RELAY_SERVER_PING_SECONDS = DEADLINE  # a client that is busy checking answers no pings
    signers = [LocalSigner(SecretKey.generate()) for _ in range(authors)]
    start = int(time.time()) - events
    drafts = (
        Draft(KIND, f"message {n}", (("a", SPACE, "", "root"),), start + n) for n in range(events)
    )
    signed = [await signers[n % authors].sign(draft) for n, draft in enumerate(drafts)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.db"
        store = EventStore(path, max_bytes=1 << 30, query_seconds=60)
        store.add(signed, start)
        store.close()
        async with RelayServer(limits=everything, store=path) as server:
            print(server.url, flush=True)
            await asyncio.to_thread(sys.stdin.read)


async def ours(url: str) -> None:
    """Our pool."""
    received: list[Event] = []
    whole = asyncio.Event()
    async with Pool([url]) as pool, asyncio.timeout(DEADLINE):
        assert await pool.wait_connected(10)
        before = time.process_time()
        pool.subscribe(
            [Filter(kinds=(KIND,))],
            lambda event, _url: received.append(event),
            on_eose=lambda _url: whole.set(),
        )
        await whole.wait()
        after = time.process_time()
    assert all(map(signature_ok, received))
    report(len(received), after - before, signatures=time.process_time() - after)


async def nostr_sdk(url: str) -> None:
    """nostr-sdk's client, by its cheapest way: all events in one list."""
    client = sdk.ClientBuilder().build()
    relay = sdk.RelayUrl.parse(url)
    await client.add_relay(relay)
    await client.connect(timedelta(seconds=10))
    target = sdk.ReqTarget.single(relay, [sdk.Filter().kind(sdk.Kind(KIND))])
    before = time.process_time()
    events = await client.fetch_events(target, timedelta(seconds=DEADLINE), max_events=10**6)
    report(len(events), time.process_time() - before)
    await client.shutdown()


def report(events: int, seconds: float, **more: float) -> None:
    print(json.dumps({"events": events, "seconds": seconds} | more), flush=True)


def measure(command: list[str], folder: Path) -> dict[str, Any]:
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=DEADLINE, cwd=folder, check=False
    )
    if done.returncode:
        raise SystemExit(f"{command}: {done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def node_client(folder: Path) -> list[str] | None:
    """The command of nostr-tools' client, if there are node and npm."""
    if not (shutil.which("node") and shutil.which("npm")):
        return None
    packages = ["nostr-tools@2", "ws@8"]
    quiet = ["--silent", "--no-save", "--no-audit", "--no-fund"]
    subprocess.run(["npm", "install", *quiet, *packages], cwd=folder, check=True, timeout=300)
    script = folder / "client.cjs"
    script.write_text(NODE)
    return ["node", str(script)]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--authors", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--role", nargs="*", help=argparse.SUPPRESS)
    options = parser.parse_args()
    match options.role:
        case ["serve"]:
            asyncio.run(serve(options.events, options.authors))
        case ["ours", url]:
            asyncio.run(ours(url))
        case ["nostr-sdk", url]:
            asyncio.run(nostr_sdk(url))
        case _:
            compare(options.events, options.authors, options.rounds)


def compare(events: int, authors: int, rounds: int) -> None:
    """All clients against one relay; the best of so many rounds of each."""
    me = [sys.executable, str(Path(__file__).resolve()), "--events", str(events)]
    serving = [*me, "--authors", str(authors), "--role", "serve"]
    with (
        tempfile.TemporaryDirectory() as name,
        subprocess.Popen(
            serving, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as relay,
    ):
        folder = Path(name)
        assert relay.stdin and relay.stdout
        url = relay.stdout.readline().strip()
        clients = {
            "tui.nostr.pool": [*me, "--role", "ours", url],
            "nostr-sdk": [*me, "--role", "nostr-sdk", url],
        }
        if node := node_client(folder):
            clients["nostr-tools SimplePool"] = [*node, url, str(KIND)]
        for client, command in clients.items():
            runs = [measure(command, folder) for _ in range(rounds)]
            assert all(run["events"] == events for run in runs), runs
            seconds = min(run["seconds"] for run in runs)
            each = seconds / events * 1e6
            print(f"{client:24} {seconds:7.2f} s of CPU, {each:6.1f} us an event")
            if alone := min(run.get("signatures", 0) for run in runs):
                print(f"{'  its signatures alone':24} {alone:7.2f} s")
        relay.stdin.close()


if __name__ == "__main__":
    main()
