import json
from urllib.parse import parse_qs, urlsplit

import nostr_sdk as sdk
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.config import limits
from tui.nostr import nip46
from tui.nostr.event import Draft
from tui.nostr.keys import SecretKey
from tui.nostr.nip46 import Answer, BunkerAddress, ConnectOffer, InvalidAddress

SIGNER = SecretKey(bytes(31) + b"\x07").public
RELAYS = ("wss://relay.example.com",)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "result", "error", "method", "params"]), inner)
    ),
)


@pytest.mark.parametrize(
    ("text", "relays", "secret"),
    [
        (f"bunker://{SIGNER}?relay=wss%3A%2F%2Frelay.example.com&secret=s%26t", RELAYS, "s&t"),
        (f" bunker://{SIGNER.upper()}?relay=wss://relay.example.com/\n", RELAYS, ""),
        (f"bunker://{SIGNER}?relay=junk&relay=wss://relay.example.com&perms=x", RELAYS, ""),
        (f"bunker://{SIGNER}?relay=ws://a&relay=ws://a/&relay=ws://b", ("ws://a", "ws://b"), ""),
    ],
)
def test_a_bunker_address_is_read(text: str, relays: tuple[str, ...], secret: str) -> None:
    assert nip46.parse_bunker(text) == BunkerAddress(SIGNER, relays, secret)


def test_few_relays_of_many_are_used() -> None:
    many = "&".join(f"relay=wss://r{n}.example.com" for n in range(20))
    assert len(nip46.parse_bunker(f"bunker://{SIGNER}?{many}").relays) == limits.REMOTE_RELAYS


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bunker://",
        f"bunker://{SIGNER}",
        f"bunker://{SIGNER}?secret=hush",
        f"bunker://{SIGNER}?relay=https://relay.example.com&secret=hush",
        f"bunker://{SIGNER[1:]}?relay=wss://relay.example.com&secret=hush",
        f"bunker://{'f' * 64}?relay=wss://relay.example.com&secret=hush",
        f"nostrconnect://{SIGNER}?relay=wss://relay.example.com&secret=hush",
        f"bunker://{SIGNER}?secret=hush&" + "relay=wss://relay.example.com&" * 40,
        f"bunker://{SIGNER}?relay=wss://relay.example.com&secret=hush" + "x" * 3_000,
        "bunker://[?relay=wss://relay.example.com&secret=hush",
        "ann@example.com",
    ],
)
def test_what_is_no_bunker_address_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(InvalidAddress) as caught:
        nip46.parse_bunker(text)
    assert "hush" not in str(caught.value)
    assert caught.value.__cause__ is None


@given(st.text(max_size=200))
def test_any_text_is_an_address_or_none(text: str) -> None:
    for line in (text, f"bunker://{SIGNER}?{text}", f"bunker://{text}?relay=ws://a"):
        try:
            address = nip46.parse_bunker(line)
        except InvalidAddress:
            continue
        assert nip46.is_pubkey(address.signer)
        assert address.relays


def test_an_offer_is_an_address_that_others_read() -> None:
    offer = ConnectOffer(RELAYS, name="spaces", permissions=nip46.PERMISSIONS)
    parts = urlsplit(offer.address())
    assert (parts.scheme, parts.netloc) == ("nostrconnect", offer.client.public)
    assert parse_qs(parts.query) == {
        "relay": list(RELAYS),
        "secret": [offer.secret],
        "perms": ["sign_event,nip44_encrypt,nip44_decrypt"],
        "name": ["spaces"],
    }
    # nostr-sdk of this version wants the name in an earlier form, too.
    earlier = offer.address() + "&metadata=%7B%22name%22%3A%22spaces%22%7D"
    assert offer.client.public in str(sdk.NostrConnectUri.parse(earlier))


def test_each_offer_has_a_key_and_a_secret_of_its_own() -> None:
    offers = [ConnectOffer(RELAYS) for _ in range(20)]
    assert len({offer.secret for offer in offers}) == 20
    assert len({offer.client.public for offer in offers}) == 20


