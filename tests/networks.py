"""Networks of the test's own: machines on one switch, whose cables can be pulled (needs root)."""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator

import pytest

_numbers = itertools.count()


async def _ip(*arguments: str, may_fail: bool = False) -> None:
    process = await asyncio.create_subprocess_exec(
        "ip", *arguments, stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL
    )
    _, errors = await process.communicate()
    if process.returncode and not may_fail:
        raise OSError(f"ip {' '.join(arguments)}: {errors.decode().strip()}")


class Machine:
    """A network namespace with one cable to the switch; `within` runs a command there."""

    def __init__(self, switch: str, name: str, address: str) -> None:
        self.name = name
        self.address = address
        self.within = ("ip", "netns", "exec", name)
        self._switch = switch
        self._port = f"p{name}"

    async def start(self) -> None:
        await _ip("netns", "add", self.name)
        await _ip(
            *("-n", self._switch, "link", "add", self._port, "type", "veth"),
            *("peer", "name", "eth0", "netns", self.name),
        )
        await _ip("-n", self._switch, "link", "set", self._port, "master", "switch", "up")
        await _ip("-n", self.name, "address", "add", f"{self.address}/24", "dev", "eth0")
        await _ip("-n", self.name, "link", "set", "eth0", "up")
        await _ip("-n", self.name, "link", "set", "lo", "up")

    async def unplug(self) -> None:
        """Nothing reaches this machine any more, and nobody is told."""
        await _ip("-n", self._switch, "link", "set", self._port, "nomaster")

    async def isolate(self) -> None:
        """No other isolated machine reaches this one; those that are not isolated do."""
        await _ip("-n", self._switch, "link", "set", self._port, "type", "bridge_slave",
                  "isolated", "on")  # fmt: skip

    async def lose_sight_of(self, other: "Machine") -> None:
        """What is sent to the other machine goes nowhere; what it sends still arrives."""
        nowhere = ("lladdr", "02:00:00:00:00:99", "dev", "eth0", "nud", "permanent")
        await _ip("-n", self.name, "neighbor", "replace", other.address, *nowhere)

    async def plug_in(self) -> None:
        await _ip("-n", self._switch, "link", "set", self._port, "master", "switch")


class Network:
    """A switch and its machines."""

    def __init__(self) -> None:
        self._prefix = f"t{os.getpid()}n{next(_numbers)}"
        self._made: list[str] = []

    async def machine(self) -> Machine:
        """A new machine on the switch."""
        if not self._made:
            self._made.append(self._prefix)
            await _ip("netns", "add", self._prefix)
            await _ip(
                *("-n", self._prefix, "link", "add", "switch", "type", "bridge"),
                *("forward_delay", "0", "stp_state", "0"),
            )
            await _ip("-n", self._prefix, "link", "set", "switch", "up")
        number = len(self._made)
        machine = Machine(self._prefix, f"{self._prefix}m{number}", f"10.77.0.{number}")
        self._made.append(machine.name)
        await machine.start()
        return machine

    async def close(self) -> None:
        for name in reversed(self._made):
            await _ip("netns", "delete", name, may_fail=True)


@pytest.fixture
async def network() -> AsyncIterator[Network]:
    if os.geteuid() != 0:
        pytest.skip("only root makes networks")
    network = Network()
    try:
        await network.machine()
    except OSError as error:
        await network.close()
        pytest.skip(f"this kernel makes no networks: {error}")
    try:
        yield network
    finally:
        await network.close()
