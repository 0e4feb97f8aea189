"""What a forwarder knows of its links: what each is for, what comes over it and what goes out."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

from tui.audio.packet import SILENT_LEVEL, OpusPacket
from tui.rtc.output import Bodies
from tui.rtc.rewriting import Rewriter
from tui.rtc.slots import Slots
from tui.rtc.stamps import Seen, Stamper


class LinkKind(StrEnum):
    """What a link is for, as seen from here."""

    CONSUMER = "consumer"
    """They listen to us: they get our own voice and every speaker's, except their own."""
    PROVIDER = "provider"
    """We listen to them: any speaker's voice may come, nothing is sent."""
    MUTUAL = "mutual"
    """Both on stage: our own voice against theirs, nothing forwarded."""


class Sink(Protocol):
    """One outgoing stream: what `Output` offers."""

    def send(self, packet: OpusPacket) -> None:
        """Sends or drops one packet, at once."""


class Stream(Protocol):
    """An outgoing stream with its own RTP numbers, fed by one source after another."""

    def forward(self, source: object, packet: OpusPacket, now: float, bodies: Bodies) -> None:
        """Sends or drops one packet of a source, at once; see `Output.forward`."""

    def interrupt(self) -> None:
        """The next packet begins anew: what was left out before it was not lost."""


class Numbered(Rewriter):
    """Any sink as a stream."""

    __slots__ = ("_sink",)

    def __init__(self, sink: Sink) -> None:
        super().__init__()
        self._sink = sink

    def forward(self, source: object, packet: OpusPacket, now: float, bodies: Bodies) -> None:
        """Sends one packet in this stream's numbers."""
        numbered = self.rewrite(source, packet, now)
        if numbered is not None:
            self._sink.send(numbered)


class Link(Protocol):
    """One connection: what `Peer` offers."""

    @property
    def outputs(self) -> Sequence[Sink]:
        """The streams that the other side takes, in the order of its slots."""

    @property
    def has_channel(self) -> bool:
        """The other side announces its slots."""

    def send_message(self, message: dict[str, object]) -> bool:
        """Sends a message; False when the channel is not open."""


class Source:
    """One slot of a link: where a voice may be taken from."""

    def __init__(self, place: "Place") -> None:
        self.place = place
        self.stamper = Stamper()  # of what comes without a stamp
        self.level = SILENT_LEVEL  # of its last packet
        self.heard_at = 0.0


class Place:
    """A link with its rule, its slots towards the other side and what that side announced."""

    def __init__(self, pubkey: str, link: Link, kind: LinkKind, age: int) -> None:
        self.pubkey = pubkey
        self.link = link
        self.kind = kind
        self.age = age  # which of all links it is: the newest has the highest
        self.paused = False
        self.vouched = True
        self.sources: dict[int, Source] = {}
        self.slots = Slots(0)
        self.outputs: list[Stream] = []  # by slot
        self.streams: dict[str, Stream] = {}  # by the origin that holds the slot
        self.claims: tuple[str | None, ...] | None = None
        self.unheard: dict[str, int] = {}  # levels of those without a slot, not told yet
        self.levels_due = 0.0

    @property
    def brings_others(self) -> bool:
        """Whether voices of others than its own pubkey may come from there."""
        return self.kind is LinkKind.PROVIDER and self.vouched


class Voice:
    """One origin that holds a speaking role: where it is taken from, and how loud it is."""

    def __init__(self) -> None:
        self.source: Source | None = None
        self.heard_at = 0.0
        self.seen = Seen()
        self.rewriter = Rewriter()
