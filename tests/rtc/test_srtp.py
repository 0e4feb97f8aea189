import os
import struct

import pylibsrtp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.rtc import srtp as module
from tui.rtc.srtp import Srtp

PROFILES = [
    pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
]


def sessions(
    profile: int = PROFILES[0], key: bytes = bytes(range(64))
) -> tuple[pylibsrtp.Session, pylibsrtp.Session]:
    """One that writes and one that reads, with the same key."""
    kinds = (pylibsrtp.Policy.SSRC_ANY_OUTBOUND, pylibsrtp.Policy.SSRC_ANY_INBOUND)
    one, two = (
        pylibsrtp.Session(pylibsrtp.Policy(key=key, ssrc_type=kind, srtp_profile=profile))
        for kind in kinds
    )
    return one, two


@pytest.fixture(params=["in place", "by its methods"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "by its methods":
        monkeypatch.setattr(module, "lib", None)
        monkeypatch.setattr(module, "_scratch", None)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.usefixtures("way")
def test_what_is_written_is_read_by_others_and_what_they_write_by_us(profile: int) -> None:
    ours, theirs = sessions(profile)
    sealed = Srtp(ours).protect(0x8060, 7, 960, 99, b"sound")
    assert sealed is not None
    assert sealed[:12] == struct.pack("!HHLL", 0x8060, 7, 960, 99)
    assert b"sound" not in sealed
    assert theirs.unprotect(sealed)[12:] == b"sound"
    theirs, ours = sessions(profile)
    packet = struct.pack("!HHLL", 0x8060, 8, 960, 99) + b"speech"
    assert Srtp(ours).unprotect(theirs.protect(packet)) == packet


@pytest.mark.usefixtures("way")
def test_what_is_forged_or_repeated_is_not_read() -> None:
    theirs, ours = sessions()
    opening = Srtp(ours)
    sealed = theirs.protect(struct.pack("!HHLL", 0x8060, 8, 960, 99) + b"speech")
    forged = sealed[:-1] + bytes((sealed[-1] ^ 1,))
    for wrong in (forged, sealed[:-1], sealed[:11], b"", b"\x80" * 1500, bytes(70_000)):
        assert opening.unprotect(wrong) is None
    assert opening.unprotect(sealed) is not None
    assert opening.unprotect(sealed) is None


@pytest.mark.usefixtures("way")
def test_what_is_too_long_is_not_written() -> None:
    ours, _ = sessions()
    assert Srtp(ours).protect(0x8060, 7, 960, 99, bytes(2000)) is None


@given(st.lists(st.tuples(st.booleans(), st.binary(min_size=1, max_size=1300)), max_size=20))
def test_connections_that_take_turns_do_not_disturb_one_another(
    said: list[tuple[bool, bytes]],
) -> None:
    pairs = [sessions(key=os.urandom(64)) for _ in range(2)]
    ends = [(Srtp(ours), Srtp(theirs)) for ours, theirs in pairs]
    for number, (which, body) in enumerate(said):
        sealing, opening = ends[which]
        sealed = sealing.protect(0x8060, number, 0, 1, body)
        assert sealed is not None
        opened = opening.unprotect(sealed)
        assert opened is not None
        assert opened[12:] == body
