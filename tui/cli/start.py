"""From arguments, environment and settings to what a controller is started with, all checked."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tui.cli.arguments import Arguments
from tui.cli.keys import key_options
from tui.cli.passwords import password_of
from tui.cli.status import CommandFailed, ExitStatus
from tui.config import limits
from tui.config.paths import DEFAULT_PROFILE, InvalidProfile, Paths, UnsafeDirectory
from tui.config.schema import InvalidSetting, Settings, load_settings
from tui.controller.intents import HostSpace, JoinSpace
from tui.controller.options import ControllerOptions
from tui.nostr.url import relay_url


class Setup(NamedTuple):
    """Where the profile's files are, and what it is set to."""

    paths: Paths
    settings: Settings


def set_up(arguments: Arguments, environ: Mapping[str, str] = os.environ) -> Setup:
    """Paths and settings of the profile; raises `CommandFailed`."""
    try:
        paths = Paths(arguments.profile or DEFAULT_PROFILE, environ)
        return Setup(paths, load_settings(paths.settings, environ, arguments.flags, relay_url))
    except (InvalidProfile, InvalidSetting) as error:
        raise CommandFailed(ExitStatus.USAGE, str(error)) from None


def make_directories(paths: Paths) -> None:
    """Make and check the directories of socket and logs; raises `CommandFailed`."""
    try:
        _ = paths.runtime, paths.state
    except UnsafeDirectory as error:
        raise CommandFailed(ExitStatus.CONTROLLER, str(error)) from None
    except OSError as error:
        reason = f"{error.filename} cannot be made: {error.strerror}"
        raise CommandFailed(ExitStatus.CONTROLLER, reason) from None


def controller_options(
    arguments: Arguments,
    setup: Setup,
    *,
    throwaway: bool = False,
    kept: bool = False,
    environ: Mapping[str, str] = os.environ,
) -> ControllerOptions:
    """Options for a controller; `throwaway` and `kept` as in `key_options`.

    Key and device specs are tried here, so that a bad one ends the command with one line.
    """
    paths, settings = setup
    microphone, speaker = device_specs(settings)
    return ControllerOptions(
        profile=paths.profile,
        relays=settings.relays,
        name=settings.name,
        microphone=microphone,
        speaker=speaker,
        max_outputs=settings.max_outputs,
        ice_servers=settings.ice_servers,
        cache=str(paths.cache),
        space_relays=settings.space_relays,
        plain_signalling=settings.plain_signalling,
        check_names=settings.check_names,
        echo_cancelling=settings.echo_cancelling,
        noise_suppression=settings.noise_suppression,
        automatic_gain=settings.automatic_gain,
        **key_options(arguments, paths, settings, environ, throwaway=throwaway, kept=kept),
    )


def first_intent(arguments: Arguments, *, muted: bool = True) -> HostSpace | JoinSpace:
    """What `host` or `join` asks for; raises `CommandFailed`. May ask for a password."""
    if arguments.command == "join":
        return JoinSpace(ref=arguments.ref.strip(), muted=muted, password=password_of(arguments))
    name = arguments.space_name.strip()
    texts = (
        ("NAME", name, 1, limits.NAME_LENGTH),
        ("ID", arguments.id, 0, limits.SPACE_ID_LENGTH),
        ("--summary", arguments.summary, 0, limits.SUMMARY_LENGTH),
        ("--language", arguments.language, 0, limits.LANGUAGE_LENGTH),
        *(("--topic", topic, 1, limits.TOPIC_LENGTH) for topic in arguments.topics),
    )
    for what, text, least, most in texts:
        if not least <= len(text) <= most:
            raise CommandFailed(ExitStatus.USAGE, f"{what} has {least} to {most} characters")
    if len(arguments.topics) > limits.TOPICS:
        raise CommandFailed(ExitStatus.USAGE, f"a space has up to {limits.TOPICS} topics")
    password = password_of(arguments)
    return HostSpace(
        name=name,
        id=arguments.id,
        summary=arguments.summary.strip(),
        muted=muted,
        access=arguments.access or ("password" if password else "open"),
        password=password,
        topics=tuple(arguments.topics),
        language=arguments.language,
        starts=arguments.starts,
    )


def device_specs(settings: Settings) -> tuple[str, str]:
    """Microphone and speaker, with paths that hold anywhere; raises `CommandFailed`."""
    from tui.audio.errors import InvalidAudioSpec
    from tui.audio.specs import parse_microphone, parse_speaker

    microphone, speaker = _absolute(settings.microphone), _absolute(settings.speaker)
    try:
        parse_microphone(microphone)
        parse_speaker(speaker)
    except InvalidAudioSpec as error:
        raise CommandFailed(ExitStatus.USAGE, str(error)) from None
    return microphone, speaker


def _absolute(spec: str) -> str:
    """A device spec whose file is found from anywhere: the controller runs in `/`."""
    kind, colon, path = spec.partition(":")
    return f"file:{Path(path).expanduser().absolute()}" if colon and kind == "file" else spec
