"""`spaces`, and `host` and `join` with screens: the terminal application over the controller.

The application paints before the controller is looked for. Only a controller that runs already is
asked first whether it does what the arguments want.
"""

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import AsyncIterator
from logging.handlers import RotatingFileHandler
from typing import TYPE_CHECKING

from tui.cli.arguments import DEMO_PEOPLE, DEMO_SEED, Arguments
from tui.cli.controller import read_view
from tui.cli.keys import has_open_account
from tui.cli.keys import public_key as public_key_of
from tui.cli.start import Setup, controller_options, first_intent, make_directories, set_up
from tui.cli.status import CommandFailed, ExitStatus
from tui.config import limits
from tui.config.logs import Redacting, open_log, start_logging
from tui.config.paths import Paths
from tui.controller.intents import (
    AddRelay,
    AnyIntent,
    HostSpace,
    JoinSpace,
    SetName,
    Stop,
    UseAccount,
    UseKey,
    UseKeyFile,
    UseThrowawayKey,
)
from tui.controller.link import Link, SocketLink
from tui.controller.options import ControllerOptions
from tui.controller.process import ControllerFailed, attach, ensure_controller
from tui.controller.view import (
    View,
)

if TYPE_CHECKING:
    from tui.demo.running import Demo


def run(arguments: Arguments) -> int:
    """Show the screens until the user leaves them; the space goes on."""
    check_terminal()
    setup = set_up(arguments)
    make_directories(setup.paths)
    entering = first_intent(arguments) if arguments.command else None
    # Who enters a space at once chooses no key first: it is the kept one, or one for this time.
    choose = entering is not None and not asyncio.run(_has_key(setup.paths))
    options = controller_options(arguments, setup, throwaway=choose, kept=choose)
    has_key = asyncio.run(_adapt_running(arguments, setup.paths, options))
    if has_key is None:
        named = options.key_file or options.secret or options.account or options.throwaway
        has_key = bool(named) or has_open_account(setup.paths)
    return _show(setup, Connector(setup.paths, options, entering), first_run=not has_key)


def check_terminal() -> None:
    """Refuse a terminal that cannot show screens; raises `CommandFailed`."""
    if os.environ.get("TERM", "dumb") in ("", "dumb"):
        problem = "this terminal (TERM) cannot show screens"
    elif not (sys.stdin.isatty() and sys.stdout.isatty()):
        problem = "the screens need a terminal"
    else:
        return
    hint = "for scripts there are `spaces host NAME --headless` and `spaces join REF --headless`"
    raise CommandFailed(ExitStatus.TERMINAL, f"{problem}; {hint}")


class Connector:
    """How the application gets its link: the controller is started once, then only looked for.

    What was asked for on the command line is sent once, over the first link. After `start_demo`
    links lead to a demo instead, which `close` ends.
    """

    def __init__(
        self,
        paths: Paths,
        options: ControllerOptions,
        entering: HostSpace | JoinSpace | None = None,
    ) -> None:
        self._paths = paths
        self._options = options
        self._entering = entering
        self._started = False
        self._demo: Demo | None = None

    async def __call__(self) -> Link:
        """A link; raises `ControllerFailed`, `LinkClosed` or `OSError`."""
        link: SocketLink | None
        if self._demo is not None:
            return await self._demo.connect()
        if self._started:  # one that was stopped is not started behind the user's back
            link = await attach(self._paths)
            if link is None:
                raise ControllerFailed("it has ended; quit (Q) and run `spaces` again")
            return link
        link = await ensure_controller(self._paths, self._options)
        if self._entering is not None:
            await link.send(self._entering)
        self._started = True
        return link

    async def start_demo(self) -> None:
        """Make links lead to a demo from now on; raises `DemoFailed`."""
        from tui.demo.running import Demo

        options = self._options
        self._demo = self._demo or Demo(
            DEMO_PEOPLE,
            DEMO_SEED,
            microphone=options.microphone,
            speaker=options.speaker,
            name=options.name,
        )
        self._demo.start()
        await self._demo.ready()

    def close(self) -> None:
        """End the demo, if one was started, and a controller that never got a key."""
        if self._demo is not None:
            self._demo.close()
        with contextlib.suppress(CommandFailed, ConnectionError):  # it may be ending by itself
            asyncio.run(_end_keyless(self._paths))


