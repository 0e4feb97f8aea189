"""`spaces record-audio`: record a space, as a listener without a microphone.

Prints JSON lines and reads intents like every headless command; the files are finished when the
space ends, when the time is over, or by SIGTERM.
"""

import asyncio
from pathlib import Path

from tui.cli.arguments import Arguments
from tui.cli.headless import Session, run_session
from tui.cli.passwords import password_of
from tui.cli.start import controller_options, set_up
from tui.cli.status import ExitStatus
from tui.config.logs import log_to_stderr
from tui.controller.intents import JoinSpace, Record, intent_name
from tui.controller.messages import IntentRefused, Joined, Message, RecordingChanged


def run(arguments: Arguments) -> int:
    """Record until the end; raises `CommandFailed`."""
    arguments.flags = {"microphone": "none", "speaker": "null", **arguments.flags}
    entering = JoinSpace(ref=arguments.ref.strip(), password=password_of(arguments))
    options = controller_options(arguments, set_up(arguments), throwaway=True)
    log_to_stderr()
    folder = Path(arguments.out).expanduser().absolute()
    record = Record(str(folder), arguments.separate)
    return run_session(options, entering, _Recorder(entering, record, arguments.seconds))


class _Recorder(Session):
    """Records as soon as it has joined; after `seconds` of it, unless 0, it leaves."""

    def __init__(self, entering: JoinSpace, record: Record, seconds: float) -> None:
        super().__init__(intent_name(entering))
        self._record = record
        self._seconds = seconds

    def note(self, message: Message) -> None:
        """See `Session`."""
        match message:
            case Joined():
                self._submit(self._record)
            case RecordingChanged(state="started", folder=folder) if folder and self._seconds:
                asyncio.get_running_loop().call_later(self._seconds, self.stopping.set)
            case RecordingChanged(state="failed", reason=reason):
                self.fail(ExitStatus.RECORDING, reason, leaving=True)
            case IntentRefused(reason=reason, intent=intent) if intent == intent_name(self._record):
                self.fail(ExitStatus.RECORDING, reason, leaving=True)
        super().note(message)
