"""The way out of one connection: what is written is encrypted and leaves at once, or never.

Late sound is worth less than none: nothing waits here, not even in asyncio's buffer.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pylibsrtp
from aioice.ice import CandidatePair, Connection
from aiortc import RTCDtlsTransport

from tui.rtc.srtp import Srtp


class Path:
    """Sends on the pair of addresses that ICE chose. Everything returns None when it cannot."""

    __slots__ = (
        "_address",
        "_drops",
        "_dtls",
        "_nominated",
        "_pair",
        "_sendto",
        "_srtp",
        "written",
    )

    def __init__(self, dtls: RTCDtlsTransport, connection: Connection, drops: Counter[str]) -> None:
        self.written = 0
        """Datagrams that went out."""
        self._dtls = dtls
        self._drops = drops
        self._nominated = connection._nominated
        self._pair: CandidatePair | None = None
        self._srtp: Srtp | None = None
        self._sendto: Callable[[bytes, tuple[str, int]], object]
        self._address: tuple[str, int]

    def write(
        self, kind: int, sequence: int, timestamp: int, ssrc: int, body: bytes
    ) -> bytes | None:
        """Sends an RTP packet, given by its header (`kind`: the first two bytes) and the rest.

        Returns the bytes sent, to be sent again as they are.
        """
        srtp = self._srtp
        pair = self._nominated.get(1)
        if (pair is not self._pair or srtp is None) and (srtp := self._open(pair)) is None:
            return None
        packet = srtp.protect(kind, sequence, timestamp, ssrc, body)
        if packet is None:
            self._drops["not encrypted"] += 1
            return None
        try:
            self._sendto(packet, self._address)
        except OSError as error:
            self._failed(error)
            return None
        self.written += 1
        return packet

    def write_rtcp(self, packet: bytes) -> None:
        """Encrypts and sends an RTCP packet."""
        if packet and (srtp := self._open(self._nominated.get(1))) is not None:
            try:
                self._send(srtp.session.protect_rtcp(packet))
            except (pylibsrtp.Error, ValueError):
                self._drops["not encrypted"] += 1

    def send_again(self, packet: bytes) -> None:
        """Sends what `write` returned once more."""
        if self._open(self._nominated.get(1)) is not None:
            self._send(packet)

    def _send(self, packet: bytes) -> None:
        try:
            self._sendto(packet, self._address)
        except OSError as error:
            self._failed(error)
        else:
            self.written += 1

    def _failed(self, error: OSError) -> None:
        busy = isinstance(error, BlockingIOError)
        self._drops["network busy" if busy else "network refused"] += 1

    def _open(self, pair: CandidatePair | None) -> Srtp | None:
        """Finds the keys and the socket; None while there are none."""
        session: pylibsrtp.Session | None = self._dtls._tx_srtp
        if pair is None or session is None:
            return None
        if self._srtp is None or self._srtp.session is not session:
            self._srtp = Srtp(session)
        if pair is not self._pair:
            self._pair, self._address = pair, pair.remote_addr
            transport = pair.protocol.transport
            # The socket itself: asyncio's transport would keep what cannot go out at once, and
            # takes longer. A path over a TURN server has none of its own.
            socket: Any = transport.get_extra_info("socket")
            self._sendto = getattr(socket, "_sock", transport).sendto
        return self._srtp
