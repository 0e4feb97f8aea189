"""`spaces status` and `spaces stop`: commands to the controller in the background."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import msgspec

from tui.cli.arguments import Arguments
from tui.cli.start import make_directories, set_up
from tui.cli.status import CommandFailed, ExitStatus
from tui.config import limits
from tui.config.paths import Paths
from tui.controller.intents import Stop
from tui.controller.link import LinkClosed, SocketLink
from tui.controller.messages import ViewChanged
from tui.controller.process import ControllerFailed, attach, wait_until_gone
from tui.controller.view import View


def status(arguments: Arguments) -> int:
    """Print what the controller is doing."""
    view = _run(_view_of(_paths(arguments)))
    print(_as_json(view) if arguments.json else _as_text(view))
    return ExitStatus.DONE


def stop(arguments: Arguments) -> int:
    """End the controller; returns when its process is gone."""
    _run(_stop(_paths(arguments)))
    return ExitStatus.DONE


async def read_view(link: SocketLink) -> View:
    """The controller's view as it stands; raises `CommandFailed`."""
    view = View()
    try:
        async with asyncio.timeout(limits.ANSWER_SECONDS):
            while True:
                message = await link.receive()
                if isinstance(message, ViewChanged) and message.reset:
                    view.apply(message)
                    return view
    except (TimeoutError, LinkClosed):
        problem = "the controller does not answer"
    except msgspec.DecodeError:
        problem = "the controller is of another version: run `spaces stop`"
    raise CommandFailed(ExitStatus.CONTROLLER, problem)


def _paths(arguments: Arguments) -> Paths:
    paths = set_up(arguments).paths
    make_directories(paths)
    return paths


def _run(command: Coroutine[Any, Any, View | None]) -> Any:
    try:
        return asyncio.run(command)
    except ControllerFailed as error:
        raise CommandFailed(ExitStatus.CONTROLLER, str(error)) from None


async def _attach(paths: Paths) -> SocketLink:
    link = await attach(paths)
    if link is None:
        raise CommandFailed(ExitStatus.NO_CONTROLLER, "no controller is running")
    return link


@contextlib.asynccontextmanager
async def running_controller(paths: Paths) -> AsyncIterator[tuple[SocketLink, View]]:
    """A link to the controller that runs, and its view; raises `CommandFailed` if none does."""
    link = await _attach(paths)
    try:
        yield link, await read_view(link)
    finally:
        await link.close()


async def _view_of(paths: Paths) -> View:
    async with running_controller(paths) as (_, view):
        return view


async def _stop(paths: Paths) -> None:
    link = await _attach(paths)
    try:
        await link.send(Stop())
        async with asyncio.timeout(limits.STOP_SECONDS):
            while True:
                with contextlib.suppress(msgspec.DecodeError):  # one of another version ends too
                    await link.receive()
    except (LinkClosed, TimeoutError):
        await wait_until_gone(paths)
    finally:
        await link.close()


def _as_text(view: View) -> str:
    connected = sum(relay.state == "connected" for relay in view.relays.values())
    parts = [
        (f"{view.me.name} " if view.me.name else "") + (view.me.npub or "no key yet"),
        f"{connected} of {len(view.relays)} relays",
        "in no space",
    ]
    if (space := view.space) is not None and space.stage in ("joining", "joined"):
        people = sum(person.present for person in view.participants.values())
        parts[2:] = [
            f"{'in' if space.stage == 'joined' else space.stage} {space.name!r} as {space.role}",
            f"{people} {'person' if people == 1 else 'people'}",
            f"microphone {space.microphone}",
        ]
        if quality := view.quality.badge:
            worst = view.quality.worst.replace("_", " ")
            parts.append(f"sound {quality}{f' ({worst})' if worst else ''}")
    return " · ".join(parts)


def _as_json(view: View) -> str:
    return msgspec.json.encode(
        {
            "event": "status",
            "at": time.time(),
            "me": view.me,
            "audio": view.audio,
            "relays": list(view.relays.values()),
            "space": view.space,
            "quality": view.quality,
            "participants": list(view.participants.values()),
            "barred": list(view.barred.values()),
            "room": view.room,
            "accounts": list(view.accounts.values()),
            "dropped": view.dropped,
        }
    ).decode()