def _show(setup: Setup, connect: Connector, *, first_run: bool) -> int:
    from tui.app import SpacesApp

    os.umask(0o077)
    os.close(open_log(setup.paths.ui_log))
    log = RotatingFileHandler(
        setup.paths.ui_log, maxBytes=limits.LOG_FILE_BYTES, backupCount=1, encoding="utf-8"
    )
    log.setFormatter(Redacting("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    start_logging(log, logging.INFO)
    app = SpacesApp(
        connect,
        first_run=first_run,
        theme=setup.settings.theme,
        theme_folders=[setup.paths.themes],
        start_demo=connect.start_demo,
    )
    try:
        app.run()
    finally:
        connect.close()
    if app.return_code:
        reason = f"the screens failed, the space goes on; the log is {setup.paths.ui_log}"
        raise CommandFailed(ExitStatus.FAULT, reason)
    return ExitStatus.DONE


async def _adapt_running(
    arguments: Arguments, paths: Paths, options: ControllerOptions
) -> bool | None:
    """Give a running controller what the arguments ask for; whether it has a key, if one runs."""
    async with _running(paths) as link:
        if link is None:
            return None
        view = await read_view(link)
        wishes = wishes_for(view, arguments.flags, options)
        for wish in wishes:
            await link.send(wish)
        return bool(view.me.pubkey) or any(
            isinstance(wish, UseKey | UseKeyFile | UseAccount | UseThrowawayKey) for wish in wishes
        )


async def _has_key(paths: Paths) -> bool:
    async with _running(paths) as link:
        return link is not None and bool((await read_view(link)).me.pubkey)


async def _end_keyless(paths: Paths) -> None:
    """Who looks at the first screen and goes away again leaves no process behind."""
    async with _running(paths) as link:
        if link is not None and not (await read_view(link)).me.pubkey:
            await link.send(Stop())


@contextlib.asynccontextmanager
async def _running(paths: Paths) -> AsyncIterator[SocketLink | None]:
    link = await attach(paths)
    try:
        yield link
    finally:
        if link is not None:
            await link.close()


def wishes_for(view: View, flags: dict[str, object], options: ControllerOptions) -> list[AnyIntent]:
    """What makes a running controller do as the flags say; `CommandFailed` if nothing can."""
    wishes: list[AnyIntent] = []
    if "relays" in flags:
        wishes += [AddRelay(url) for url in options.relays if url not in view.relays]
    if "name" in flags and options.name != view.me.name:
        wishes.append(SetName(options.name))
    same = {
        "microphone": options.microphone == view.audio.microphone,
        "speaker": options.speaker == view.audio.speaker,
    }
    for field in ("microphone", "speaker", "max_outputs", "ice_servers"):
        if field in flags and not same.get(field, False):
            raise _fixed(field.replace("_", " "))
    if options.key_file or options.secret or options.account:
        if not view.me.pubkey:
            wishes.append(_use_key(options))
        elif ({"key_file", "account"} & flags.keys() or options.secret) and (
            options.account or public_key_of(options)
        ) != view.me.pubkey:
            raise _fixed("key")
    elif options.throwaway and not view.me.pubkey:
        wishes.append(UseThrowawayKey())
    return wishes


def _use_key(options: ControllerOptions) -> AnyIntent:
    if options.account:
        return UseAccount(options.account, options.account_password)
    return UseKey(options.secret) if options.secret else UseKeyFile(options.key_file)


def _fixed(what: str) -> CommandFailed:
    return CommandFailed(
        ExitStatus.CONTROLLER,
        f"a controller is running, and its {what} cannot change; end it with `spaces stop`",
    )
