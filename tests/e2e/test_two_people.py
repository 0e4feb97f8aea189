import asyncio
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(120)


async def test_two_people_hear_each_other(stage: Any) -> None:
    relay, _ = await stage.relay()
    host = await stage.node(
        "host", "host", "First sound", "--id", "here", "--mic", "tone:440", relays=(relay,)
    )
    space = await host.until("space")
    assert space["id"] == "here"
    assert space["ref"] == f"{await host.pubkey()}:here"
    await host.until("joined")

    guest = await stage.node("guest", "join", "here", "--mic", "tone:1000", relays=(relay,))
    her, his = await guest.pubkey(), await host.pubkey()
    await guest.until("joined")
    await host.until("participant", pubkey=her, name="guest", role="listener", present=True)
    await guest.until("participant", pubkey=his, name="host", role="host", present=True)
    await guest.until("connection", peer=his, state="connected")
    await guest.until("audio", **{"from": his, "state": "started"})
    await stage.wait_until(
        lambda: stage.sound("guest").seconds_of(440) >= 2, "the host's tone at the guest"
    )
    assert stage.sound("host").seconds_of(1000) == 0, "a listener is not heard"

    await guest.do("request_speech")
    await host.until("speech_request", pubkey=her)
    await host.do("promote_speaker", pubkey=her)
    await guest.until("participant", pubkey=her, role="speaker")
    await host.until("audio", **{"from": her, "state": "started"})
    await stage.wait_until(
        lambda: stage.sound("host").seconds_of(1000) >= 2, "the guest's tone at the host"
    )

    await host.do("demote", pubkey=her)
    await guest.until("participant", pubkey=her, role="listener", after=len(guest.events))
    demoted = stage.sound("host").seconds
    await host.until("audio", **{"from": her, "state": "stopped"})
    await stage.wait_until(
        lambda: stage.sound("host").seconds > demoted + 2.5, "two seconds after the demotion"
    )
    assert stage.sound("host").seconds_of(1000, since=demoted + 1) == 0, "silent within a second"

    heard = stage.sound("guest").seconds
    await stage.wait_until(
        lambda: stage.sound("guest").seconds_of(440, since=heard) >= 1,
        "who left the stage goes on hearing",
    )
    await guest.do("leave")
    await guest.until("closed", reason="left")
    assert await asyncio.wait_for(guest.process.wait(), 20) == 0
    await host.until("participant", pubkey=her, present=False)


async def test_close_ends_it_for_everybody(stage: Any) -> None:
    relay, _ = await stage.relay()
    host = await stage.node("host", "host", "Short", "--mic", "none", relays=(relay,))
    ref = (await host.until("space"))["ref"]
    await host.until("joined")
    guest = await stage.node("guest", "join", ref, "--mic", "none", relays=(relay,))
    await guest.until("connection", state="connected")
    await host.do("close")
    await guest.until("closed", reason="closed by host")
    assert await asyncio.wait_for(guest.process.wait(), 20) == 0
    assert await asyncio.wait_for(host.process.wait(), 20) == 0


async def test_sigterm_leaves_properly(stage: Any) -> None:
    relay, _ = await stage.relay()
    options = ("--id", "long", "--mic", "none")
    host = await stage.node("host", "host", "Long", *options, relays=(relay,))
    await host.until("joined")
    guest = await stage.node("guest", "join", "long", "--mic", "none", relays=(relay,))
    her = await guest.pubkey()
    await host.until("participant", pubkey=her, present=True)
    assert await guest.stop() == 0
    assert guest.events[-1]["event"] == "closed"
    await host.until("participant", pubkey=her, present=False)


async def test_a_speaker_forwards_another_speaker(stage: Any) -> None:
    """The host has one output, so the second listener hears the host through the speaker."""
    relay, _ = await stage.relay()
    host = await stage.node(
        "host", "host", "Two", "--id", "two", "--mic", "tone:440", "--max-outputs", "1",
        relays=(relay,),
    )  # fmt: skip
    await host.until("joined")
    speaker = await stage.node(
        "speaker", "join", "two", "--mic", "tone:1000", "--max-outputs", "2", relays=(relay,)
    )
    hers = await speaker.pubkey()
    await speaker.until("joined")
    await speaker.until("connection", state="connected")
    await speaker.do("request_speech")
    await host.until("speech_request", pubkey=hers)
    await host.do("promote_speaker", pubkey=hers)
    await host.until("audio", **{"from": hers, "state": "started"})
    names = ("ann", "bob")
    listeners = [
        await stage.node(name, "join", "two", "--mic", "none", relays=(relay,)) for name in names
    ]
    for listener, name in zip(listeners, names, strict=True):
        await listener.until("audio", **{"from": hers, "state": "started"})
        await listener.until("audio", **{"from": await host.pubkey(), "state": "started"})
        await stage.wait_until(
            lambda name=name: stage.sound(name).seconds > 3, f"{name} has listened for a while"
        )
    parents = {
        event["peer"]
        for listener in listeners
        for event in listener.events
        if event["event"] == "connection" and event["state"] == "connected"
    }
    assert hers in parents, "one of the two listens to the speaker"


async def test_the_space_outlives_one_of_three_relays(stage: Any) -> None:
    relays = [await stage.relay() for _ in range(3)]
    urls = tuple(url for url, _ in relays)
    host = await stage.node(
        "host", "host", "Three", "--id", "three", "--mic", "tone:440", relays=urls
    )
    await host.until("joined")
    guest = await stage.node("guest", "join", "three", "--mic", "tone:1000", relays=urls)
    her, his = await guest.pubkey(), await host.pubkey()
    await guest.until("audio", **{"from": his, "state": "started"})
    await stage.wait_until(lambda: stage.sound("guest").seconds_of(440) >= 1, "sound before")

    relays[0][1].kill()
    await relays[0][1].wait()
    dead = stage.sound("guest").seconds
    await guest.do("request_speech")
    await host.until("speech_request", pubkey=her)
    await host.do("promote_speaker", pubkey=her)
    await host.until("audio", **{"from": her, "state": "started"})
    await stage.wait_until(
        lambda: stage.sound("guest").seconds_of(440, since=dead) >= 2, "sound goes on"
    )
    await stage.wait_until(
        lambda: stage.sound("host").seconds_of(1000) >= 2, "the promotion took effect"
    )


async def test_turning_back_on_the_way_in_is_said(stage: Any) -> None:
    """No relay answers there, so the space is still being looked for when SIGTERM comes."""
    guest = await stage.node("guest", "join", "nowhere", relays=("ws://127.0.0.1:1",))
    await guest.until("ready")
    assert await guest.stop() == 0
    assert guest.events[-1]["event"] == "closed"