def test_an_offer_that_fits_a_small_screen_is_short() -> None:
    address = ConnectOffer(("wss://relay.nsec.app",), name="spaces").address()
    assert len(address) <= 134  # what version 6 of a QR code holds


def test_only_the_secret_proves_that_an_offer_was_read() -> None:
    offer = ConnectOffer(RELAYS, secret="hush")
    for message in (
        {"id": "1", "result": "hush"},
        {"id": "1", "result": "hush", "error": ""},
        {"id": "1", "method": "connect", "params": [SIGNER, "hush"]},
    ):
        assert nip46.echoes_secret(json.dumps(message), offer)
    for message in (
        {"id": "1", "result": "ack"},
        {"id": "1", "result": ""},
        {"id": "1", "result": "Hush"},
        {"id": "1", "result": "hush "},
        {"id": "1", "error": "hush"},
        {"id": "1", "method": "connect", "params": [SIGNER]},
        {"id": "1", "method": "ping", "params": [SIGNER, "hush"]},
        {"id": "1", "method": "connect", "params": "hush"},
        {"result": "hush"},
        "hush",
        None,
    ):
        assert not nip46.echoes_secret(json.dumps(message), offer)


@given(st.text(max_size=50) | JSON.map(json.dumps) | st.just('{"id":"\\ud800","result":"x"}'))
def test_whatever_a_signer_says_is_an_answer_or_nothing(text: str) -> None:
    answer = nip46.decode_answer(text)
    assert answer is None or isinstance(answer.result, str) or answer.error
    assert not nip46.echoes_secret(text, ConnectOffer(RELAYS, secret="hush"))
    assert nip46.decode_answer("[" * 100_000) is None


@pytest.mark.parametrize(
    ("error", "page"),
    [
        ("https://bunker.example.com/a?b=c#d", "https://bunker.example.com/a?b=c#d"),
        (" http://127.0.0.1:3000/x ", "http://127.0.0.1:3000/x"),
        ("file:///etc/passwd", ""),
        ("javascript:alert(1)", ""),
        ("https://", ""),
        ("https://exa\u202emple.com", ""),
        ("https://example.com/\x1b[31m", ""),
        ("https://example.com/ x", ""),
        ("https://[", ""),
        ("https://example.com/" + "x" * 3_000, ""),
        ("--help", ""),
    ],
)
def test_only_a_web_page_is_to_be_opened(error: str, page: str) -> None:
    assert nip46.page_to_open(Answer("1", "auth_url", error)) == page


def test_a_text_that_says_auth_url_is_no_page() -> None:
    assert nip46.page_to_open(Answer("1", "auth_url")) is None
    assert nip46.page_to_open(Answer("1", "other", "https://example.com")) is None


def test_what_a_signer_complains_of_is_cleaned() -> None:
    assert nip46.complaint(Answer("1", None, "no \x1b[31m\u202e")) == (
        "the remote signer refuses: no [31m"
    )
    assert len(nip46.complaint(Answer("1", None, "x" * 9_999))) < 300
    assert nip46.complaint(Answer("1", None, "\u2800")) == "the remote signer refuses"


def test_a_draft_is_put_as_signers_want_it() -> None:
    draft = Draft(1_000, 'ü "x"', (("s", "1"), ("p",)), 5)
    unsigned = sdk.UnsignedEvent.from_json(nip46.encode_draft(draft, SIGNER))
    assert unsigned.content() == draft.content
    assert [tuple(tag.to_vec()) for tag in unsigned.tags()] == list(draft.tags)


def test_secrets_show_nowhere() -> None:
    offer = ConnectOffer(RELAYS, secret="hush")
    shown = [
        offer,
        BunkerAddress(SIGNER, RELAYS, "hush"),
        Answer("1", "hush", "hush"),
        nip46.Request("1", "connect", ("hush",)),
        nip46.RemoteSession(offer.client, SIGNER, RELAYS, SIGNER),
    ]
    for value in shown:
        assert "hush" not in repr(value)
        assert offer.client.to_nsec() not in repr(value)
    assert "hush" not in str(BunkerAddress(SIGNER, RELAYS, "hush").__rich_repr__())
