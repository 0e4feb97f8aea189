"""`spaces journal`: who moderated the present space, how and why."""

import asyncio
import sys
import time
from pathlib import Path

import msgspec

from tui.cli.arguments import Arguments
from tui.cli.controller import running_controller
from tui.cli.start import make_directories, set_up
from tui.cli.status import CommandFailed, ExitStatus
from tui.config import limits
from tui.config.paths import Paths
from tui.controller.intents import ExportJournal, intent_name
from tui.controller.link import Link, LinkClosed
from tui.controller.messages import IntentRefused, JournalExported
from tui.controller.views import JournalEntry

_EXPORT = intent_name(ExportJournal(""))


def run(arguments: Arguments) -> int:
    """Print the acts, the newest last, or write them into a file; raises `CommandFailed`."""
    paths = set_up(arguments).paths
    make_directories(paths)
    if arguments.export:
        done = asyncio.run(_export(paths, Path(arguments.export).expanduser().absolute()))
        print(f"{done.count} signed events in {done.path}")
        return ExitStatus.DONE
    entries = asyncio.run(_entries(paths))
    for entry in entries:
        print(_as_json(entry) if arguments.json else _as_text(entry))
    if not entries and not arguments.json:
        print("nobody has moderated here yet", file=sys.stderr)
    return ExitStatus.DONE


async def _entries(paths: Paths) -> list[JournalEntry]:
    async with running_controller(paths) as (_, view):
        if view.space is None:
            raise CommandFailed(ExitStatus.REFUSED, "you are in no space")
        return sorted(view.journal.values(), key=lambda entry: (entry.at, entry.id))


async def _export(paths: Paths, path: Path) -> JournalExported:
    async with running_controller(paths) as (link, _):
        await link.send(ExportJournal(str(path)))
        try:
            async with asyncio.timeout(limits.ANSWER_SECONDS):
                return await _answer(link, str(path))
        except (TimeoutError, LinkClosed):
            reason = "the controller does not answer"
            raise CommandFailed(ExitStatus.CONTROLLER, reason) from None


async def _answer(link: Link, path: str) -> JournalExported:
    while True:
        match await link.receive():
            case JournalExported(path=written) as done if written == path:
                return done
            case IntentRefused(reason=reason, intent=intent) if intent == _EXPORT:
                raise CommandFailed(ExitStatus.REFUSED, reason)


def _as_text(entry: JournalEntry) -> str:
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry.at))
    words = [at, entry.by_name, entry.act, entry.target_name]
    reason = [f"({entry.reason})"] if entry.reason else []
    refused = [f"- refused: {entry.refused}"] if entry.refused else []
    return "  ".join(filter(None, [*words, *reason, *refused]))


def _as_json(entry: JournalEntry) -> str:
    fields = {"event": "journal", **msgspec.to_builtins(entry)}
    return msgspec.json.encode(fields).decode()
