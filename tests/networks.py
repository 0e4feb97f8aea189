"""Networks of the test's own: machines on one switch, whose cables can be pulled (needs root)."""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

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


TURN_USER, TURN_PASSWORD, TURN_PORT = "ada", "tea-time", 3478


@pytest.fixture
async def turn_server(tmp_path: Path) -> AsyncIterator[Callable[[Machine], Awaitable[str]]]:
    """Starts coturn on a machine; returns its URL, without the transport."""
    processes: list[asyncio.subprocess.Process] = []

    async def start(machine: Machine) -> str:
        settings = tmp_path / "turnserver.conf"
        settings.write_text(
            f"listening-ip={machine.address}\nrelay-ip={machine.address}\n"
            f"listening-port={TURN_PORT}\nlt-cred-mech\nuser={TURN_USER}:{TURN_PASSWORD}\n"
            f"realm=test\nno-tls\nno-dtls\nno-cli\nlog-file=stdout\nsimple-log\n"
            f"pidfile={tmp_path}/turn.pid\nuserdb={tmp_path}/turn.db\n"
        )
        process = await asyncio.create_subprocess_exec(
            *(*machine.within, "turnserver", "-c", str(settings)),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        processes.append(process)
        listening = Path(f"/proc/{process.pid}/net/tcp")  # of its own network
        async with asyncio.timeout(15):
            while f":{TURN_PORT:04X} 00000000:0000 0A" not in listening.read_text():
                await asyncio.sleep(0.02)
        return f"turn:{TURN_USER}:{TURN_PASSWORD}@{machine.address}:{TURN_PORT}"

    yield start
    for process in processes:
        process.kill()
        await process.wait()
