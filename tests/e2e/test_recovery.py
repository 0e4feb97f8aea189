"""What dies, and what comes back by itself: processes of the real command, and real networks."""

import os
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(120)

TONE = 440


async def hears(stage: Any, name: str, hertz: int = TONE, *, since: float | None = None) -> None:
    """Wait for two more seconds of this tone."""
    begin = stage.sound(name).seconds if since is None else since
    await stage.wait_until(
        lambda: stage.sound(name).seconds_with(hertz, since=begin) >= 2,
        f"{name} hears {hertz} Hz",
        40,
    )


async def kill(node: Any) -> None:
    node.process.kill()
    await node.process.wait()


async def hosting(stage: Any, relay: str, *, outputs: int, **where: Any) -> Any:
    host = await stage.node(
        "host", "host", "Tea", "--id", "tea", "--mic", f"tone:{TONE}",
        "--max-outputs", str(outputs), relays=(relay,), speaker="null", **where,
    )  # fmt: skip
    await host.until("joined")
    return host


async def listener(stage: Any, name: str, relay: str, **where: Any) -> Any:
    node = await stage.node(
        name, "join", "tea", "--mic", "none", "--max-outputs", "2", relays=(relay,), **where
    )
    await node.until("joined")
    return node


async def test_listeners_below_a_killed_listener_hear_on(stage: Any) -> None:
    """The host sends to one only, so that the others hang below that one, and below each other."""
    relay, _ = await stage.relay()
    host = await hosting(stage, relay, outputs=1)
    names = ["ann", "bob", "cat", "dan"]
    nodes = {}
    for name in names:
        nodes[name] = await listener(stage, name, relay)
        await hears(stage, name)
    connected = [e["peer"] for e in host.events if e["event"] == "connection"]
    whose = {await node.pubkey(): name for name, node in nodes.items()}
    parent = whose[connected[0]]
    await kill(nodes.pop(parent))
    killed = {name: stage.sound(name).seconds for name in nodes}
    for name, since in killed.items():
        await hears(stage, name, since=since + 1)
    for name, since in killed.items():
        assert stage.sound(name).longest_hole(TONE, since=since - 1) < 10


async def test_a_killed_speaker_returns_to_the_stage(stage: Any, tmp_path: Any) -> None:
    relay, _ = await stage.relay()
    host = await hosting(stage, relay, outputs=4)
    ann = await listener(stage, "ann", relay)
    secret = {**os.environ, "SPACES_SECRET_KEY": f"{7:064x}"}
    speak = ("join", "tea", "--mic", "tone:1000")
    speaker = await stage.node("dan", *speak, relays=(relay,), speaker="null", environment=secret)
    his = await speaker.pubkey()
    await speaker.until("joined")
    await speaker.until("connection", state="connected")
    await speaker.do("request_speech")
    await host.until("speech_request", pubkey=his)
    await host.do("promote_speaker", pubkey=his)
    await ann.until("audio", **{"from": his, "state": "started"})
    await hears(stage, "ann", 1000)

    await kill(speaker)
    await ann.until("audio", **{"from": his, "state": "stopped"})
    gone = stage.sound("ann").seconds
    again = await stage.node("again", *speak, relays=(relay,), speaker="null", environment=secret)
    await again.until("joined")
    await hears(stage, "ann", 1000, since=gone)
    roles = [e for e in host.events if e["event"] == "role" and e["pubkey"] == his]
    assert len(roles) == 1, "nobody had to promote again"


async def test_guests_of_a_killed_host_hear_the_host_again(stage: Any) -> None:
    relay, _ = await stage.relay()
    secret = {**os.environ, "SPACES_SECRET_KEY": f"{8:064x}"}
    host = await hosting(stage, relay, outputs=1, environment=secret)
    for name in ("ann", "bob"):
        await listener(stage, name, relay)
        await hears(stage, name)
    await kill(host)
    died = {name: stage.sound(name).seconds for name in ("ann", "bob")}
    await hosting(stage, relay, outputs=1, environment=secret)
    for name, since in died.items():
        await hears(stage, name, since=since)


async def test_sound_goes_on_while_no_relay_does(stage: Any) -> None:
    relay, server = await stage.relay()
    host = await hosting(stage, relay, outputs=4)
    await listener(stage, "ann", relay)
    await hears(stage, "ann")
    server.kill()
    await server.wait()
    dead = stage.sound("ann").seconds
    await stage.wait_until(lambda: stage.sound("ann").seconds > dead + 5, "time goes on", 30)
    assert stage.sound("ann").longest_hole(TONE, since=dead) < 0.5
    assert host.process.returncode is None


@pytest.mark.needs("ip")
async def test_a_cut_of_ten_seconds_heals(stage: Any, network: Any) -> None:
    """The listener's cable is pulled: neither relay nor host is told."""
    here, there = await network.machine(), await network.machine()
    relay, _ = await stage.relay(here.address, here.within)
    host = await hosting(stage, relay, outputs=4, within=here.within)
    ann = await listener(stage, "ann", relay, within=there.within)
    await hears(stage, "ann")
    hers = await ann.pubkey()

    await there.unplug()
    cut = stage.sound("ann").seconds
    await stage.wait_until(lambda: stage.sound("ann").seconds > cut + 10, "ten seconds", 40)
    assert stage.sound("ann").seconds_with(TONE, since=cut + 2) == 0
    mended = stage.sound("ann").seconds
    await there.plug_in()
    await hears(stage, "ann", since=mended)
    await ann.do("request_speech")
    await host.until("speech_request", pubkey=hers)
