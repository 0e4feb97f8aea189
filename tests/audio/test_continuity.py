import pytest

from tui.audio.continuity import Continuity, Gaps
from tui.audio.packet import RATE

MS = RATE // 1000


def test_hole_counts_once_sound_goes_on():
    heard = Continuity()
    heard.sounded(20 * MS)
    for _ in range(8):
        heard.missed(10 * MS)
    assert heard.gaps == Gaps()
    heard.sounded(20 * MS)
    assert heard.gaps == Gaps(count=1, longest=0.08)


def test_short_hole_is_none_but_the_longest_is_told():
    heard = Continuity()
    heard.missed(60 * MS)
    heard.sounded(20 * MS)
    assert heard.gaps == Gaps(count=0, longest=0.06)


def test_pause_is_no_hole():
    heard = Continuity()
    heard.missed(500 * MS)
    heard.excuse()
    heard.sounded(20 * MS)
    assert heard.gaps == Gaps()
    assert heard.concealed == 0.0


def test_share_is_that_of_the_last_seconds():
    heard = Continuity()
    assert heard.concealed == 0.0
    for _ in range(100):
        heard.sounded(18 * MS)
        heard.missed(2 * MS)
    heard.sounded(0)
    assert heard.concealed == pytest.approx(0.1)
    for _ in range(300):
        heard.sounded(20 * MS)
    assert heard.concealed == 0.0


def test_voice_that_ended_amid_its_sound_was_cut():
    heard = Continuity()
    heard.sounded(20 * MS)
    assert heard.ended() == Gaps()
    heard.missed(100 * MS)
    assert heard.ended() == Gaps(cut=1)
    assert Gaps(1, 0.5, 1) + Gaps(2, 0.3, 0) == Gaps(3, 0.5, 1)
