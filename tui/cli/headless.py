"""`spaces host`, `spaces join` or nothing yet, without a screen: for scripts and bots.

The controller runs in this process. Every occurrence is printed as one JSON object a line, and
intents are read the same way. End of input means nothing; SIGTERM, SIGINT, or a reader of our
output that went away, make it leave the space properly.
"""

import asyncio
import signal
import time
from collections.abc import Callable

import msgspec

from tui.cli.arguments import Arguments
from tui.cli.start import controller_options, first_intent, set_up
from tui.cli.status import CommandFailed, ExitStatus
from tui.cli.stdio import LineWriter, read_in_thread
from tui.config.logs import log_to_stderr
from tui.controller.controller import Controller
from tui.controller.hosting import end_by_force_later, first_of, tune_for_media
from tui.controller.intents import AnyIntent, HostSpace, JoinSpace, LeaveSpace, Stop, intent_name
from tui.controller.lines import IntentLines
from tui.controller.link import Link, LinkClosed
from tui.controller.messages import (
    Failed,
    IntentRefused,
    Joined,
    Levels,
    Message,
    SpaceClosed,
    SpaceScheduled,
    ViewChanged,
)
from tui.controller.options import ControllerOptions

_STATUS_OF_CAUSE = {
    "relay": ExitStatus.RELAY,
    "unknown_space": ExitStatus.UNKNOWN_SPACE,
    "key": ExitStatus.KEY,
    "audio": ExitStatus.USAGE,
    "password": ExitStatus.REFUSED,
    "internal": ExitStatus.FAULT,
}


def run(arguments: Arguments) -> int:
    """Host or join until the space is left; raises `CommandFailed` where that never came about.

    The command `headless` enters nothing by itself, and goes on until it is told to stop.
    """
    entering = None
    if arguments.command != "headless":
        entering = first_intent(arguments, muted=False)  # who names a microphone wants to be heard
    options = controller_options(arguments, set_up(arguments), throwaway=entering is not None)
    log_to_stderr()
    return run_session(options, entering, Session(intent_name(entering) if entering else ""))


def run_session(
    options: ControllerOptions, entering: HostSpace | JoinSpace | None, session: "Session"
) -> int:
    """One controller, followed by `session` until its end; raises `CommandFailed`."""
    # A job in the background of a terminal has no input; without this it would be stopped.
    signal.signal(signal.SIGTTIN, signal.SIG_IGN)
    return asyncio.run(_run(options, entering, session))


async def _run(
    options: ControllerOptions, entering: HostSpace | JoinSpace | None, session: "Session"
) -> int:
    session.begin()
    try:
        async with asyncio.TaskGroup() as tasks, Controller(options) as controller:
            tasks.create_task(session.follow(controller.attach()))
            read_in_thread(0, session.reader(controller.submit))
            tune_for_media()
            if entering is not None:
                controller.submit(entering)
            await first_of(session.finished.wait(), session.stopping.wait(), controller.ended())
            end_by_force_later()
            # The controller's own end leaves as well, but then nobody would hear how that went.
            if session.stopping.is_set() and not session.finished.is_set():
                controller.submit(Stop())
                await first_of(session.finished.wait(), controller.ended())
    finally:
        await session.out.close()
        signal.alarm(0)
    return session.result()


class Session:
    """Follows one stay in one space from the controller's messages.

    `entering` is the intent that begins it; empty for one that no single space ends.
    """

    def __init__(self, entering: str) -> None:
        self._entering = entering
        self._submit: Callable[[AnyIntent], None] = lambda _intent: None
        self._joined = False
        self._status: int = ExitStatus.DONE
        self._failure: CommandFailed | None = None
        self.finished = asyncio.Event()
        self.stopping = asyncio.Event()

    def begin(self) -> None:
        """In the event loop: stop at the first SIGTERM or SIGINT; a second has its usual effect."""
        self.out = LineWriter(1, on_lost=_lost, on_broken=self._broken)
        loop = asyncio.get_running_loop()

        def stop() -> None:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)
            self.stopping.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop)

    def reader(self, submit: Callable[[AnyIntent], None]) -> Callable[[bytes], None]:
        """Takes the bytes of stdin and submits the intents in them."""
        lines = IntentLines()
        self._submit = submit

        def feed(data: bytes) -> None:
            for asked in lines.feed(data):
                if isinstance(asked, IntentRefused):
                    self._print(asked)
                elif isinstance(asked, LeaveSpace) and self._entering and not self._joined:
                    self.stopping.set()
                else:
                    submit(asked)

        return feed

    async def follow(self, link: Link) -> None:
        """Print what happens until the controller has ended."""
        while True:
            try:
                message = await link.receive()
            except LinkClosed:
                return
            if not isinstance(message, ViewChanged | Levels):
                self._print(message)
                self.note(message)

    def result(self) -> int:
        """The exit status; raises `CommandFailed` where the space was never entered."""
        if self._failure is not None:
            raise self._failure
        return self._status

    def note(self, message: Message) -> None:
        """Draw the consequences of what has happened."""
        if not self._entering:
            return
        match message:
            case Joined():
                self._joined = True
            case SpaceScheduled():
                self.finished.set()
            case SpaceClosed(reason=reason):
                if not self._joined and not self.stopping.is_set():
                    self.fail(ExitStatus.REFUSED, reason)
                self.finished.set()
            case IntentRefused(reason=reason, intent=self._entering) if not self._joined:
                self.fail(ExitStatus.REFUSED, reason)
            case Failed(message=reason, cause=cause) if cause in _STATUS_OF_CAUSE:
                if not self._joined or cause == "internal":
                    self.fail(_STATUS_OF_CAUSE[cause], reason)

    def fail(self, status: ExitStatus, reason: str, *, leaving: bool = False) -> None:
        """Nothing can come of it any more; `leaving` where the space is to be left first."""
        self._failure = self._failure or CommandFailed(status, reason)
        (self.stopping if leaving else self.finished).set()

    def _broken(self) -> None:
        self._status = ExitStatus.BROKEN_PIPE
        self.stopping.set()

    def _print(self, message: Message) -> None:
        self.out.put(_line(message))


def _line(message: Message) -> bytes:
    fields: dict[str, object] = msgspec.to_builtins(message)
    return msgspec.json.encode({"event": fields.pop("event"), "at": time.time(), **fields}) + b"\n"


def _lost(number: int) -> bytes:
    return _line(Failed(f"{number} lines were lost to slow reading", cause="slow_reader"))
