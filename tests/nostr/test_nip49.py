import traceback

import nostr_sdk as sdk
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.config import limits
from tui.nostr import nip49
from tui.nostr.nip19 import decode_bech32, encode_bech32

SECRET = bytes(31) + b"\x07"

# The NIP's own.
OFFICIAL = (
    "ncryptsec1qgg9947rlpvqu76pj5ecreduf9jxhselq2nae2kghhvd5g7dgjtcxfqtd67p9m0w57lspw8gsq6yphnm8623n"
    "sl8xn9j4jdzz84zm3frztj3z7s35vpzmqf6ksu8r89qk5z2zxfmu5gv8th8wclt0h4p"
)
# How nostr-tools checks itself: password, key, and what it made of them.
OF_NOSTR_TOOLS = (
    (
        ".ksjabdk.aselqwe",
        "14c226dbdd865d5e1645e72c7470fd0a17feb42cc87b750bab6538171b3a3f8a",
        "ncryptsec1qgqeya6cggg2chdaf48s9evsr0czq3dw059t2khf5nvmq03yeckywqmspcc037l9ajjsq2p08480afuc5hq2zq"
        "3rtt454c2epjqxcxll0eff3u7ln2t349t7rc04029q63u28mkeuj4tdazsqqk6p5ky",
    ),
    (
        "skjdaklrnçurbç l",
        "f7f2f77f98890885462764afb15b68eb5f69979c8046ecb08cad7c4ae6b221ab",
        "ncryptsec1qgp86t7az0u5w0wp8nrjnxu9xhullqt39wvfsljz8289gyxg0thrlzv3k40dsqu32vcqza3m7srzm27mkg929g"
        "mv6hv5ctay59jf0h8vsj5pjmylvupkdtvy7fy88et3fhe6m3d84t9m8j2umq0j75lw",
    ),
    (
        "",
        "f7f2f77f98890885462764afb15b68eb5f69979c8046ecb08cad7c4ae6b221ab",
        "ncryptsec1qgzv73a9ktnwmgyvv24x2xtr6grup2v6an96xgs64z3pmh5etg2k4yryachtlu3tpqwqphhm0pjnq9zmftr0qf"
        "4p5lmah4rlz02ucjkawr2s9quau67p3jq3d7yp3kreghs0wdcqpf6pkc8jcgsqrn5l",
    ),
    (  # the NIP's example of a password that has to be normalised
        "ÅΩẛ̣",
        "11b25a101667dd9208db93c0827c6bdad66729a5b521156a7e9d3b22b3ae8944",
        "ncryptsec1qgy5kwr5v8p206vwaflp4g6r083kwts6q5sh8m4d0q56edpxwhrly78ema2z7jpdeldsz7u5wpxpyhs6m0405s"
        "kdsep9n37uncw7xlc8q8meyw6d6ky47vcl0guhqpt5dx8ejxc8hvzf6y2gwsl5s0nw",
    ),
)


def test_the_official_vector() -> None:
    assert nip49.decrypt_key(OFFICIAL, "nostr").hex() == (
        "3501454135014541350145413501453fefb02227e449e57cf4d3a3ce05378683"
    )


@pytest.mark.parametrize(("password", "secret", "text"), OF_NOSTR_TOOLS)
def test_what_another_implementation_wrote(password: str, secret: str, text: str) -> None:
    assert nip49.decrypt_key(text, password).hex() == secret
    assert nip49.decrypt_key(f" {text.upper()}\n", password).hex() == secret


def test_each_opens_what_the_other_closed() -> None:
    theirs = sdk.EncryptedSecretKey(
        sdk.SecretKey.from_bytes(SECRET), "pass ẛ̣ word", 10, sdk.KeySecurity.UNKNOWN
    )
    assert nip49.decrypt_key(theirs.to_bech32(), "pass ṩ word") == SECRET
    ours = nip49.encrypt_key(SECRET, "pass ẛ̣ word", 10)
    opened = sdk.EncryptedSecretKey.from_bech32(ours).decrypt("pass ṩ word")
    assert opened.to_hex() == SECRET.hex()


@settings(max_examples=25)
@given(st.binary(min_size=32, max_size=32), st.text(st.characters(codec="utf-8"), max_size=30))
def test_what_was_closed_opens_with_its_password_only(secret: bytes, password: str) -> None:
    text = nip49.encrypt_key(secret, password, 1)
    assert nip49.decrypt_key(text, password) == secret
    with pytest.raises(nip49.WrongPassword):
        nip49.decrypt_key(text, password + "x")


def test_salt_and_nonce_are_new_each_time() -> None:
    assert nip49.encrypt_key(SECRET, "x", 1) != nip49.encrypt_key(SECRET, "x", 1)
    fixed = [nip49.encrypt_key(SECRET, "x", 1, lambda n: bytes(n)) for _ in range(2)]
    assert fixed[0] == fixed[1]


def altered(place: int, value: int) -> str:
    prefix, data = decode_bech32(nip49.encrypt_key(SECRET, "x", 1))
    return encode_bech32(prefix, data[:place] + bytes((value,)) + data[place + 1 :])


def test_a_key_that_would_eat_the_memory_is_refused_before_it_does() -> None:
    for log_n in (0, limits.SCRYPT_LOG_N + 1, 22, 63, 255):
        with pytest.raises(nip49.InvalidNcryptsec, match="memory"):
            nip49.decrypt_key(altered(1, log_n), "x")
    with pytest.raises(ValueError, match="cost"):
        nip49.encrypt_key(SECRET, "x", limits.SCRYPT_LOG_N + 1)


def test_what_was_altered_does_not_open() -> None:
    for place in (2, 20, 42, 43, 90):  # salt, nonce, how it was handled, key, checksum
        with pytest.raises(nip49.WrongPassword):
            nip49.decrypt_key(altered(place, 0xA5), "x")
    with pytest.raises(nip49.InvalidNcryptsec, match="version"):
        nip49.decrypt_key(altered(0, 1), "x")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ncryptsec1",
        OFFICIAL[:-1] + "q",
        OFFICIAL[:40],
        encode_bech32("ncryptsec", bytes(90)),
        encode_bech32("nsec", bytes(91)),
        OFFICIAL * 40,
        "é" * 90,
    ],
)
def test_what_is_no_encrypted_key_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(nip49.InvalidNcryptsec) as caught:
        nip49.decrypt_key(text, "secret password")
    assert len(text) < 11 or text not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("password", ["bad \udc80 one", "x" * 2_000])
def test_a_password_that_cannot_be_one_is_refused_and_not_quoted(password: str) -> None:
    for attempt in (
        lambda: nip49.encrypt_key(SECRET, password, 1),
        lambda: nip49.decrypt_key(OFFICIAL, password),
    ):
        with pytest.raises(nip49.WrongPassword) as caught:
            attempt()
        shown = "".join(traceback.format_exception(caught.value))
        assert password not in shown.encode("utf-8", "surrogateescape").decode(errors="replace")
        assert "bad " not in shown
