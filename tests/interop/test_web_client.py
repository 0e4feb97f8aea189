"""An ordinary web client of the draft, written on nostr-tools, in a space of ours."""

import asyncio
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.needs("chromium", "npm"), pytest.mark.timeout(180)]

WEB = Path(__file__).parent / "web"


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page, with nostr-tools beside it."""
    folder = tmp_path_factory.mktemp("site")
    subprocess.run(
        ["npm", "install", "--silent", "--no-save", "--no-audit", "--no-fund", "nostr-tools@2"],
        cwd=folder,
        check=True,
        timeout=150,
    )
    bundle = folder / "node_modules" / "nostr-tools" / "lib" / "nostr.bundle.js"
    for file in (bundle, WEB / "client.html", WEB / "client.js"):
        shutil.copy(file, folder)
    return folder


async def heard(page: Any, hertz: float) -> bool:
    return any(abs(found - hertz) < 25 for found in await page.run("client.heard()"))


async def until_heard(page: Any, hertz: float) -> None:
    try:
        async with asyncio.timeout(20):
            while not await heard(page, hertz):
                await asyncio.sleep(0.05)
    except TimeoutError:
        log = await page.run("client.log")
        raise AssertionError(f"the page does not hear {hertz} Hz:\n" + "\n".join(log)) from None


async def until_page(page: Any, script: str) -> None:
    """Wait until this is true in the page."""
    try:
        async with asyncio.timeout(20):
            while not await page.run(script):
                await asyncio.sleep(0.05)
    except TimeoutError:
        log = await page.run("client.log")
        raise AssertionError(f"not in the page: {script}\n" + "\n".join(log)) from None


async def test_a_web_client_hears_and_is_heard(stage: Any, chromium: Any, site: Path) -> None:
    relay, _ = await stage.relay()
    host = await stage.node(
        "host", "host", "Web", "--id", "web", "--mic", "tone:440", relays=(relay,)
    )
    his = await host.pubkey()
    await host.until("joined")
    page = await chromium.open((site / "client.html").as_uri())
    await page.run(f'globalThis.client = new Client("{relay}", "{his}", "web")')
    hers = await page.run('await client.join("Wendy Web")')

    await host.until("participant", pubkey=hers, name="Wendy Web", role="listener")
    await host.until("connection", peer=hers, state="connected")
    await until_heard(page, 440)

    await page.run("await client.requestSpeech()")
    await host.until("speech_request", pubkey=hers)
    await host.do("promote_speaker", pubkey=hers)
    await host.until("participant", pubkey=hers, role="speaker")
    await host.until("audio", **{"from": hers, "state": "started"})
    await stage.wait_until(
        lambda: stage.sound("host").seconds_of(660) >= 2, "the page's tone at the host"
    )
    await until_heard(page, 440)

    listener = await stage.node("ann", "join", "web", "--mic", "none", relays=(relay,))
    await listener.until("audio", **{"from": hers, "state": "started"})
    await listener.until("audio", **{"from": his, "state": "started"})

    await host.do("demote", pubkey=hers)
    await host.until("audio", **{"from": hers, "state": "stopped"})
    await listener.until("audio", **{"from": hers, "state": "stopped"})
    demoted = stage.sound("host").seconds
    await stage.wait_until(lambda: stage.sound("host").seconds > demoted + 2, "time goes on")
    assert stage.sound("host").seconds_of(660, since=demoted + 0.5) == 0


async def test_a_web_client_hears_the_whole_stage_from_a_listener(
    stage: Any, chromium: Any, site: Path
) -> None:
    relay, _ = await stage.relay()
    host = await stage.node(
        "host", "host", "Web", "--id", "web", "--mic", "tone:440", relays=(relay,)
    )
    his = await host.pubkey()
    await host.until("joined")
    bob = await stage.node("bob", "join", f"{his}:web", "--mic", "tone:880", relays=(relay,))
    bobs = await bob.pubkey()
    await host.until("participant", pubkey=bobs)
    await host.do("promote_speaker", pubkey=bobs)
    await host.until("audio", **{"from": bobs, "state": "started"})
    ann = await stage.node("ann", "join", f"{his}:web", "--mic", "none", relays=(relay,))
    anns = await ann.pubkey()
    for speaker in (his, bobs):
        await ann.until("audio", **{"from": speaker, "state": "started"})

    page = await chromium.open((site / "client.html").as_uri())
    await page.run(f'globalThis.client = new Client("{relay}", "{his}", "web")')
    await page.run(f'client.parent = "{anns}"')
    hers = await page.run('await client.join("Wendy Web")')
    await ann.until("connection", peer=hers, state="connected")
    for hertz in (440, 880):
        await until_heard(page, hertz)
    assert await page.run("[...client.connections.keys()]") == [anns]


async def test_a_web_client_moderates_as_cohost_and_is_put_out(
    stage: Any, chromium: Any, site: Path
) -> None:
    relay, _ = await stage.relay()
    host = await stage.node(
        "host", "host", "Web", "--id", "web", "--mic", "tone:440", relays=(relay,)
    )
    his = await host.pubkey()
    await host.until("joined")
    join = ("join", f"{his}:web", "--mic", "none")
    ann, bob = [await stage.node(name, *join, relays=(relay,)) for name in ("ann", "bob")]
    anns, bobs = await ann.pubkey(), await bob.pubkey()
    for node in (ann, bob):
        await node.until("joined")
    page = await chromium.open((site / "client.html").as_uri())
    await page.run(f'globalThis.client = new Client("{relay}", "{his}", "web")')
    hers = await page.run('await client.join("Wendy Web")')
    await host.until("participant", pubkey=hers, name="Wendy Web")
    # This simple client keeps one handshake a peer: it may not be promoted in the middle of it.
    await until_heard(page, 440)

    await host.do("promote_cohost", pubkey=hers)
    for node in (host, ann, bob):
        await node.until("role", pubkey=hers, role="cohost", by=his)
    await until_page(page, 'client.role === "cohost"')
    await stage.wait_until(lambda: stage.sound("host").seconds_of(660) >= 1, "the page is heard")
    await page.run(f'await client.promote("{anns}")')
    for node in (host, ann, bob):
        await node.until("role", pubkey=anns, role="speaker", by=hers)
    await page.run(f'await client.demote("{anns}")')
    for node in (host, ann, bob):
        await node.until("role", pubkey=anns, role="listener", by=hers)
    await page.run(f'await client.remove("{bobs}", "too loud")')
    for node in (host, ann):
        await node.until("removed", pubkey=bobs, by=hers, reason="too loud")
    assert "too loud" in (await bob.until("closed"))["reason"]

    # Off the stage, what it does from then on does not count any more.
    await host.do("demote", pubkey=hers)
    for node in (host, ann):
        await node.until("role", pubkey=hers, role="listener", by=his)
    await until_heard(page, 440)
    before = len(ann.events)
    await page.run(f'client.ahead = 10; await client.promote("{anns}")')
    await host.do("remove", pubkey=hers, reason="bye")
    for node in (host, ann):
        await node.until("removed", pubkey=hers, by=his, reason="bye")
    assert not [one for one in ann.events[before:] if one["event"] == "role"]
    await until_page(page, 'client.ended === "removed: bye"')
    await page.run('await client.join("somebody else")')
    await until_page(page, "client.log.filter((line) => line.startsWith('31105')).length > 0")
    assert await page.run("client.connections.size") == 0


async def test_a_web_client_hosts_ours(stage: Any, chromium: Any, site: Path) -> None:
    relay, _ = await stage.relay()
    page = await chromium.open((site / "client.html").as_uri())
    await page.run(f'globalThis.client = new Client("{relay}", null, "web")')
    his = await page.run('await client.create("On the web")')
    ann = await stage.node("ann", "join", "web", "--mic", "tone:880", relays=(relay,))
    anns = await ann.pubkey()
    assert (await ann.until("space"))["name"] == "On the web"
    await ann.until("connection", peer=his, state="connected")
    await stage.wait_until(lambda: stage.sound("ann").seconds_of(660) >= 1, "ann hears the page")
    await ann.do("request_speech")
    await until_page(page, f'client.hands.includes("{anns}")')
    await page.run(f'await client.promote("{anns}")')
    await ann.until("role", pubkey=anns, role="speaker", by=his)
    await until_heard(page, 880)
    await page.run('await client.say(1001, "", [])')
    assert (await ann.until("closed"))["reason"] == "closed by host"
