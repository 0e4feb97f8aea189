import segno
from hypothesis import given
from hypothesis import strategies as st

from tui.commands.qr import qr_lines
from tui.nostr.nip46 import PERMISSIONS, ConnectOffer

RELAY = "wss://relay.nsec.app"


def modules(lines: list[str]) -> list[list[int]]:
    rows: list[list[int]] = []
    for line in lines:
        halves = [" ▄▀█".index(char) for char in line]
        rows += [[half >> 1 for half in halves], [half & 1 for half in halves]]
    return rows


@given(st.text(st.characters(codec="ascii"), min_size=1, max_size=200), st.integers(0, 4))
def test_the_text_shows_every_module_and_a_margin(text: str, quiet: int) -> None:
    lines = qr_lines(text, quiet)
    wanted = [
        list(row) for row in segno.make(text, error="l", micro=False).matrix_iter(border=quiet)
    ]
    shown = modules(lines)
    assert shown[: len(wanted)] == wanted
    assert not any(any(row) for row in shown[len(wanted) :])
    assert len({len(line) for line in lines}) == 1


def test_a_short_offer_fits_a_small_terminal_beside_a_line_of_text() -> None:
    lines = qr_lines(ConnectOffer((RELAY,), name="spaces").address())
    assert (len(lines[0]), len(lines)) == (45, 23)


def test_a_whole_offer_needs_some_more_rows() -> None:
    lines = qr_lines(ConnectOffer((RELAY,), name="spaces", permissions=PERMISSIONS).address())
    assert (len(lines[0]), len(lines)) == (53, 27)
