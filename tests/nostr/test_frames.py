from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from tui.nostr.frames import frame_extent

SIZES = st.sampled_from([0, 1, 5, 125, 126, 127, 128, 65_535, 65_536, 70_000])


@given(
    SIZES,
    st.booleans(),
    st.sampled_from([Opcode.TEXT, Opcode.BINARY, Opcode.CONT]),
    st.binary(max_size=20),
)
def test_the_extent_is_that_of_the_frame(
    size: int, mask: bool, opcode: Opcode, more: bytes
) -> None:
    frame = Frame(opcode, bytes(size)).serialize(mask=mask)
    header, whole = frame_extent(bytearray(frame + more))
    assert whole == len(frame)
    assert header == len(frame) - size
    for known in range(14):  # it is the same as soon as it is known
        assert frame_extent(bytearray(frame[:known])) in ((0, 0), (header, whole))
    assert frame_extent(bytearray(frame[:header])) == (header, whole)


def test_an_absurd_length() -> None:
    assert frame_extent(bytearray(b"\x81\x7f" + b"\xff" * 8)) == (10, 10 + 2**64 - 1)
