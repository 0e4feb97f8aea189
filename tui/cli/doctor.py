"""`spaces doctor`: what a bug report needs, safe to paste: no key, no name, no path of the home."""

import asyncio
import http.client
import locale
import os
import platform
import shutil
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Iterator
from email.utils import parsedate_to_datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from urllib.parse import urlsplit

from tui import __version__
from tui.cli.arguments import Arguments
from tui.cli.keys import SECRET_VARIABLE
from tui.cli.start import Setup, set_up
from tui.cli.status import ExitStatus
from tui.config import limits
from tui.config.logs import log_to_stderr
from tui.config.schema import Settings

_LIBRARIES = "textual aiortc aioice av sounddevice numpy websockets coincurve msgspec"
_HEALTHY_SKEW = 5.0  # seconds; events of a clock further off look old or are refused elsewhere


def run(arguments: Arguments) -> int:
    """Print one line for each thing examined, as soon as it is known."""
    log_to_stderr()
    setup = set_up(arguments)
    for name, text in (*_system(), *_terminal(), *_configuration(setup), *_sound(setup.settings)):
        _print(name, text)
    asyncio.run(_examine_connections(setup.settings))
    return ExitStatus.DONE


def _print(name: str, text: str) -> None:
    home = str(Path.home())
    shown = text.replace(home, "~") if len(home) > 1 else text
    print(f"{name:<14} {shown}", flush=True)


def _system() -> Iterator[tuple[str, str]]:
    yield "spaces", __version__
    yield "python", f"{platform.python_implementation()} {platform.python_version()}"
    yield "system", platform.platform()
    yield "libraries", ", ".join(f"{name} {_version(name)}" for name in _LIBRARIES.split())


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "missing"


def _terminal() -> Iterator[tuple[str, str]]:
    size = shutil.get_terminal_size((0, 0))
    attached = "" if sys.stdout.isatty() else ", output is not a terminal"
    yield (
        "terminal",
        f"{os.environ.get('TERM') or 'TERM is not set'}, {size[0]}x{size[1]}{attached}",
    )
    yield "colours", _colours()
    within = [name for name in ("TMUX", "STY", "SSH_CONNECTION") if os.environ.get(name)]
    yield "within", ", ".join(within) or "neither tmux, screen nor SSH"
    try:
        locale.setlocale(locale.LC_CTYPE, "")
        encoding = locale.nl_langinfo(locale.CODESET)
    except locale.Error as error:
        encoding = str(error)
    yield "locale", f"{'.'.join(filter(None, locale.getlocale())) or 'C'}, text is {encoding}"


def _colours() -> str:
    if "NO_COLOR" in os.environ:
        return "none wanted (NO_COLOR)"
    if os.environ.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        return "16 million (COLORTERM)"
    return "256 (TERM)" if "256color" in os.environ.get("TERM", "") else "16"


def _configuration(setup: Setup) -> Iterator[tuple[str, str]]:
    paths = setup.paths
    found = "" if paths.settings.exists() else " (missing, defaults hold)"
    yield "settings", f"{paths.settings}{found}"
    for name in ("state", "runtime"):
        try:
            yield name, str(getattr(paths, name))
        except OSError as error:
            yield name, f"PROBLEM: {error}"
    given = [f"SPACES_{field.upper()}" for field in Settings.__struct_fields__]
    named = [name for name in (SECRET_VARIABLE, *given) if os.environ.get(name)]
    yield "variables", ", ".join(named) or "none of ours"


def _sound(settings: Settings) -> Iterator[tuple[str, str]]:
    from tui.audio.errors import AudioUnavailable
    from tui.audio.opus import library_path, load_library

    yield "microphone", _kind(settings.microphone)
    yield "speaker", _kind(settings.speaker)
    try:
        load_library()
        yield "opus", Path(library_path()).name
    except AudioUnavailable as error:
        yield "opus", f"PROBLEM: {error}"
    try:
        import sounddevice
    except (OSError, ImportError) as error:
        yield "portaudio", f"PROBLEM: {error}; nothing is heard or said without it"
        return
    yield "portaudio", sounddevice.get_portaudio_version()[1]
    try:
        devices = list(sounddevice.query_devices())
        systems = ", ".join(system["name"] for system in sounddevice.query_hostapis())
    except sounddevice.PortAudioError as error:
        yield "devices", f"PROBLEM: {error}"
        return
    inputs = sum(device["max_input_channels"] > 0 for device in devices)
    outputs = sum(device["max_output_channels"] > 0 for device in devices)
    yield "devices", f"{inputs} to record, {outputs} to play, by {systems or 'no sound system'}"


def _kind(spec: str) -> str:
    """A device spec without the path of a file."""
    return "file:..." if spec.startswith("file:") else spec


async def _examine_connections(settings: Settings) -> None:
    tasks = [asyncio.create_task(_named("webrtc", _webrtc()))]
    tasks += [asyncio.create_task(_named("relay", _relay(url))) for url in settings.relays]
    for task in tasks:
        _print(*await task)


async def _named(name: str, text: Awaitable[str]) -> tuple[str, str]:
    return name, await text


async def _webrtc() -> str:
    from tui.rtc.selftest import hooks_work

    if await hooks_work():
        return "works"
    return "PROBLEM: our way does not fit the installed aiortc; sound goes its plain way"


async def _relay(url: str) -> str:
    from tui.nostr.websocket import close_socket, failure, open_socket

    shown = "{0.scheme}://{0.netloc}{0.path}".format(urlsplit(url))  # a query may hold a token
    started = time.monotonic()
    try:
        websocket = await open_socket(
            url, open_timeout=limits.DOCTOR_SECONDS, ping=limits.DOCTOR_SECONDS, close_timeout=1
        )
    except Exception as error:
        return f"{shown}: PROBLEM: {failure(error)}"
    taken = time.monotonic() - started
    asked = time.time()
    date = websocket.response.headers.get("Date", "") if websocket.response else ""
    await close_socket(websocket, 1)
    if not date:
        asked = time.time()
        date = await asyncio.to_thread(_date_of_information, url)
    return f"{shown}: connected in {taken * 1000:.0f} ms, {describe_skew(clock_skew(date, asked))}"


def _date_of_information(url: str) -> str:
    """When a relay says that it sent its information document (NIP-11)."""
    request = urllib.request.Request(  # noqa: S310 - a checked ws:// or wss:// address
        "http" + url.removeprefix("ws"), headers={"Accept": "application/nostr+json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=limits.DOCTOR_SECONDS) as answer:  # noqa: S310
            return str(answer.headers.get("Date", ""))
    except urllib.error.HTTPError as error:
        return str(error.headers.get("Date", ""))
    except (OSError, http.client.HTTPException):
        return ""


def clock_skew(date: str, now: float) -> float | None:
    """Seconds that our clock is ahead of an HTTP date from `now`; None if it is no date."""
    try:
        told = parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return None
    return now - (told + 0.5)  # the date has no fractions


def describe_skew(skew: float | None) -> str:
    """A skew in words."""
    if skew is None:
        return "tells no time"
    if abs(skew) <= _HEALTHY_SKEW:
        return f"our clock agrees ({skew:+.0f} s)"
    way = "ahead" if skew > 0 else "behind"
    return f"PROBLEM: our clock is {abs(skew):.0f} s {way}"
