import pickle

import pytest

from tui.controller.options import (
    ControllerOptions,
    InvalidOptions,
    decode_options,
    encode_options,
)

OPTIONS = ControllerOptions(
    profile="default",
    relays=("ws://127.0.0.1:1",),
    name="Ada",
    microphone="tone:440",
    speaker="null",
    max_outputs=4,
    ice_servers=("turn:ada:sesame@192.0.2.1",),
    secret="nsec1secret",
    account_password="hunter2",
)


def test_options_survive_the_pipe() -> None:
    assert decode_options(encode_options(OPTIONS)) == OPTIONS


def test_no_repr_shows_the_secret() -> None:
    shown = f"{OPTIONS!r} {OPTIONS!s} {list(OPTIONS.__rich_repr__())}"
    assert "tone:440" in shown
    assert "nsec1secret" not in shown
    assert "sesame" not in shown
    assert "hunter2" not in shown


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff",
        encode_options(OPTIONS)[:-1],
        encode_options(OPTIONS).replace(b'"nsec1secret"', b"5"),
        encode_options(OPTIONS).replace(b"null", b"null\xff"),
        pickle.dumps({}),
    ],
)
def test_other_bytes_are_one_clear_error(data: bytes) -> None:
    with pytest.raises(InvalidOptions) as caught:
        decode_options(data)
    assert "nsec1secret" not in str(caught.value)
