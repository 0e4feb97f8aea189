import io
import struct
from collections.abc import Iterator
from typing import NamedTuple

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.audio.ogg import PAGE_SAMPLES, PRE_SKIP, OggOpus, checksum
from tui.audio.opus import Decoder, Encoder, duration
from tui.audio.packet import FRAME, RATE


class Page(NamedTuple):
    kind: int
    granule: int
    serial: int
    number: int
    packets: list[bytes]


def pages_of(data: bytes) -> Iterator[Page]:
    """RFC 3533, written down once more; every page here ends with a packet."""
    while data:
        magic, version, kind, granule, serial, number, found, count = struct.unpack(
            "<4sBBqIIIB", data[:27]
        )
        assert (magic, version) == (b"OggS", 0)
        lacing = data[27 : 27 + count]
        assert not lacing or lacing[-1] < 255, "a packet goes on in the next page"
        end = 27 + count + sum(lacing)
        assert bitwise(data[:22] + bytes(4) + data[26:end]) == found
        packets, at, size = [], 27 + count, 0
        for piece in lacing:
            size += piece
            if piece < 255:
                packets.append(data[at : at + size])
                at, size = at + size, 0
        yield Page(kind, granule, serial, number, packets)
        data = data[end:]


def bitwise(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ 0x04C11DB7 if crc & 0x80000000 else crc << 1) & 0xFFFFFFFF
    return crc


def decoded(data: bytes) -> np.ndarray:
    with av.open(io.BytesIO(data)) as container:
        frames = [frame.to_ndarray()[0] for frame in container.decode(audio=0)]
    return np.concatenate(frames) if frames else np.zeros(0, np.float32)


def test_the_checksum_is_that_of_the_specification() -> None:
    assert checksum(b"123456789") == bitwise(b"123456789") == 0x89A1897F


# One payload for each way to say a length (RFC 6716, 3.1): its first byte, and a count for code 3.
PAYLOADS = st.builds(
    lambda first, frames, size: (bytes([first, frames]) + b"\x55" * size)[: 2 + size],
    st.integers(0, 255),
    st.integers(1, 48),
    st.integers(0, 1_500),
).filter(duration)


@settings(max_examples=60)
@given(st.lists(PAYLOADS, max_size=80), st.integers(0, 2**32 - 1))
def test_packets_come_back_as_they_were_in_pages_of_half_a_second(
    payloads: list[bytes], serial: int
) -> None:
    ogg = OggOpus(serial, {"ARTIST": "Añn", "TITLE": "x" * 600})
    data = ogg.head() + b"".join(map(ogg.add, payloads)) + ogg.end()
    head, tags, *pages = pages_of(data)
    assert head.packets[0][:12] == b"OpusHead\x01\x01" + struct.pack("<H", PRE_SKIP)
    assert tags.packets[0].startswith(b"OpusTags") and "ARTIST=Añn".encode() in tags.packets[0]
    assert [page.kind for page in (head, *pages)] == [2, *[0] * (len(pages) - 1), 4]
    assert [page.number for page in (head, tags, *pages)] == list(range(len(pages) + 2))
    assert {page.serial for page in (head, tags, *pages)} == {serial}
    assert [packet for page in pages for packet in page.packets] == payloads
    ends = 0
    for page in pages:
        samples = sum(map(duration, page.packets))
        assert samples < PAGE_SAMPLES + 5760
        ends += samples
        assert page.granule == ends
    assert ends == ogg.samples


@pytest.mark.parametrize("lost", [0, 1, 40])
def test_another_reader_hears_what_was_put_in(tone, peak, lost: int) -> None:
    encoder, ogg = Encoder(expected_loss=0), OggOpus(7, {})
    sound = tone(3.0, 660.0)
    data = ogg.head()
    for start in range(0, len(sound), FRAME):
        data += ogg.add(encoder.encode(sound[start : start + FRAME]))
    data += ogg.end() if not lost else b""
    heard = decoded(data[: len(data) - lost])
    whole = len(sound) - PRE_SKIP
    assert whole - (PAGE_SAMPLES if lost else 0) <= len(heard) <= whole
    assert peak(heard[RATE // 2 :]) == pytest.approx(660, abs=2)
    # What the encoder is late by is left out: sound is where it was put.
    step = np.concatenate((np.zeros(RATE, np.float32), sound[:RATE]))
    ogg, encoder = OggOpus(7, {}), Encoder(expected_loss=0)
    packets = [encoder.encode(step[at : at + FRAME]) for at in range(0, len(step), FRAME)]
    heard = decoded(ogg.head() + b"".join(map(ogg.add, packets)) + ogg.end())
    begins = int(np.argmax(np.abs(heard) > 0.1))
    assert abs(begins - RATE) < 240


def test_a_page_can_be_written_before_it_is_full() -> None:
    ogg = OggOpus(1, {})
    assert ogg.page() == b""
    assert ogg.add(b"\xf8\xff\xfe") == b""
    (page,) = pages_of(ogg.page())
    assert (page.granule, page.packets) == (FRAME, [b"\xf8\xff\xfe"])
    assert len(Decoder().decode(page.packets[0])) == FRAME
