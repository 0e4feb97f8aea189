"""How a command ends: the exit statuses, stable for scripts."""

from enum import IntEnum


class ExitStatus(IntEnum):
    """Exit statuses of `spaces`; `MEANINGS` says what they tell."""

    DONE = 0
    FAULT = 1
    USAGE = 2
    RELAY = 3
    UNKNOWN_SPACE = 4
    KEY = 5
    NO_CONTROLLER = 6
    REFUSED = 7
    LISTEN = 8
    CONTROLLER = 9
    TERMINAL = 10
    RECORDING = 11
    INTERRUPTED = 130
    BROKEN_PIPE = 141


MEANINGS = {
    ExitStatus.DONE: "done; a space was left or closed as asked, or its host closed it",
    ExitStatus.FAULT: "a fault of the program",
    ExitStatus.USAGE: "bad arguments or settings",
    ExitStatus.RELAY: "no relay can be reached",
    ExitStatus.UNKNOWN_SPACE: "no such space, or several with that id",
    ExitStatus.KEY: "the key cannot be used",
    ExitStatus.NO_CONTROLLER: "no controller is running",
    ExitStatus.REFUSED: "the space could not be hosted or entered",
    ExitStatus.LISTEN: "cannot listen, or cannot open the store",
    ExitStatus.CONTROLLER: "the controller does not start or end, or runs with other options",
    ExitStatus.TERMINAL: "the terminal cannot show screens",
    ExitStatus.RECORDING: "the recording could not begin, or had to end",
    ExitStatus.INTERRUPTED: "interrupted",
    ExitStatus.BROKEN_PIPE: "nobody reads the output any more",
}


class CommandFailed(Exception):
    """Ends a command with one line on stderr."""

    def __init__(self, status: ExitStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status
