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
