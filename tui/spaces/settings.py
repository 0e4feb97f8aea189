"""How somebody takes part in a space, and what a new space says of itself."""

import msgspec

from tui.audio.processing import ProcessingSettings
from tui.rtc.peer import PeerSettings
from tui.spaces.events import Access, Metrics


class SessionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How we take part. `muted`: the microphone stays shut until the user opens it.

    `password` is that of the space; `relays` are those of the space, all of the pool's if empty;
    without `plain_signalling` nobody is connected to who does not read encrypted signalling;
    `processing` is what is done to the microphone's sound.
    """

    name: str
    microphone: str = "default"
    speaker: str = "default"
    metrics: Metrics
    peer: PeerSettings
    muted: bool = True
    password: str = ""
    relays: tuple[str, ...] = ()
    plain_signalling: bool = True
    processing: ProcessingSettings = ProcessingSettings()

    def __repr__(self) -> str:
        return f"SessionSettings({self.name!r}, ...)"

    def __rich_repr__(self) -> list[tuple[str, object]]:  # what a crash report shows
        return [("name", self.name)]


class SpaceCreation(msgspec.Struct, frozen=True):
    """What a new space says of itself; `relays` are where it is to be found.

    `starts` (unix seconds) is when it is to begin, 0 for at once. With `access` `password` the
    host's own session has the password in its settings.
    """

    name: str
    summary: str = ""
    relays: tuple[str, ...] = ()
    image: str = ""
    starts: int = 0
    language: str = ""
    topics: tuple[str, ...] = ()
    access: Access = "open"
