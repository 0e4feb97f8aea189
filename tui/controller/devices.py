"""Which microphones and speakers there are, for people to choose from."""

from tui.audio.devices import list_devices
from tui.audio.errors import AudioUnavailable
from tui.config import limits
from tui.controller.views import Devices, SoundDevice


async def look_for_devices() -> Devices:
    """What is there now, or why nothing is; takes a few seconds where a sound server hangs."""
    try:
        found = await list_devices()
    except AudioUnavailable as error:
        return Devices(problem=str(error))
    shown: list[SoundDevice] = []
    for kind in ("microphone", "speaker"):
        of_kind = [device for device in found if device.kind == kind]
        shown += [
            SoundDevice(device.kind, device.name, device.label, device.default)
            for device in of_kind[: limits.DEVICES]
        ]
    return Devices(tuple(shown))
