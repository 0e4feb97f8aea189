"""The command line. Imports nothing of the program but its exit statuses."""

import argparse
import re
import time
from collections.abc import Callable, Sequence
from typing import NoReturn

from tui.cli.status import MEANINGS, ExitStatus

DEMO_PEOPLE = 8
DEMO_SEED = 1

_EPILOG = "exit status:\n" + "\n".join(f"  {status:<4} {text}" for status, text in MEANINGS.items())
_ENVIRONMENT = """

environment:
  SPACES_SECRET_KEY   the secret key (nsec or hex), used where no --key-file is given
  SPACES_KEY_PASSWORD the password of an encrypted key (ncryptsec), asked for otherwise
  SPACES_<SETTING>    any setting, e.g. SPACES_RELAYS, SPACES_NAME, SPACES_MICROPHONE

A headless process prints one JSON object a line and reads intents the same way;
see the README.
"""

# Flag, setting, placeholder, help. The settings' own descriptions stand in tui.config.schema,
# which takes too long to load before the command is known.
_SETTINGS = (
    ("--mic", "microphone", "SPEC", "microphone: default, a device, tone:HZ, file:PATH or none"),
    ("--speaker", "speaker", "SPEC", "speaker: default, a device, file:PATH or null"),
    ("--key-file", "key_file", "PATH", "file with the key (mode 0600; nsec, ncryptsec or hex)"),
    ("--account", "account", "NAME", "kept key to sign with: its label or public key"),
    ("--name", "name", "NAME", "the name that others see"),
    ("--max-outputs", "max_outputs", "N", "people to send sound to at most"),
)
_LISTS = (
    ("--relay", "relays", "URL", "relay to meet on, in place of the settings' (repeatable)"),
    ("--ice-server", "ice_servers", "URL", "STUN or TURN server (repeatable)"),
)
_BEFORE = "before_"  # lists given before the command are kept apart, or argparse would drop them


class Arguments(argparse.Namespace):
    """What was asked for. `flags` holds the settings that were given, by their names."""

    command: str | None
    profile: str | None
    flags: dict[str, object]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        message = re.sub(r"(nsec1|ncryptsec1|bunker://)\S+", r"\1...", message)  # typed by mistake
        self.exit(ExitStatus.USAGE, f"{self.prog}: {message} (see {self.prog} --help)\n")


def parse(argv: Sequence[str] | None = None) -> Arguments:
    """Read a command line; bad ones end the process with status 2 and one line on stderr."""
    arguments = _parser().parse_args(argv, Arguments())
    arguments.flags = {
        field: getattr(arguments, field)
        for _, field, _, _ in _SETTINGS
        if getattr(arguments, field, None) is not None
    }
    for _, field, _, _ in _LISTS:
        given = [*getattr(arguments, _BEFORE + field, ()), *getattr(arguments, field, ())]
        if given:
            arguments.flags[field] = tuple(given)
    arguments.profile = getattr(arguments, "profile", None)
    return arguments


def _parser() -> argparse.ArgumentParser:
    top = _Parser(
        prog="spaces",
        description="Live audio spaces over Nostr, in a terminal. Without a command: the screens.",
        epilog=_EPILOG + _ENVIRONMENT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"spaces {_version()}")
    _add_common(top, _BEFORE)
    commands = top.add_subparsers(dest="command", metavar="COMMAND", title="commands")

    def add(name: str, text: str, *, common: bool = True) -> argparse.ArgumentParser:
        parser = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
        if common:
            _add_common(parser)
        return parser

    demo = add("demo", "try it out: simulated people, no key, network or sound card needed")
    demo.add_argument(
        "--people", type=_count(1, 64), default=DEMO_PEOPLE, metavar="N", help="how many"
    )
    demo.add_argument(
        "--seed", type=int, default=DEMO_SEED, metavar="N", help="another script, another N"
    )

    host = add("host", "create a space and enter it as its host, or take up one of yours again")
    _add_host(host)
    join = add("join", "enter a space")
    join.add_argument(
        "ref", metavar="REF", help="nevent, naddr, HOST_PUBKEY:ID, or an id only one space has"
    )
    record = add("record-audio", "record a space as a listener whom everybody sees record")
    record.add_argument("ref", metavar="REF", help="as for join")
    record.add_argument(
        "--out", default=".", metavar="FOLDER",
        help="where the recording's own folder is made (default: here)",
    )  # fmt: skip
    record.add_argument(
        "--separate", action="store_true", help="each voice in a file of its own, as it arrived"
    )
    record.add_argument(
        "--for", dest="seconds", type=_duration, default=0.0, metavar="DURATION",
        help="leave after so long: 90s, 45m or 1h30m (default: at the end of the space)",
    )  # fmt: skip
    for parser in (host, join, record):
        parser.add_argument(
            "--password-file", default="", metavar="PATH",
            help="file with the space's password (mode 0600); - asks for it",
        )  # fmt: skip
    for parser in (host, join):
        parser.add_argument(
            "--headless", action="store_true", help="no screen: JSON lines on stdout and stdin"
        )
    add("headless", "enter nothing by itself: JSON lines on stdout and stdin")

    listing = add("list", "show the live and scheduled spaces")
    listing.add_argument(
        "query", nargs="*", metavar="FILTER", help="words, #TOPIC, lang:LANGUAGE or host:NAME"
    )
    _add_json(listing)
    journal = add("journal", "show who moderated the present space, how and why")
    journal.add_argument(
        "--export", default="", metavar="PATH", help="write the signed events into a new file"
    )
    _add_json(journal)
    relay = add("relay", "run a relay", common=False)
    relay.add_argument(
        "--listen", type=_address, default=("127.0.0.1", 7447), metavar="HOST:PORT",
        help="address to listen on (default 127.0.0.1:7447; port 0 takes a free one)",
    )  # fmt: skip
    relay.add_argument("--store", metavar="PATH", help="database file (default: in memory)")
    _add_account(add("account", "keep keys here, and connect remote signers", common=False))
    _add_json(add("status", "say what the controller is doing"))
    add("stop", "leave the space and end the controller")
    add("doctor", "examine terminal, sound and relays; safe to paste")
    return top


