import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS

PIECES = [
    b"\x00",
    b"\xff",
    b'"',
    b"[",
    b"{",
    b"\\ud800",
    b"\x1d",
    b"\x1e",
    b"\x1f",
    b"-1",
    b"9" * 25,
]
EDITS = st.tuples(
    st.integers(0, 2**16), st.integers(0, 8), st.sampled_from(PIECES) | st.binary(max_size=8)
)


def edit(seed: bytes, other: bytes, cut: int, edits: list[tuple[int, int, bytes]]) -> bytes:
    """A seed, or the beginning of it and the end of another, with some places changed."""
    data = seed if not cut else seed[: cut % (len(seed) + 1)] + other[cut % (len(other) + 1) :]
    for place, removed, piece in edits:
        at = place % (len(data) + 1)
        data = data[:at] + piece + data[at + removed :]
    return data


@pytest.mark.parametrize("name", TARGETS)
def test_only_the_declared_errors_come_out(name: str) -> None:
    target = TARGETS[name]
    seeds = st.sampled_from(target.seeds)
    inputs = st.builds(
        edit, seeds, seeds, st.just(0) | st.integers(0, 2**16), st.lists(EDITS, max_size=4)
    )
    with target.open() as run:
        for seed in (*target.seeds, b""):
            run(seed)

        @settings(
            max_examples=target.examples,
            suppress_health_check=list(HealthCheck),
            database=None,
        )
        @given(inputs | st.binary(max_size=200))
        def try_input(data: bytes) -> None:
            run(data)

        try_input()


@pytest.mark.parametrize("name", TARGETS)
def test_a_seed_gets_all_the_way_through(name: str) -> None:
    """Else every input was refused at the door, and nothing behind it tried."""
    target = TARGETS[name]

    def passes(seed: bytes) -> bool:
        try:
            getattr(run, "strict", run)(seed)
        except Exception:
            return False
        return True

    with target.open() as run:
        assert any(map(passes, target.seeds))
