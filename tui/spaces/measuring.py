"""What the connections and the sound of one session measure, for `quality` to judge."""

from collections.abc import Iterable, Mapping

from tui.audio.playback import VoiceStats
from tui.rtc.forwarding import LinkKind
from tui.rtc.peer import Peer
from tui.spaces import quality

_KINDS: dict[LinkKind, quality.LinkKind] = {
    LinkKind.MUTUAL: "mutual",
    LinkKind.PROVIDER: "parent",
    LinkKind.CONSUMER: "child",
}
_RESERVES: dict[quality.LinkKind, quality.LinkKind] = {"parent": "standby", "child": "spare"}


def read_link(peer: Peer, kind: LinkKind, *, standby: bool) -> quality.Reading:
    """One connection just now; a `standby` one waits to be used."""
    stats = peer.stats()
    shown = _KINDS[kind]
    return quality.Reading(
        kind=_RESERVES.get(shown, shown) if standby else shown,
        loss=max(stats.loss, stats.fraction_lost),
        round_trip=stats.round_trip,
        jitter=stats.jitter,
        quiet=peer.quiet_for,
        relayed=stats.relayed,
    )


def concealed(voices: Mapping[str, VoiceStats]) -> float:
    """The share of the worst voice that was made up, because it did not arrive."""
    return max((voice.concealed for voice in voices.values()), default=0.0)


def outputs_used(readings: Iterable[quality.Reading]) -> int:
    """How many listeners get the sound from us; the stage is not counted."""
    return sum(reading.kind == "child" for reading in readings)
