from rich.pretty import pretty_repr

from tui.controller.intents import UseKey, decode_intent, encode_intent


def test_a_secret_key_is_shown_neither_by_repr_nor_by_a_crash_report() -> None:
    asked = UseKey("nsec1secret")
    assert "nsec1secret" not in f"{asked!r} {asked} {pretty_repr(asked)} {pretty_repr([asked])}"
    assert decode_intent(encode_intent(asked)) == asked
