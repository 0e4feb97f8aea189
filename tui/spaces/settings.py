"""How somebody takes part in a space, and what a new space says of itself."""

import msgspec

from tui.rtc.peer import PeerSettings
from tui.spaces.events import Metrics


class SessionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How we take part. `muted`: the microphone stays shut until the user opens it."""

    name: str
    microphone: str = "default"
    speaker: str = "default"
    metrics: Metrics
    peer: PeerSettings
    muted: bool = True


class SpaceCreation(msgspec.Struct, frozen=True):
    """What a new space says of itself; `relays` are where it is to be found."""

    name: str
    summary: str = ""
    relays: tuple[str, ...] = ()
