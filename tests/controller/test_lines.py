from hypothesis import given
from hypothesis import strategies as st

from tui.controller.intents import Mute, RequestSpeech
from tui.controller.lines import IntentLines
from tui.controller.messages import (
    IntentRefused,
)


def test_lines_become_intents_in_their_order() -> None:
    found = IntentLines().feed(b'{"do":"mute","on":true}\r\n\n  \n{"do":"request_speech"}\n')
    assert found == [Mute(on=True), RequestSpeech()]


def test_what_is_no_intent_is_refused_and_the_next_line_is_read() -> None:
    found = IntentLines().feed(b'nonsense\n{"do":"fly"}\n\xff\xfe\n{"do":"mute","on":false}\n')
    assert [type(one) for one in found] == [IntentRefused] * 3 + [Mute]


def test_a_refusal_never_repeats_a_secret() -> None:
    (refused,) = IntentLines().feed(b'{"do":"use_key","secret":["nsec1abc"]}\n')
    assert isinstance(refused, IntentRefused)
    assert "nsec1abc" not in refused.reason


def test_the_rest_of_a_line_too_long_is_not_read_as_an_intent() -> None:
    lines = IntentLines(line_bytes=64)
    found = lines.feed(b"x" * 65)
    found += lines.feed(b"x" * 1000)
    found += lines.feed(b'{"do":"stop"}\n{"do":"request_speech"}\n')
    assert [type(one) for one in found] == [IntentRefused, RequestSpeech]


def test_a_line_too_long_in_one_piece_is_refused_once() -> None:
    found = IntentLines(line_bytes=64).feed(b"x" * 65 + b'\n{"do":"request_speech"}\n')
    assert [type(one) for one in found] == [IntentRefused, RequestSpeech]


@given(st.lists(st.binary(max_size=40)), st.randoms(use_true_random=False))
def test_how_the_bytes_are_cut_makes_no_difference(pieces: list[bytes], random: object) -> None:
    data = b"\n".join(pieces)
    whole = IntentLines(line_bytes=16).feed(data)
    bytewise = IntentLines(line_bytes=16)
    assert [one for byte in data for one in bytewise.feed(bytes([byte]))] == whole
