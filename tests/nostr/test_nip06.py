import copy
import pickle
import traceback

import nostr_sdk as sdk
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mnemonic import Mnemonic

from tui.nostr.keys import InvalidKey
from tui.nostr.nip06 import InvalidWords, Words

TWELVE = "leader monkey parrot ring guide accident before fence cannon height naive bean"
TWENTY_FOUR = (
    "what bleak badge arrange retreat wolf trade produce cricket blur garlic valid"
    " proud rude strong choose busy staff weather area salt hollow arm fade"
)


# The NIP's own vectors.
@pytest.mark.parametrize(
    ("words", "nsec", "public"),
    [
        (
            TWELVE,
            "nsec10allq0gjx7fddtzef0ax00mdps9t2kmtrldkyjfs8l5xruwvh2dq0lhhkp",
            "17162c921dc4d2518f9a101db33695df1afb56ab82f5ff3e5da6eec3ca5cd917",
        ),
        (
            TWENTY_FOUR,
            "nsec1c9wh8xy5eqdzln7n5t0ctgxjcrdug73gp5yj0x03gntn67h83twssdfhel",
            "d41b22899549e1f3d335a31002cfd382174006e166d3e658e3a5eecdb6463573",
        ),
    ],
)
def test_the_official_vectors(words: str, nsec: str, public: str) -> None:
    key = Words(words).key()
    assert (key.to_nsec(), key.public) == (nsec, public)


@settings(max_examples=25)
@given(st.sampled_from([16, 20, 24, 28, 32]).flatmap(lambda n: st.binary(min_size=n, max_size=n)))
def test_any_words_make_the_key_that_another_implementation_makes(entropy: bytes) -> None:
    words = Mnemonic("english").to_mnemonic(entropy)
    theirs = sdk.Keys.from_mnemonic(words, None, None, None, None)
    assert Words(words).key().to_nsec() == theirs.secret_key().to_bech32()


def test_words_are_read_as_people_write_them() -> None:
    written = "\n " + TWELVE.upper().replace(" ", " \t\u3000") + "\r\n"
    assert Words(written).show() == TWELVE


def test_new_words_come_from_the_given_randomness() -> None:
    words = Words.generate(lambda n: bytes(n))
    assert words.show() == "abandon " * 11 + "about"
    assert Words.generate().show() != Words.generate().show()
    assert len(Words.generate().show().split()) == 12


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not 0"),
        (TWELVE + " bean", "not 13"),
        (TWELVE.replace("parrot", "perrot"), "word 3: not in"),
        (TWELVE.replace("parrot", "perrot").replace("bean", "b\u200bean"), "words 3, 12: not in"),
        (TWELVE.replace("leader monkey", "monkey leader"), "order"),
        ("abandon " * 12, "order"),
        ("x" * 100_000, "too long"),
        ("\udc80 " * 12, "not in"),
    ],
)
def test_wrong_words_are_named_by_their_places_only(text: str, reason: str) -> None:
    with pytest.raises(InvalidWords, match=reason) as caught:
        Words(text)
    shown = "".join(traceback.format_exception_only(caught.value))
    assert isinstance(caught.value, InvalidKey)
    assert not any(word in shown.split() for word in ("perrot", "monkey", "leader", "abandon"))


def test_words_show_nowhere() -> None:
    words = Words(TWELVE)
    for shown in (repr(words), str(words), f"{words}", repr({"words": words})):
        assert "parrot" not in shown
    with pytest.raises(TypeError):
        pickle.dumps(words)
    with pytest.raises(TypeError):
        copy.deepcopy(words)
