"""A running demo, as the screens see it: two processes that end with it, and a way to attach."""

import shutil
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from tui.config.paths import SOCKET_NAME
from tui.controller.link import SocketLink
from tui.controller.options import ControllerOptions, encode_options
from tui.demo.lifeline import Child, DemoFailed

OUTPUTS = 8  # people that the user sends sound to at most


class Demo:
    """The world and the user's controller in it. Nothing runs before `start`.

    Device specs and name are the user's; the key is always a throw-away one. Use as a context
    manager, or call `close`: then both processes and their files are gone.
    """

    def __init__(
        self,
        people: int,
        seed: int,
        *,
        microphone: str = "default",
        speaker: str = "default",
        name: str = "",
    ) -> None:
        self._people = people
        self._seed = seed
        self._microphone = microphone
        self._speaker = speaker
        self._name = name
        self._folder: Path | None = None
        self._world: Child | None = None
        self._seat: Child | None = None
        self._seated = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def started(self) -> bool:
        """Whether `connect` leads anywhere."""
        return self._folder is not None

    @property
    def pids(self) -> list[int]:
        """The processes that belong to it."""
        return [child.pid for child in (self._world, self._seat) if child is not None]

    def start(self) -> None:
        """Begin, without waiting for anything; raises `DemoFailed`."""
        if self._folder is not None:
            return
        try:
            self._folder = Path(tempfile.mkdtemp(prefix="spaces-demo-"))
        except OSError as error:
            raise DemoFailed(f"no room for temporary files: {error.strerror}") from None
        people, seed = f"--people={self._people}", f"--seed={self._seed}"
        self._world = Child("world", people, seed, f"--folder={self._folder}")
        self._seat = Child("seat", str(self._socket))

    async def ready(self) -> None:
        """Return once the user's controller can be attached to; raises `DemoFailed`."""
        if self._world is None or self._seat is None:
            raise DemoFailed("the demo was not started")
        relay = (await self._world.ready())["relay"]
        if not self._seated:
            self._seated = True
            self._seat.tell(encode_options(self._options(relay)))
        await self._seat.ready()

    async def connect(self) -> SocketLink:
        """A link to the user's controller; raises `DemoFailed` or `OSError`."""
        await self.ready()
        return await SocketLink.connect(self._socket)

    def close(self) -> None:
        """End everything, the user's controller first: it says goodbye to the others."""
        for child in (self._seat, self._world):
            if child is not None:
                child.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._folder = self._world = self._seat = None
        self._seated = False

    @property
    def _socket(self) -> Path:
        assert self._folder is not None
        return self._folder / SOCKET_NAME

    def _options(self, relay: str) -> ControllerOptions:
        return ControllerOptions(
            profile="demo",
            relays=(relay,),
            name=self._name,
            microphone=self._microphone,
            speaker=self._speaker,
            max_outputs=OUTPUTS,
            ice_servers=(),
            throwaway=True,
        )
