import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tui.controller.controller import Controller
from tui.controller.intents import AnyIntent
from tui.controller.link import Outbox, QueueLink
from tui.controller.messages import Message, ViewChanged
from tui.controller.options import ControllerOptions
from tui.controller.view import View
from tui.relay.server import RelayServer


class Board:
    """Answers what a link server needs of a controller: it shows one view and keeps intents."""

    def __init__(self) -> None:
        self.view = View()
        self.outboxes: list[Outbox] = []
        self.intents: list[AnyIntent] = []
        self.on_intent: Callable[[AnyIntent], None] = lambda intent: None

    def attach(self) -> QueueLink:
        outbox = Outbox()
        outbox.put(self.view.snapshot())
        self.outboxes.append(outbox)
        return QueueLink(outbox, self._submit, self.outboxes.remove)

    def tell(self, message: Message) -> None:
        for outbox in self.outboxes:
            outbox.put(message)  # type: ignore[arg-type]

    def close(self) -> None:
        for outbox in self.outboxes:
            outbox.close()

    def _submit(self, intent: AnyIntent) -> None:
        self.intents.append(intent)
        self.on_intent(intent)


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture
def socket_path(tmp_path: Path) -> Path:
    directory = tmp_path / "r"
    directory.mkdir(mode=0o700)
    return directory / "controller.sock"


class Client:
    """A client of a controller in this process: its view, and all that it was told."""

    def __init__(self, controller: Controller, exits: AsyncExitStack) -> None:
        self.controller = controller
        self._exits = exits
        self.view = View()
        self.told: list[Any] = []
        self._link = controller.attach()

    def do(self, *asked: AnyIntent) -> None:
        for intent in asked:
            self.controller.submit(intent)

    async def end(self) -> None:
        """End its controller."""
        await self._exits.aclose()

    async def _read(self) -> None:
        message = await self._link.receive()
        if isinstance(message, ViewChanged):
            self.view.apply(message)
        else:
            self.told.append(message)

    async def hears(self, *kinds: type[Any], **fields: Any) -> Any:
        """The next message of one of these kinds with these fields; the ones before are gone."""
        async with asyncio.timeout(15):
            while True:
                while self.told:
                    message = self.told.pop(0)
                    if isinstance(message, kinds) and all(
                        getattr(message, name) == value for name, value in fields.items()
                    ):
                        return message
                await self._read()

    async def sees(self, holds: Callable[[View], Any]) -> Any:
        """What `holds` says of the view, once it is true."""
        async with asyncio.timeout(15):
            while not (found := holds(self.view)):
                await self._read()
        return found


@pytest.fixture
async def relay() -> AsyncIterator[RelayServer]:
    async with RelayServer() as relay:
        yield relay


@pytest.fixture
async def run(relay: RelayServer) -> AsyncIterator[Callable[..., Any]]:
    """Start controllers, which end with the test; returns a client."""
    async with AsyncExitStack() as exits:

        async def run(**changes: Any) -> Client:
            options: dict[str, Any] = {
                "profile": "test",
                "relays": (relay.url,),
                "name": "Ada",
                "microphone": "none",
                "speaker": "null",
                "max_outputs": 4,
                "ice_servers": (),
                "throwaway": True,
            }
            ending = await exits.enter_async_context(AsyncExitStack())
            controller = Controller(ControllerOptions(**(options | changes)))
            return Client(await ending.enter_async_context(controller), ending)

        yield run
        async with asyncio.timeout(20):
            await exits.aclose()