def _add_host(host: argparse.ArgumentParser) -> None:
    host.add_argument("space_name", metavar="NAME", help="what the space is called")
    host.add_argument(
        "--id", default="", metavar="ID", help="its id: random, or that of a space of yours"
    )
    host.add_argument("--summary", default="", metavar="TEXT", help="what it is about")
    host.add_argument(
        "--access", choices=("open", "invite", "password"), metavar="WHO",
        help="who may come in: open (everybody, the default), invite or password",
    )  # fmt: skip
    host.add_argument(
        "--topic", action="append", default=[], dest="topics", metavar="WORD",
        help="a topic by which it is found (repeatable)",
    )  # fmt: skip
    host.add_argument("--language", default="", metavar="CODE", help="its language, like en or pt")
    host.add_argument(
        "--starts", type=_time, default=0, metavar="TIME",
        help="only announce it for then: 2030-05-01T20:00, local time unless it names a zone",
    )  # fmt: skip


def _add_account(account: argparse.ArgumentParser) -> None:
    actions = account.add_subparsers(dest="action", required=True, metavar="ACTION")

    def add(name: str, text: str) -> argparse.ArgumentParser:
        parser = actions.add_parser(name, help=text, description=text, allow_abbrev=False)
        parser.add_argument(
            "--profile", metavar="NAME", default=argparse.SUPPRESS, help="profile that uses the key"
        )
        return parser

    def add_which(parser: argparse.ArgumentParser, nargs: str | None = None) -> None:
        text = "its label, or its public key or the beginning of that"
        parser.add_argument("which", nargs=nargs, default="", metavar="ACCOUNT", help=text)

    _add_json(add("list", "show what is kept; a star marks the key that this profile uses"))
    new = add("add", "keep a key: an nsec, ncryptsec, hex or words, typed or on stdin")
    new.add_argument("--new", action="store_true", help="make a key, with twelve words")
    add_which(add("use", "sign with this key from the next start"))
    forget = add("forget", "delete a key from this machine")
    add_which(forget)
    forget.add_argument("--yes", action="store_true", help="do not ask")
    backup = add("backup", "show the words of a key, or the key encrypted with a password")
    add_which(backup, "?")
    connect = add("connect", "connect a remote signer: its bunker:// address is typed or on stdin")
    connect.add_argument(
        "--relay", dest="relays", action="append", metavar="URL", default=argparse.SUPPRESS,
        help="relay to meet it on, if it is to scan an address of ours",
    )  # fmt: skip
    for parser in (new, connect):
        parser.add_argument("--label", default="", metavar="TEXT", help="what to call it")
        parser.add_argument(
            "--store", choices=("keyring", "encrypted", "insecure-plaintext"), default="keyring",
            help="where the secret is kept: the desktop's keyring (default), or a file",
        )  # fmt: skip
        parser.add_argument(
            "--insecure-plaintext", dest="store", action="store_const", const="insecure-plaintext",
            help="the same as --store insecure-plaintext",
        )  # fmt: skip


def _add_common(parser: argparse.ArgumentParser, before: str = "") -> None:
    """Options that may stand before or after the command; the latter win, lists add up."""
    group = parser.add_argument_group("common options")
    absent = argparse.SUPPRESS
    for flag, field, placeholder, text in _LISTS:
        group.add_argument(
            flag, dest=before + field, action="append", metavar=placeholder, help=text,
            default=absent,
        )  # fmt: skip
    for flag, field, placeholder, text in _SETTINGS:
        group.add_argument(flag, dest=field, metavar=placeholder, help=text, default=absent)
    group.add_argument(
        "--profile", metavar="NAME", default=absent, help="settings, logs and controller to use"
    )


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="JSON lines instead of text")


def _count(least: int, most: int) -> Callable[[str], int]:
    def count(text: str) -> int:
        number = int(text)
        if not least <= number <= most:
            raise argparse.ArgumentTypeError(f"{text} is not from {least} to {most}")
        return number

    count.__name__ = "number"  # argparse names it in its message
    return count


def _duration(text: str) -> float:
    found = re.fullmatch(r"(?:(\d{1,4})h)?(?:(\d{1,5})m)?(?:(\d{1,6})s?)?", text, re.ASCII)
    hours, minutes, seconds = (int(part or 0) for part in found.groups()) if found else (0, 0, 0)
    if not (whole := 3600 * hours + 60 * minutes + seconds):
        raise argparse.ArgumentTypeError(f"{text!r} is no duration like 90s, 45m or 1h30m")
    return float(whole)


def _time(text: str) -> int:
    from datetime import datetime

    try:
        at = int(datetime.fromisoformat(text).timestamp())
    except (ValueError, OverflowError, OSError):
        raise argparse.ArgumentTypeError(f"{text!r} is no time like 2030-05-01T20:00") from None
    if at <= time.time():
        raise argparse.ArgumentTypeError(f"{text} has passed")
    return at


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return host, int(port)


def _version() -> str:
    from tui import __version__

    return __version__
