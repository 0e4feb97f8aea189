from collections import Counter
from types import SimpleNamespace
from typing import Any

import pylibsrtp
import pytest

from tui.rtc.path import Path


class Socket:
    def __init__(self, error: OSError | None = None) -> None:
        self.error = error
        self.sent: list[tuple[bytes, object]] = []

    def sendto(self, data: bytes, address: object) -> None:
        if self.error is not None:
            raise self.error
        self.sent.append((data, address))


def pair(socket: Socket, *, plain: bool = True, port: int = 9) -> Any:
    """What ICE chose: a socket of asyncio's, or a TURN server's path, which has none."""
    wrapped = SimpleNamespace(_sock=socket) if plain else None
    transport = SimpleNamespace(get_extra_info=lambda name: wrapped, sendto=socket.sendto)
    return SimpleNamespace(
        protocol=SimpleNamespace(transport=transport), remote_addr=("127.0.0.1", port)
    )


class Ends:
    def __init__(self, *, keys: bool = True) -> None:
        self.nominated: dict[int, Any] = {}
        self.drops: Counter[str] = Counter()
        kind = pylibsrtp.Policy.SSRC_ANY_OUTBOUND
        policy = pylibsrtp.Policy(key=bytes(30), ssrc_type=kind)
        policy.allow_repeat_tx = True
        self.dtls: Any = SimpleNamespace(_tx_srtp=pylibsrtp.Session(policy) if keys else None)
        connection: Any = SimpleNamespace(_nominated=self.nominated)
        self.path = Path(self.dtls, connection, self.drops)

    def write(self, sequence: int = 1) -> bytes | None:
        return self.path.write(0x8060, sequence, 0, 7, b"sound")


@pytest.mark.parametrize("plain", [True, False])
def test_what_is_written_goes_to_the_address_that_ice_chose(plain: bool) -> None:
    ends, one, two = Ends(), Socket(), Socket()
    ends.nominated[1] = pair(one, plain=plain)
    first = ends.write(1)
    ends.nominated[1] = pair(two, plain=plain, port=10)
    second = ends.write(2)
    assert one.sent == [(first, ("127.0.0.1", 9))]
    assert two.sent == [(second, ("127.0.0.1", 10))]
    assert ends.path.written == 2


def test_before_there_is_a_path_and_keys_and_after_it_closed_nothing_goes_out() -> None:
    socket, without_keys, ends = Socket(), Ends(keys=False), Ends()
    without_keys.nominated[1] = pair(socket)
    for each in (without_keys, ends):
        assert each.write() is None
        each.path.write_rtcp(bytes(8))
        each.path.send_again(b"x")
    ends.nominated[1] = pair(socket)
    ends.write()
    ends.nominated.clear()
    assert ends.write(2) is None
    ends.path.send_again(b"x")
    assert len(socket.sent) == 1


def test_a_busy_network_loses_packets_instead_of_keeping_them() -> None:
    ends = Ends()
    ends.nominated[1] = pair(Socket(BlockingIOError()))
    assert ends.write() is None
    ends.nominated[1] = pair(Socket(OSError(9, "closed")))
    assert ends.write(2) is None
    ends.path.send_again(b"x")
    assert ends.drops == {"network busy": 1, "network refused": 2}
    assert ends.path.written == 0


def test_what_cannot_be_encrypted_is_counted() -> None:
    ends, socket = Ends(), Socket()
    ends.nominated[1] = pair(socket)
    ends.path.write_rtcp(b"\x80")
    assert ends.path.write(0x8060, 1, 0, 7, bytes(3000)) is None
    assert (ends.drops, socket.sent) == ({"not encrypted": 2}, [])
