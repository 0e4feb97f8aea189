import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.config import limits
from tui.nostr.event import (
    Draft,
    Event,
    InvalidEvent,
    check_event,
    decode_event,
    encode_event,
    event_id,
    is_addressable,
    is_ephemeral,
    is_replaceable,
    signature_ok,
)
from tui.nostr.keys import LocalSigner, SecretKey

VECTORS = Path(__file__).parents[1] / "vectors" / "bip340.csv"
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
TAGS = st.lists(st.lists(TEXT, min_size=1, max_size=4).map(tuple), max_size=5).map(tuple)
DRAFTS = st.builds(
    Draft,
    kind=st.integers(0, 65_535),
    content=TEXT,
    tags=TAGS,
    created_at=st.integers(0, limits.TIMESTAMP),
)


def nip01_id(event: Event) -> str:
    """Written apart from the code under test: the seven escapes of NIP-01, the rest as JSON."""
    form = json.dumps(
        [0, event.pubkey, event.created_at, event.kind, event.tags, event.content],
        separators=(",", ":"),
        ensure_ascii=False,
    )
    return hashlib.sha256(form.encode()).hexdigest()


def unsigned(**changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "pubkey": "ab" * 32,
        "created_at": 1,
        "kind": 1,
        "tags": [],
        "content": "",
        "sig": "cd" * 64,
    }
    fields |= changes
    form = [0, *(fields[name] for name in ("pubkey", "created_at", "kind", "tags", "content"))]
    fields.setdefault("id", hashlib.sha256(msgspec.json.encode(form)).hexdigest())
    return fields


@given(DRAFTS)
async def test_a_signed_event_survives_the_wire(draft: Draft) -> None:
    event = await LocalSigner(SecretKey(bytes(31) + b"\x07")).sign(draft)
    assert event.id == nip01_id(event)
    assert signature_ok(event)
    decoded = decode_event(encode_event(event))
    assert decoded == event == check_event(json.loads(encode_event(event))) == check_event(event)
    assert (decoded.kind, decoded.content, decoded.tags) == (draft.kind, draft.content, draft.tags)


def test_the_serialization_is_exact() -> None:
    content = '\n"\\\r\t\b\f\x00\x1f\x7f\u0080\u2028\u2029/\U0001f600<>&'
    form = (
        '[0,"' + "ab" * 32 + r'",5,1,[["t","é"]],"\n\"\\\r\t\b\f\u0000\u001f'
        '\x7f\u0080\u2028\u2029/\U0001f600<>&"]'
    )
    expected = hashlib.sha256(form.encode()).hexdigest()
    assert event_id("ab" * 32, 5, 1, (("t", "é"),), content) == expected


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "00" * 32},
        {"id": 5},
        {"pubkey": "AB" * 32},
        {"pubkey": "ab" * 31},
        {"pubkey": "ab" * 32 + "\n"},
        {"pubkey": None},
        {"sig": "cd" * 63},
        {"sig": "CD" * 64},
        {"created_at": -1},
        {"created_at": 1.0},
        {"created_at": "1"},
        {"created_at": True},
        {"created_at": 2**53},
        {"created_at": 10**30},
        {"kind": 65_536},
        {"kind": -1},
        {"kind": 1.5},
        {"tags": [[]]},
        {"tags": [["a", 1]]},
        {"tags": [["a", None]]},
        {"tags": ["a"]},
        {"tags": {}},
        {"tags": None},
        {"tags": [["a"]] * (limits.EVENT_TAGS + 1)},
        {"content": None},
        {"content": 5},
        {"content": "x" * limits.EVENT_BYTES},
    ],
)
def test_a_wrong_shape_is_refused(changes: dict[str, Any]) -> None:
    obj = unsigned(**changes)
    with pytest.raises(InvalidEvent):
        check_event(obj)
    with pytest.raises(InvalidEvent):
        decode_event(json.dumps(obj))


@pytest.mark.parametrize("field", ["id", "pubkey", "created_at", "kind", "tags", "content", "sig"])
def test_a_missing_field_is_refused(field: str) -> None:
    obj = unsigned()
    assert check_event(obj)
    del obj[field]
    with pytest.raises(InvalidEvent):
        check_event(obj)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"\xff",
        b'{"content":"\xed\xa0\x80"}',
        b'{"content":"\\ud800"}',
        b'{"x":' * 100_000,
        b"[" * 200_000,
        b" " * 1_000_000,
        "\ud800",
    ],
)
def test_hostile_bytes_are_refused(data: bytes | str) -> None:
    with pytest.raises(InvalidEvent):
        decode_event(data)


def test_lone_surrogates_are_refused() -> None:
    with pytest.raises(InvalidEvent):
        event_id("ab" * 32, 1, 1, (), "\ud800")
    with pytest.raises(InvalidEvent):
        check_event(unsigned(id="00" * 32) | {"content": "\udfff"})


