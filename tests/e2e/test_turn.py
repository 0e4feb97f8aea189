"""The real command on two machines that reach a relay and a TURN server, but not each other."""

from typing import Any

import pytest

pytestmark = pytest.mark.timeout(90)

TONE = 440


@pytest.mark.needs("ip", "turnserver")
async def test_a_listener_whom_only_a_turn_server_reaches_hears(
    stage: Any, network: Any, turn_server: Any
) -> None:
    between, here, there = [await network.machine() for _ in range(3)]
    await here.isolate()
    await there.isolate()
    url = await turn_server(between)
    relay, _ = await stage.relay(between.address, between.within)
    host = await stage.node(
        "host", "host", "Tea", "--id", "tea", "--mic", f"tone:{TONE}",
        relays=(relay,), speaker="null", within=here.within,
    )  # fmt: skip
    await host.until("joined")
    # The listener's own server is enough: the host sends to the address that it lends.
    ann = await stage.node(
        "ann", "join", "tea", "--mic", "none", "--ice-server", f"{url}?transport=tcp",
        relays=(relay,), within=there.within,
    )  # fmt: skip
    await ann.until("joined")
    await stage.wait_until(
        lambda: stage.sound("ann").seconds_with(TONE, since=0) >= 2, "ann hears the tone", 40
    )
