import asyncio
import json
import os
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tui.cli.status import ExitStatus
from tui.nostr.event import Draft
from tui.nostr.keys import LocalSigner, SecretKey
from tui.nostr.pool import Pool
from tui.relay.server import RelayServer

Start = Callable[..., Awaitable[Any]]
Run = Callable[..., Any]


async def hosted(headless: Start, relay: RelayServer, *more: str, **streams: Any) -> Any:
    host = await headless("host", "Friday", "--id", "fri", "--relay", relay.url, *more, **streams)
    if not streams.get("stdout"):
        await host.until("joined")
    return host


async def test_every_line_has_its_event_and_time(headless: Start, relay: RelayServer) -> None:
    before = time.time()
    host = await hosted(headless, relay, "--name", "Ada")
    ready, space = await host.until("ready"), await host.until("space")
    pubkey = ready["pubkey"]
    assert (space["host"], space["id"], space["name"]) == (pubkey, "fri", "Friday")
    assert space["ref"] == f"{pubkey}:fri"
    me = await host.until("participant", pubkey=pubkey)
    assert (me["name"], me["role"], me["present"]) == ("Ada", "host", True)
    assert await host.end(signal.SIGTERM) == ExitStatus.DONE
    assert host.events[-1]["event"] == "closed"
    for line in host.events:
        assert before <= line["at"] <= time.time()
        assert line["event"] not in ("view", "levels")
    assert await host.complaint() == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_leaves_the_space_so_that_others_see_it(
    headless: Start, relay: RelayServer, number: int
) -> None:
    host = await hosted(headless, relay)
    guest = await headless("join", "fri", "--relay", relay.url)
    pubkey = (await guest.until("ready"))["pubkey"]
    await guest.until("joined")
    await host.until("participant", pubkey=pubkey, present=True)
    assert await guest.end(number) == ExitStatus.DONE
    assert guest.events[-1]["event"] == "closed"
    await host.until("participant", pubkey=pubkey, present=False)
    assert await host.end(signal.SIGTERM) == ExitStatus.DONE


@pytest.mark.parametrize("intent", ["leave", "close"])
async def test_intents_on_stdin_end_it_as_well(
    headless: Start, relay: RelayServer, intent: str
) -> None:
    host = await hosted(headless, relay)
    await host.write(json.dumps({"do": intent}).encode() + b"\n")
    assert await host.end() == ExitStatus.DONE
    assert host.events[-1]["event"] == "closed"


async def test_a_space_that_its_host_closes_ends_the_guest_with_success(
    headless: Start, relay: RelayServer
) -> None:
    host = await hosted(headless, relay)
    guest = await headless("join", "fri", "--relay", relay.url)
    await guest.until("joined")
    await host.write(b'{"do":"close"}\n')
    assert await host.end() == await guest.end() == ExitStatus.DONE
    assert "host" in guest.events[-1]["reason"]


async def test_nonsense_is_refused_and_the_end_of_input_means_nothing(
    headless: Start, relay: RelayServer
) -> None:
    host = await hosted(headless, relay)
    await host.write(
        b"nonsense\n" + b"x" * 1_000_000 + b'\n{"do":"fly"}\n{"do":"request_speech"}\n'
    )
    await host.until("refused", intent="request_speech")  # understood, and not for a host
    assert sum(line["event"] == "refused" for line in host.events) == 4
    host.process.stdin.close()
    guest = await headless("join", "fri", "--relay", relay.url)
    await host.until("participant", pubkey=(await guest.until("ready"))["pubkey"])
    assert host.process.returncode is None
    await guest.end(signal.SIGTERM)
    await host.end(signal.SIGTERM)


async def test_it_lives_with_no_input_at_all(headless: Start, relay: RelayServer) -> None:
    host = await hosted(headless, relay, stdin=asyncio.subprocess.DEVNULL)
    assert await host.end(signal.SIGTERM) == ExitStatus.DONE


async def test_a_reader_that_reads_nothing_stalls_nothing(
    headless: Start, relay: RelayServer
) -> None:
    reading, writing = os.pipe()
    host = await hosted(headless, relay, stdout=writing)
    os.close(writing)
    seen = b""
    while b'"joined"' not in seen:
        seen += await asyncio.to_thread(os.read, reading, 4096)
    guest = await headless("join", "fri", "--relay", relay.url)
    await guest.until("joined")
    for _ in range(2_000):  # each is answered with a line that nobody takes
        await host.write(b"nonsense\n")
    await host.write(b'{"do":"close"}\n')
    await guest.until("closed")  # so it was read and carried out
    assert await host.end() == ExitStatus.DONE
    os.close(reading)
    await guest.end()


async def test_a_reader_that_goes_away_makes_it_leave(headless: Start, relay: RelayServer) -> None:
    host = await hosted(headless, relay)
    reading, writing = os.pipe()
    guest = await headless("join", "fri", "--relay", relay.url, stdout=writing)
    os.close(writing)
    pubkey = json.loads((await asyncio.to_thread(os.read, reading, 500)).split(b"\n")[0])["pubkey"]
    await host.until("participant", pubkey=pubkey, present=True)
    os.close(reading)
    await guest.write(b"nonsense\n")  # the answer finds nobody
    assert await guest.end() == ExitStatus.BROKEN_PIPE
    assert await guest.complaint() == ""
    await host.until("participant", pubkey=pubkey, present=False)
    await host.end(signal.SIGTERM)


