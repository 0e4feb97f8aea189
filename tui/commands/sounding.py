"""Volumes, devices and relays: the same shapes as in `effects` and `permissions`."""

from collections.abc import Callable
from itertools import pairwise
from typing import Literal

from tui.commands.effects import Make
from tui.commands.permissions import called, in_space, somebody
from tui.controller.intents import AnyIntent, SetVolume, UseMicrophone, UseSpeaker
from tui.controller.view import View
from tui.controller.views import SoundDevice

VOLUMES = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0)
"""The steps of the volume of one person; the ear takes them for much the same."""

DEFAULT = "default"
"""What a device is chosen by that the system decides about."""

NOTHING: dict[Literal["microphone", "speaker"], tuple[str, str]] = {
    "microphone": ("none", "none, only listen"),
    "speaker": ("null", "none, stay silent"),
}
"""What the lack of a device is chosen by, and called."""


def louder(up: bool) -> Make:
    """The next volume of the person under the cursor."""

    def make(view: View, pubkey: str, _text: str) -> AnyIntent | None:
        person = view.participants.get(pubkey)
        return SetVolume(pubkey, _next(person.volume, up=up)) if person is not None else None

    return make


def _next(volume: float, *, up: bool) -> float:
    for lower, higher in pairwise(VOLUMES):
        if up and lower <= volume < higher:
            return higher
        if not up and lower < volume <= higher:
            return lower
    return VOLUMES[-1 if up else 0]


def can_turn(up: bool) -> Callable[[View, str], str]:
    """To play the person under the cursor louder, or less loud."""

    def why_not(view: View, pubkey: str) -> str:
        if reason := in_space(view) or somebody(pubkey):
            return reason
        person = view.participants.get(pubkey)
        if person is None or person.me:
            return "you are not played to yourself" if person else "nobody here has this key"
        if person.volume == VOLUMES[-1 if up else 0]:
            return f"{called(person)} is {'as loud' if up else 'as quiet'} as can be"
        return ""

    return why_not


def can_retry(view: View, _target: str = "") -> str:
    """To try relays again at once."""
    waits = any(relay.state == "waiting" for relay in view.relays.values())
    return "" if waits else "no relay waits to be tried again"


def device_of(view: View, target: str) -> SoundDevice | None:
    """The device that a row stands for, by `KIND:NAME`."""
    return next((one for one in devices(view) if key_of(one) == target), None)


def devices(view: View) -> list[SoundDevice]:
    """All to choose from: of each kind first the one that the system decides about."""
    found = view.devices.found if view.devices is not None else ()
    shown: list[SoundDevice] = []
    for kind, nothing in NOTHING.items():
        others = [one for one in found if one.kind == kind and one.name != DEFAULT]
        named = next((one.label for one in others if one.default), "")
        label = f"the system's default{f': {named}' if named else ''}"
        listed = [
            SoundDevice(kind, DEFAULT, label, default=True),
            *others,
            SoundDevice(kind, *nothing),
        ]
        chosen = view.audio.microphone if kind == "microphone" else view.audio.speaker
        if all(one.name != chosen for one in listed):  # a file, a tone, or not plugged in
            listed.append(SoundDevice(kind, chosen, chosen))
        shown += listed
    return shown


def key_of(device: SoundDevice) -> str:
    """The key of a device's row."""
    return f"{device.kind}:{device.name}"


def in_use(view: View, device: SoundDevice) -> bool:
    """Whether it is the one that was chosen."""
    audio = view.audio
    return device.name == (audio.microphone if device.kind == "microphone" else audio.speaker)


def use_device(view: View, target: str, _text: str) -> AnyIntent | None:
    """Take the device under the cursor."""
    if (device := device_of(view, target)) is None:
        return None
    if device.kind == "microphone":
        return UseMicrophone(device.name)
    return UseSpeaker(device.name)


def can_use(view: View, target: str) -> str:
    """To take the device under the cursor."""
    return "" if device_of(view, target) is not None else "there is no device under the cursor"
