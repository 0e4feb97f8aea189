from hypothesis import given
from hypothesis import strategies as st

from tui.audio.packet import FRAME, OpusPacket
from tui.config import limits
from tui.rtc.rewriting import Rewriter


def packet(sequence: int, timestamp: int | None = None) -> OpusPacket:
    time = sequence * FRAME if timestamp is None else timestamp
    return OpusPacket(sequence & 0xFFFF, time & 0xFFFFFFFF, b"sound", 30)


def test_one_source_passes_with_its_gaps_and_its_order() -> None:
    rewriter = Rewriter()
    numbers = [65_530, 65_531, 65_534, 65_533, 0, 3]
    out = [rewriter.rewrite("a", packet(x), 0.0) for x in numbers]
    assert [x.sequence for x in out if x] == numbers
    assert [x.marker for x in out if x] == [True] + [False] * 5


def test_a_change_of_source_leaves_no_hole_and_is_marked() -> None:
    rewriter = Rewriter()
    rewriter.rewrite("a", packet(7), 0.0)
    first = rewriter.rewrite("b", packet(40_000, 5), 0.02)
    second = rewriter.rewrite("b", packet(40_001, 5 + FRAME), 0.04)
    assert first is not None
    assert second is not None
    assert (first.sequence, first.timestamp, first.marker) == (8, 8 * FRAME, True)
    assert (second.sequence, second.timestamp, second.marker) == (9, 9 * FRAME, False)


def test_silence_before_a_change_takes_its_time() -> None:
    rewriter = Rewriter()
    rewriter.rewrite("a", packet(7), 0.0)
    later = rewriter.rewrite("b", packet(9), 1.0)
    assert later is not None
    assert (later.sequence, later.timestamp) == (8, (7 + 50) * FRAME)


def test_what_a_source_said_before_it_took_over_is_dropped() -> None:
    rewriter = Rewriter()
    rewriter.rewrite("a", packet(7), 0.0)
    rewriter.rewrite("b", packet(100), 0.0)
    assert rewriter.rewrite("b", packet(99), 0.0) is None
    rewriter.rewrite("b", packet(102), 0.0)
    late = rewriter.rewrite("b", packet(101), 0.0)
    assert late is not None
    assert late.sequence == 9


def test_a_source_that_jumps_is_taken_as_a_new_one() -> None:
    rewriter = Rewriter()
    rewriter.rewrite("a", packet(10), 0.0)
    jumped = rewriter.rewrite("a", packet(10 + limits.SEQUENCE_JUMP + 1), 0.02)
    assert jumped is not None
    assert (jumped.sequence, jumped.marker) == (11, True)


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(0, 0xFFFF), st.integers(0, 2**32 - 1)),
        max_size=100,
    )
)
def test_any_input_gives_a_stream_that_never_jumps(feed: list[tuple[str, int, int]]) -> None:
    rewriter, last, newest = Rewriter(), None, None
    for place, (source, sequence, timestamp) in enumerate(feed):
        out = rewriter.rewrite(source, OpusPacket(sequence, timestamp, b"x"), place * 0.02)
        if out is None:
            assert source == last
            continue
        if newest is not None:
            step = ((out.sequence - newest + 0x8000) & 0xFFFF) - 0x8000
            assert abs(step) <= limits.SEQUENCE_JUMP
            if source != last:
                assert step == 1
                assert out.marker
            newest = out.sequence if step > 0 else newest
        else:
            newest = out.sequence
        last = source