async def test_an_unknown_space_has_a_status_of_its_own(
    headless: Start, relay: RelayServer
) -> None:
    for ref in ("nowhere", "nevent1nonsense", f"{'0' * 64}:fri"):
        guest = await headless("join", ref, "--relay", relay.url)
        assert await guest.end() == ExitStatus.UNKNOWN_SPACE
        complaint = await guest.complaint()
        assert complaint.startswith("spaces: ")
        assert complaint.count("\n") == 1
        assert (await guest.until("error"))["cause"] == "unknown_space"


async def test_an_unreachable_relay_has_a_status_of_its_own(headless: Start) -> None:
    guest = await headless("join", "fri", "--relay", "ws://127.0.0.1:9")
    assert await guest.end() == ExitStatus.RELAY
    complaint = await guest.complaint()
    assert "ws://127.0.0.1:9" in complaint
    assert complaint.count("\n") == 1


async def test_a_signal_before_it_got_in_ends_it_too(headless: Start) -> None:
    listening = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1")
    port = listening.sockets[0].getsockname()[1]  # takes connections, never answers
    guest = await headless("join", "fri", "--relay", f"ws://127.0.0.1:{port}")
    await guest.until("ready")
    assert await guest.end(signal.SIGTERM) == ExitStatus.DONE
    listening.close()


async def test_a_space_that_cannot_be_hosted_has_a_status_of_its_own(
    headless: Start, relay: RelayServer
) -> None:
    host = await headless("host", "Friday", "--id", "a||b", "--relay", relay.url)
    assert await host.end() == ExitStatus.REFUSED
    reason = (await host.until("refused", intent="host_space"))["reason"]
    assert await host.complaint() == f"spaces: {reason}\n"


async def test_the_key_that_is_given_is_used_and_told_to_nobody(
    headless: Start, relay: RelayServer, key_file: Path
) -> None:
    host = await hosted(headless, relay, "--key-file", str(key_file))
    secret = await asyncio.to_thread(key_file.read_text)
    assert (await host.until("ready"))["pubkey"].startswith("7e7e9c42")
    assert secret.strip() not in json.dumps(host.events)
    await host.end(signal.SIGTERM)
    assert secret.strip() not in await host.complaint()


async def test_all_can_be_asked_for_without_entering_a_space_first(
    headless: Start, relay: RelayServer, tmp_path: Path
) -> None:
    host = await hosted(headless, relay, "--name", "Ada")
    ref = (await host.until("space"))["ref"]
    bot = await headless("headless", "--relay", relay.url)
    await bot.write(b'{"do":"join_space","ref":"fri"}\n')
    assert (await bot.until("refused"))["reason"] == "choose a key first"
    await bot.write(b'{"do":"use_throwaway_key"}\n{"do":"save_key","store":"insecure-plaintext"}\n')
    pubkey = (await bot.until("ready"))["pubkey"]
    await bot.write(json.dumps({"do": "join_space", "ref": ref}).encode() + b"\n")
    await bot.until("joined")
    await host.until("participant", pubkey=pubkey, present=True)
    await bot.write(b'{"do":"chat","text":"hello"}\n{"do":"leave"}\n')
    await host.until("chat", **{"from": pubkey, "text": "hello"})
    await bot.until("closed", reason="left")
    await bot.write(json.dumps({"do": "watch_room", "ref": ref}).encode() + b"\n")
    await host.write(b'{"do":"chat","text":"still there?"}\n')
    await bot.until("chat", text="still there?")
    await bot.write(b'{"do":"stop"}\n')
    assert await bot.end() == ExitStatus.DONE

    again = await headless("headless", "--relay", relay.url)
    assert (await again.until("ready"))["pubkey"] == pubkey, "the kept key is used"
    assert await again.end(signal.SIGTERM) == ExitStatus.DONE
    third = await headless("join", ref, "--relay", relay.url, "--account", pubkey)
    assert (await third.until("ready"))["pubkey"] == pubkey
    await third.until("joined")
    await third.end(signal.SIGTERM)
    await host.end(signal.SIGTERM)


async def test_an_account_that_is_not_there_has_the_status_of_keys(
    headless: Start, relay: RelayServer
) -> None:
    guest = await headless("join", "fri", "--relay", relay.url, "--account", "nobody")
    assert await guest.end() == ExitStatus.KEY
    assert "no such account" in await guest.complaint()


async def test_what_was_dropped_is_said(headless: Start, relay: RelayServer) -> None:
    host = await hosted(headless, relay)
    pubkey = (await host.until("ready"))["pubkey"]
    signer = LocalSigner(SecretKey.generate())
    tags = (("s", "fri"), ("h", pubkey), ("webrtc", "spaces"), ("d", "nonsense"))
    async with Pool((relay.url,)) as pool:
        for kind in (31101, 31106):
            await pool.publish(await signer.sign(Draft(kind, "{", tags, int(time.time()))))
    dropped = await host.until("dropped")
    assert dropped["cause"].startswith(("space: ", "lobby: "))
    assert dropped["count"] >= 1
    await host.end(signal.SIGTERM)
