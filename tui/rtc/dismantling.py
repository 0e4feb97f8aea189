"""Takes a closed connection of aiortc apart, so that it is gone at once.

Its parts refer to each other in circles, with buffers, keys and a TLS session of together 240 kB
between them, and wait for Python's cyclic collector; that runs the more seldom the larger a process
is, and not at all while sound must not be held up. Hundreds of connections an hour add up.
"""

from aioice import Connection
from aioice.ice import CandidatePair, StunProtocol
from aiortc import (
    RTCDataChannel,
    RTCDtlsTransport,
    RTCIceGatherer,
    RTCIceTransport,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCRtpSender,
    RTCRtpTransceiver,
    RTCSctpTransport,
)
from aiortc.mediastreams import MediaStreamTrack
from aiortc.rtcdtlstransport import RtpRouter

from tui.rtc.channel import Channel
from tui.rtc.ice import Consent
from tui.rtc.media import Media

DISMANTLE_SECONDS = 1.0
"""After a close, what aiortc still had under way notices it, and ends."""

_PARTS = (
    RTCPeerConnection,
    RTCRtpTransceiver,
    RTCRtpSender,
    RTCRtpReceiver,
    MediaStreamTrack,
    RTCSctpTransport,
    RTCDataChannel,
    RTCDtlsTransport,
    RtpRouter,
    RTCIceTransport,
    RTCIceGatherer,
    Connection,
    CandidatePair,
    StunProtocol,
    Media,
    Consent,
    Channel,
)
"""What belongs to one connection only; codecs and the like are shared by all."""

_TLS = "OpenSSL.SSL"
"""The session's and its context's module; a callback of theirs is a circle, too."""


def dismantle(*parts: object) -> None:
    """Takes these parts of a closed connection apart, and all to which they lead.

    None of them may be used after that.
    """
    found: list[object] = [*parts]
    while found:
        part = found.pop()
        if isinstance(part, _PARTS) or type(part).__module__ == _TLS:
            attributes = vars(part)
            found.extend(attributes.values())
            attributes.clear()
        elif isinstance(part, list | tuple | set):
            found.extend(part)
        elif isinstance(part, dict):
            found.extend((*part.keys(), *part.values()))
