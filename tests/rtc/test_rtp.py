import contextlib
import struct

import pytest
from aiortc.rtp import HeaderExtensionsMap, RtpPacket
from hypothesis import example, given
from hypothesis import strategies as st

from tui.rtc.rtp import MalformedRtp, parse_rtp

HEADER = struct.pack("!BBHLL", 0x80, 0x80 | 96, 7, 960, 1234)
EXTENDED = bytes((0x90,)) + HEADER[1:]


@given(
    st.integers(0, 127),
    st.booleans(),
    st.integers(0, 0xFFFF),
    st.integers(0, 0xFFFFFFFF),
    st.lists(st.integers(0, 0xFFFFFFFF), max_size=15),
    st.binary(max_size=100),
    st.integers(0, 20),
)
def test_what_aiortc_writes_is_read(
    kind: int,
    marker: bool,
    sequence: int,
    timestamp: int,
    csrc: list[int],
    payload: bytes,
    pad: int,
) -> None:
    written = RtpPacket(kind, int(marker), sequence, timestamp, 99, payload)
    written.csrc, written.padding_size = csrc, pad
    read = parse_rtp(written.serialize(HeaderExtensionsMap()))
    assert read == (kind, marker, sequence, timestamp, 99, {}, payload)


@pytest.mark.parametrize(
    "form",
    [
        b"\xbe\xde\0\2\x10\x85\0\x22abc\0",
        b"\x10\0\0\3\1\1\x85\0\2\3abc\0\0\0",
        b"\xbe\xde\0\3\x10\x85\x22abc\xf0\0\x31\0\0\0",  # 15 ends it
    ],
)
def test_both_forms_of_extensions_are_read(form: bytes) -> None:
    read = parse_rtp(EXTENDED + form + b"sound")
    assert read.extensions == {1: b"\x85", 2: b"abc"}
    assert read.payload == b"sound"


def test_an_unknown_form_of_extensions_is_skipped() -> None:
    read = parse_rtp(EXTENDED + b"\xab\xcd\0\1\xff\xff\xff\xff" + b"sound")
    assert (read.extensions, read.payload) == ({}, b"sound")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        HEADER[:-1],
        bytes((0x40,)) + HEADER[1:],
        bytes((0x81,)) + HEADER[1:],
        EXTENDED,
        EXTENDED + b"\xbe\xde\0\1",
        EXTENDED + b"\xbe\xde\0\1\x13\0\0\0",
        EXTENDED + b"\x10\0\0\1\1\5\0\0",
        EXTENDED + b"\x10\0\0\1\0\0\0\1",
        bytes((0xA0,)) + HEADER[1:] + b"\0",
        bytes((0xA0,)) + HEADER[1:] + b"\2",
        bytes((0xA0,)) + HEADER[1:],
    ],
)
def test_what_contradicts_itself_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedRtp):
        parse_rtp(data)


@given(st.binary(max_size=60), st.integers(0, 0xFF))
@example(b"", 0x9F)
def test_any_bytes_are_read_as_aiortc_does_or_refused(rest: bytes, first: int) -> None:
    data = bytes((first,)) + HEADER[1:] + rest
    with contextlib.suppress(MalformedRtp):
        read = parse_rtp(data)
        theirs = RtpPacket.parse(data)
        assert (read.payload, read.sequence) == (theirs.payload, theirs.sequence_number)
        assert sum(map(len, read.extensions.values())) <= len(rest)