@given(st.binary(max_size=200) | st.text(max_size=100))
def test_random_bytes_are_refused(data: bytes | str) -> None:
    with pytest.raises(InvalidEvent):
        decode_event(data)


def test_unknown_fields_are_ignored() -> None:
    assert check_event(unsigned() | {"seen_on": ["x"]}) == check_event(unsigned())


async def test_any_change_breaks_id_or_signature(signer: LocalSigner) -> None:
    event = await signer.sign(Draft(1, "hello", (("t", "x"),), 100))
    changes: list[dict[str, Any]] = [
        {"content": "Hello"},
        {"kind": 2},
        {"created_at": 101},
        {"tags": (("t", "y"),)},
        {"pubkey": "ab" * 32},
    ]
    for change in changes:
        with pytest.raises(InvalidEvent):
            check_event(msgspec.structs.replace(event, **change))
    forged = event.sig[:-1] + ("0" if event.sig[-1] != "0" else "1")
    assert not signature_ok(check_event(msgspec.structs.replace(event, sig=forged)))


@pytest.mark.parametrize(
    "changes",
    [{"pubkey": "ab"}, {"id": ""}, {"sig": ""}, {"sig": "zz" * 64}, {"pubkey": "ff" * 32}],
)
async def test_a_malformed_event_has_no_good_signature(
    signer: LocalSigner, changes: dict[str, str]
) -> None:
    event = await signer.sign(Draft(1, "", (), 0))
    assert not signature_ok(msgspec.structs.replace(event, **changes))


async def test_a_draft_that_cannot_be_an_event_is_not_signed(signer: LocalSigner) -> None:
    for draft in (
        Draft(70_000, "", (), 0),
        Draft(1, "\ud800", (), 0),
        Draft(1, "x" * limits.EVENT_BYTES, (), 0),
        Draft(1, "", ((),), 0),
        Draft(1, "", (), -1),
    ):
        with pytest.raises(InvalidEvent):
            await signer.sign(draft)


def test_tags_are_found_by_name() -> None:
    event = check_event(unsigned(tags=[["p"], ["p", "a", "b"], ["e", "x"], ["p", ""]]))
    assert event.first("p") == "a"
    assert event.values("p") == ("a", "")
    assert event.first("z") is None
    assert event.values("z") == ()


def test_ranges_of_kinds() -> None:
    for kind, replaceable, ephemeral, addressable in [
        (0, True, False, False),
        (1, False, False, False),
        (3, True, False, False),
        (9_999, False, False, False),
        (10_000, True, False, False),
        (19_999, True, False, False),
        (20_000, False, True, False),
        (29_999, False, True, False),
        (30_000, False, False, True),
        (39_999, False, False, True),
        (40_000, False, False, False),
    ]:
        assert is_replaceable(kind) is replaceable
        assert is_ephemeral(kind) is ephemeral
        assert is_addressable(kind) is addressable


# --- BIP-340 ---------------------------------------------------------------------------------

with VECTORS.open() as file:
    BIP340 = list(csv.DictReader(file))

# An event id has 32 bytes. The vectors with messages of other lengths concern an extension of the
# BIP that Nostr does not use, and that the signing side of coincurve refuses.
OF_32_BYTES = [vector for vector in BIP340 if len(vector["message"]) == 64]
OTHERS = [vector for vector in BIP340 if len(vector["message"]) != 64]


def by_index(vector: dict[str, str]) -> str:
    return vector["index"]


@pytest.mark.parametrize("vector", OF_32_BYTES, ids=by_index)
def test_bip340_verification(vector: dict[str, str]) -> None:
    event = Event(
        id=vector["message"].lower(),
        pubkey=vector["public key"].lower(),
        created_at=0,
        kind=1,
        tags=(),
        content="",
        sig=vector["signature"].lower(),
    )
    assert signature_ok(event) is (vector["verification result"] == "TRUE")


@pytest.mark.parametrize(
    "vector", [vector for vector in OF_32_BYTES if vector["secret key"]], ids=by_index
)
def test_bip340_signing(vector: dict[str, str]) -> None:
    secret = SecretKey.parse(vector["secret key"])
    assert secret.public == vector["public key"].lower()
    signature = secret.sign(bytes.fromhex(vector["message"]), bytes.fromhex(vector["aux_rand"]))
    assert signature == bytes.fromhex(vector["signature"])


def test_bip340_vectors_that_do_not_apply_are_the_known_ones() -> None:
    assert [vector["index"] for vector in OTHERS] == ["15", "16", "17", "18"]
    for vector in OTHERS:
        with pytest.raises(ValueError, match="32 bytes"):
            SecretKey.parse(vector["secret key"]).sign(bytes.fromhex(vector["message"]))
