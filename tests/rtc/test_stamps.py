from hypothesis import given
from hypothesis import strategies as st

from tui.rtc.stamps import REMEMBER_SECONDS, STAMP_BYTES, Seen, Stamper


def test_stamps_of_one_source_differ_for_twenty_minutes() -> None:
    stamper = Stamper()
    stamps = {stamper.next() for _ in range(1 << 16)}
    assert len(stamps) == 1 << 16
    assert {len(x) for x in stamps} == {STAMP_BYTES}
    assert stamper.next() in stamps


@given(st.lists(st.floats(0.0, 0.1), min_size=1, max_size=400))
def test_a_packet_is_known_for_some_seconds(steps: list[float]) -> None:
    seen, stamper, now = Seen(), Stamper(), 50.0
    taken: dict[bytes, float] = {}
    for step in steps:
        now += step
        for stamp, at in taken.items():
            assert seen.knows(stamp, now) or now - at >= REMEMBER_SECONDS
        new = stamper.next()
        assert not seen.knows(new, now)
        seen.add(new)
        taken[new] = now


def test_after_a_long_silence_nothing_is_known() -> None:
    seen = Seen()
    assert not seen.knows(b"abc", 1.0)
    seen.add(b"abc")
    assert seen.knows(b"abc", 1.0 + REMEMBER_SECONDS)
    assert not seen.knows(b"abc", 1.0 + 3 * REMEMBER_SECONDS)


def test_a_flood_of_stamps_takes_no_memory() -> None:
    seen, stamper = Seen(), Stamper()
    for _ in range(10_000):
        stamp = stamper.next()
        assert not seen.knows(stamp, 1.0)
        seen.add(stamp)
    assert len(seen._lately) + len(seen._before) <= 2048
