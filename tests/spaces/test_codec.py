import contextlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tui.config import limits
from tui.nostr.event import Draft, Event, check_event, signature_ok
from tui.nostr.keys import LocalSigner
from tui.spaces import codec, events
from tui.spaces.codec import InvalidSpaceEvent, UnreadableSdp
from tui.spaces.events import IceCandidate, Metrics, SpaceRef
from tui.spaces.writer import Writer

AT = 1_700_000_000
METRICS = Metrics(download_kbps=1000, upload_kbps=500, max_audio_outputs=10, connection_type="wifi")
OURS = sorted(
    {
        events.CREATE_SPACE,
        *events.LASTING_KINDS,
        *events.PRESENCE_KINDS,
        *events.SPEECH_KINDS,
        *events.SIGNAL_KINDS,
    }
)


async def travel(signer: LocalSigner, draft: Draft) -> events.SpaceEvent:
    """What a draft says once it has been signed and has crossed a relay."""
    event = check_event(msgspec.json.decode(msgspec.json.encode(await signer.sign(draft))))
    assert signature_ok(event)
    found = codec.decode(event)
    assert (found.signer, found.id, found.at) == (signer.pubkey, event.id, draft.created_at)
    return found


# -- what we write


@pytest.mark.parametrize("space_id", ["a" * 32, "x" * limits.SPACE_ID_LENGTH, "with space: ü"])
async def test_everything_we_write_is_read_as_it_was_meant(
    host: LocalSigner, guest: LocalSigner, space_id: str
) -> None:
    space = SpaceRef(host.pubkey, space_id)
    ours, theirs = Writer(space, host.pubkey), Writer(space, guest.pubkey)

    async def says(signer: LocalSigner, draft: Draft, kind: type, **fields: Any) -> None:
        found = await travel(signer, draft)
        assert type(found) is kind
        assert found.space == space
        assert {name: getattr(found, name) for name in fields} == fields

    relays = ("ws://127.0.0.1:7777", "wss://relay.example")
    await says(
        host,
        ours.create(AT, "Tea & talk", METRICS, "about tea", relays),
        events.SpaceCreated,
        name="Tea & talk",
        metrics=METRICS,
        summary="about tea",
        relays=relays,
    )
    optional: dict[str, Any] = {
        "image": "https://example.com/tea.png",
        "starts": AT + 3600,
        "language": "pt-br",
        "topics": ("tea", "green tea"),
        "access": "password",
    }
    draft = ours.create(AT, "Tea", METRICS, **optional)
    await says(host, draft, events.SpaceCreated, summary="", relays=(), **optional)
    await says(host, ours.close(AT), events.SpaceEnded)
    await says(
        guest,
        theirs.join(AT, "Zoë", METRICS),
        events.PeerJoined,
        name="Zoë",
        metrics=METRICS,
        until=AT + events.JOIN_LIFETIME,
        nip44=True,
        lasting=False,
    )
    await says(guest, theirs.leave(AT), events.PeerLeft)
    for withdrawn, since in ((False, 0), (False, AT - 40), (True, 0)):
        hand = theirs.request_speech(AT, withdrawn=withdrawn, since=since)
        await says(guest, hand, events.SpeechAsked, withdrawn=withdrawn, since=since)
    target = guest.pubkey
    for act, kind in (
        (ours.promote, events.SpeakerPromoted),
        (ours.promote_cohost, events.CohostPromoted),
        (ours.invite, events.PeerInvited),
        (ours.ask_mute, events.MuteRequested),
    ):
        await says(host, act(AT, target), kind, target=target)
    await says(host, ours.ask_mute(AT), events.MuteRequested, target="")
    for reason in ("", "too loud"):
        for act, kind in ((ours.demote, events.PeerDemoted), (ours.remove, events.PeerRemoved)):
            await says(host, act(AT, target, reason), kind, target=target, reason=reason)
    for message in ("", "come up?"):
        proposal = ours.propose(AT, target, message)
        await says(host, proposal, events.SpeechProposed, target=target, message=message)
    for type_ in get_args(events.ConnectionType):
        await says(
            guest,
            theirs.reserve(AT, host.pubkey, type_, METRICS),
            events.ConnectionReserved,
            to=host.pubkey,
            type=type_,
        )
        await says(
            host,
            ours.confirm(AT, guest.pubkey, type_, METRICS),
            events.ConnectionConfirmed,
            to=guest.pubkey,
            type=type_,
        )
    drop = theirs.drop(AT, host.pubkey, "moved", "nonce")
    await says(guest, drop, events.ConnectionDropped, to=host.pubkey, reason="moved")
    full = theirs.drop(AT, host.pubkey, "full", "nonce", (target,))
    await says(
        guest,
        full,
        events.ConnectionDropped,
        to=host.pubkey,
        reason="full",
        instead=(target,),
    )
    for write, kind in (
        (theirs.reserve, events.ConnectionReserved),
        (theirs.confirm, events.ConnectionConfirmed),
    ):
        draft = write(AT, host.pubkey, "consumer", METRICS, standby=True)
        await says(guest, draft, kind, to=host.pubkey, type="consumer", standby=True)
    for draft, kind in (
        (theirs.offer(AT, host.pubkey, "sealed"), events.SdpOffered),
        (theirs.answer(AT, host.pubkey, "sealed"), events.SdpAnswered),
        (theirs.candidate(AT, host.pubkey, "sealed"), events.CandidateFound),
    ):
        await says(guest, draft, kind, to=host.pubkey, content="sealed")


def test_every_kind_has_a_reader_and_unknown_kinds_have_none(
    make: Callable[..., Event], host: LocalSigner
) -> None:
    content = json.dumps({"id": "x"})
    for kind in OURS:
        codec.decode(make(kind, host.pubkey, content, [("p", host.pubkey)]))
    for kind in (0, 1, 30311, 31199):
        with pytest.raises(InvalidSpaceEvent, match=f"kind {kind}"):
            codec.decode(make(kind, host.pubkey, content))


@given(
    sdp=st.text(),
    candidate=st.text(),
    mid=st.none() | st.text(),
    line=st.none() | st.integers(0, 99),
)
def test_descriptions_and_candidates_survive_their_json(
    sdp: str, candidate: str, mid: str | None, line: int | None
) -> None:
    sdp, candidate = "v=0" + visible(sdp), visible(candidate)
    content = codec.write_description(sdp)
    assert not codec.is_encrypted(content)
    assert codec.read_description(content) == sdp
    found = IceCandidate(candidate, mid and visible(mid), line)
    for several in ([found], [found, IceCandidate()]):
        content = codec.write_candidates(several)
        assert not codec.is_encrypted(content)
        assert codec.read_candidates(content) == tuple(several)


def visible(text: str) -> str:
    """Without the lone surrogates that no JSON carries."""
    return text.encode(errors="ignore").decode()


# -- what others write


def test_a_space_made_from_the_text_of_the_draft(
    make: Callable[..., Event], host: LocalSigner
) -> None:
    content = {
        "id": "unique_space_id",
        "name": "Example Space Name",
        "host": {
            "publicKey": host.pubkey,
            "networkMetrics": {
                "downloadSpeedKbps": 1000,
                "uploadSpeedKbps": 500,
                "maxAudioOutputs": 10,
                "networkConnectionType": "wifi",
            },
        },
    }
    bare = [("webrtc", "spaces"), ("h", host.pubkey)]
    found = codec.decode(make(events.CREATE_SPACE, host.pubkey, json.dumps(content), bare=bare))
    assert isinstance(found, events.SpaceCreated)
    assert found.space == SpaceRef(host.pubkey, "unique_space_id")
    assert (found.name, found.metrics) == ("Example Space Name", METRICS)


@pytest.mark.parametrize(
    "more", [{}, {"name": None}, {"name": 7}, {"name": " \n"}, {"host": None}, {"host": "me"}]
)
def test_a_space_needs_no_more_than_an_id(
    make: Callable[..., Event], host: LocalSigner, more: dict[str, Any]
) -> None:
    content = json.dumps({"id": "tea", **more})
    found = codec.decode(make(events.CREATE_SPACE, host.pubkey, content))
    assert isinstance(found, events.SpaceCreated)
    assert (found.name, found.metrics, found.summary, found.relays) == ("tea", Metrics(), "", ())


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ({"image": "javascript:alert(1)", "language": 7, "topics": "tea"}, {}),
        ({"image": "https://a/\n", "starts": "soon", "topics": [1, "", None]}, {}),
        ({"image": "https://a/ b", "starts": -5, "access": None}, {}),
        ({"image": "https://a/" + "b" * 1000, "starts": [], "access": 5}, {}),
        ({"starts": "1700000000", "language": " DE\n"}, {"starts": 1700000000, "language": "de"}),
        ({"starts": 1e99}, {"starts": limits.TIMESTAMP}),
        ({"topics": ["#Tea", "tea", "a\u202eb"]}, {"topics": ("tea", "ab")}),
        ({"topics": [f"t{n}" for n in range(99)]}, {"topics": tuple(f"t{n}" for n in range(8))}),
        ({"topics": ["t" * 99]}, {"topics": ("t" * limits.TOPIC_LENGTH,)}),
        ({"access": "open"}, {}),
        ({"access": ""}, {}),
        ({"access": "invite"}, {"access": "invite"}),
        ({"access": "members of my club"}, {"access": "invite"}),
    ],
)
def test_optional_keys_of_a_space_are_read_or_left_out(
    make: Callable[..., Event], host: LocalSigner, written: dict[str, Any], read: dict[str, Any]
) -> None:
    content = json.dumps({"id": "tea", **written})
    found = codec.decode(make(events.CREATE_SPACE, host.pubkey, content))
    defaults = {"image": "", "starts": 0, "language": "", "topics": (), "access": "open"}
    assert {name: getattr(found, name) for name in defaults} == defaults | read


def test_only_the_host_creates_a_space(make: Callable[..., Event], stranger: LocalSigner) -> None:
    with pytest.raises(InvalidSpaceEvent, match="by its host"):
        codec.decode(make(events.CREATE_SPACE, stranger.pubkey, '{"id": "tea"}'))


@pytest.mark.parametrize(
    "content", ["", "{}", '{"name": null}', '{"name": 5, "networkMetrics": []}']
)
def test_a_join_needs_no_name_and_no_metrics(
    make: Callable[..., Event], guest: LocalSigner, content: str
) -> None:
    found = codec.decode(make(events.JOIN_SPACE, guest.pubkey, content, at=AT))
    assert isinstance(found, events.PeerJoined)
    assert (found.name, found.metrics, found.nip44) == ("", Metrics(), False)
    assert (found.until, found.lasting) == (AT + events.OPEN_JOIN_LIFETIME, True)


@pytest.mark.parametrize("expiration", ["", "soon", "1e9", "9" * 5000, str(AT + 10**6)])
def test_no_join_counts_for_longer_than_ten_minutes(
    make: Callable[..., Event], guest: LocalSigner, expiration: str
) -> None:
    found = codec.decode(
        make(events.JOIN_SPACE, guest.pubkey, "", [("expiration", expiration)], at=AT)
    )
    assert isinstance(found, events.PeerJoined)
    assert found.until == AT + events.OPEN_JOIN_LIFETIME
    assert found.lasting == (expiration != str(AT + 10**6))


def test_a_join_with_a_password_is_read_by_who_knows_it(
    make: Callable[..., Event], guest: LocalSigner
) -> None:
    def open_join(content: str) -> str:
        if not content.startswith("sealed "):
            raise ValueError("wrong password")
        return content.removeprefix("sealed ")

    writer = Writer(SpaceRef("1" * 64, "tea"), guest.pubkey)
    draft = writer.join(AT, "Gus", METRICS, seal=lambda text: f"sealed {text}")
    assert "Gus" in draft.content
    found = codec.decode(make(events.JOIN_SPACE, guest.pubkey, draft.content), open_join)
    assert isinstance(found, events.PeerJoined)
    assert (found.name, found.metrics) == ("Gus", METRICS)
    for content in ('{"name": "Gus"}', "", "AgBase64"):
        with pytest.raises(InvalidSpaceEvent, match="cannot be read with the password"):
            codec.decode(make(events.JOIN_SPACE, guest.pubkey, content), open_join)
    with pytest.raises(InvalidSpaceEvent):
        codec.decode(make(events.JOIN_SPACE, guest.pubkey, draft.content))
    assert codec.decode(make(events.LEAVE_SPACE, guest.pubkey), open_join)


def test_the_announcement_of_a_space_of_ours_is_read_by_its_host_and_no_room_of_others(
    make: Callable[..., Event], host: LocalSigner
) -> None:
    tags = [("d", "tea"), ("room", "Tea"), ("status", "private"), ("webrtc", "spaces")]
    found = codec.decode(make(30312, host.pubkey, bare=tags))
    assert isinstance(found, events.SpaceAnnounced)
    assert (found.space, found.locked) == (SpaceRef(host.pubkey, "tea"), True)
    with pytest.raises(InvalidSpaceEvent, match="webrtc"):
        codec.decode(make(30312, host.pubkey, bare=tags[:-1]))


@pytest.mark.parametrize(
    ("since", "read"), [(str(AT - 5), AT - 5), (str(AT + 5), AT), ("x", 0), ("-1", 0), ("", 0)]
)
def test_a_hand_says_since_when_it_is_up(
    make: Callable[..., Event], guest: LocalSigner, since: str, read: int
) -> None:
    event = make(events.REQUEST_SPEECH, guest.pubkey, "", [("since", since)], at=AT)
    found = codec.decode(event)
    assert isinstance(found, events.SpeechAsked)
    assert found.since == read


@pytest.mark.parametrize("content", ["null", "[]", "hello", "{", "[" * 100_000, "9" * 5000])
def test_a_join_that_nobody_can_read_is_none(
    make: Callable[..., Event], guest: LocalSigner, content: str
) -> None:
    with pytest.raises(InvalidSpaceEvent):
        codec.decode(make(events.JOIN_SPACE, guest.pubkey, content))


def test_whoever_asks_to_speak_may_leave_out_p_and_d(
    make: Callable[..., Event], guest: LocalSigner
) -> None:
    kind = events.REQUEST_SPEECH
    asked = codec.decode(make(kind, guest.pubkey))
    assert asked == codec.decode(make(kind, guest.pubkey, "", [("p",)]))
    assert asked == codec.decode(make(kind, guest.pubkey, "please", [("p", guest.pubkey)]))
    assert isinstance(asked, events.SpeechAsked)
    assert (asked.signer, asked.withdrawn, asked.since) == (guest.pubkey, False, 0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", ""),
        ("do come up", "do come up"),
        ("a\n\x1b[31mb\u202ec", "a [31mbc"),
        ("m" * 1000, "m" * limits.MESSAGE_LENGTH),
    ],
)
def test_who_names_somebody_else_proposes_that_they_speak(
    make: Callable[..., Event], guest: LocalSigner, host: LocalSigner, content: str, message: str
) -> None:
    found = codec.decode(make(events.REQUEST_SPEECH, host.pubkey, content, [("p", guest.pubkey)]))
    assert isinstance(found, events.SpeechProposed)
    assert (found.signer, found.target, found.message) == (host.pubkey, guest.pubkey, message)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "consumer"),
        ("{}", "consumer"),
        ("not json", "consumer"),
        ('{"type": 5}', "consumer"),
        ('{"type": "whatever"}', "consumer"),
        ("{" * 100_000, "consumer"),
        ('{"type": "producer"}', "provider"),
        ('{"type": "provider", "networkMetrics": {"uploadSpeedKbps": 1}}', "provider"),
        ('{"type": "mutual"}', "mutual"),
    ],
)
def test_the_type_of_a_connection_as_others_write_it(
    make: Callable[..., Event], guest: LocalSigner, host: LocalSigner, content: str, expected: str
) -> None:
    for kind in (events.RESERVE_CONNECTION, events.CONFIRM_CONNECTION):
        found = codec.decode(make(kind, guest.pubkey, content, [("p", host.pubkey)]))
        assert isinstance(found, events.ConnectionReserved | events.ConnectionConfirmed)
        assert (found.type, found.to) == (expected, host.pubkey)


@pytest.mark.parametrize(
    ("content", "reason"),
    [("", ""), ("bye", ""), ('"bye"', ""), ('{"reason": 3}', ""), ('{"reason": " a\\nb "}', "a b")],
)
def test_a_drop_counts_whatever_its_reason_looks_like(
    make: Callable[..., Event], guest: LocalSigner, host: LocalSigner, content: str, reason: str
) -> None:
    for kind in (events.DROP_CONNECTION, events.DEMOTE_TO_PEER, events.REMOVE_PEER):
        found = codec.decode(make(kind, guest.pubkey, content, [("p", host.pubkey)]))
        assert isinstance(found, events.ConnectionDropped | events.PeerDemoted | events.PeerRemoved)
        assert found.reason == reason


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (10, 10),
        ("10", 10),
        ("1e1", 10),
        (9.99, 9),
        (-5, 0),
        ("-5", 0),
        ("NaN", 0),
        ("-Infinity", 0),
        ("Infinity", limits.AUDIO_OUTPUTS),
        (10**18, limits.AUDIO_OUTPUTS),
        (int("9" * 400), limits.AUDIO_OUTPUTS),
        (1e300, limits.AUDIO_OUTPUTS),
        ("many", 0),
        ("9" * 50, 0),
        (True, 0),
        (None, 0),
        ([1], 0),
        ({}, 0),
    ],
)
def test_metrics_are_clamped(
    make: Callable[..., Event], guest: LocalSigner, written: Any, read: int
) -> None:
    content = json.dumps({"networkMetrics": {"maxAudioOutputs": written}})
    found = codec.decode(make(events.JOIN_SPACE, guest.pubkey, content))
    assert isinstance(found, events.PeerJoined)
    assert found.metrics.max_audio_outputs == read


@pytest.mark.parametrize(
    "content",
    ['{"sdp": "v=0\\r\\no=-"}', ' {"sdp": {"type": "offer", "sdp": "v=0\\r\\no=-"}, "more": 1}'],
)
def test_both_spellings_of_a_description(content: str) -> None:
    assert not codec.is_encrypted(content)
    assert codec.read_description(content) == "v=0\r\no=-"


def test_both_spellings_of_candidates_and_the_end_of_gathering() -> None:
    text = "candidate:1 1 udp 1 ::1 9 typ host"
    one = {"candidate": text, "sdpMid": "0", "sdpMLineIndex": 0}
    read = IceCandidate(text, "0", 0)
    more = {**one, "usernameFragment": "abcd"}
    assert codec.read_candidates(json.dumps({"ice": more})) == (read,)
    assert codec.read_candidates(json.dumps({"ice": [one, one]})) == (read, read)
    end = IceCandidate("", "0", 0)
    assert codec.read_candidates(json.dumps({"ice": {**one, "candidate": ""}})) == (end,)
    assert codec.read_candidates('{"ice": {"candidate": ""}}') == (IceCandidate(),)
    many = codec.read_candidates(json.dumps({"ice": [one] * 10_000}))
    assert len(many) == limits.CANDIDATES


def test_what_is_plain_and_what_is_encrypted(host: LocalSigner) -> None:
    assert not codec.is_encrypted(' \n{"sdp": ""}')
    assert codec.is_encrypted("AgBase64==")
    assert codec.is_encrypted("")


# -- hostile input

KEYS = st.sampled_from(["1" * 64, "2" * 64, "A" * 64, "3" * 63, "", "é" * 64])
TAGS = st.lists(
    st.one_of(
        st.tuples(st.just("p"), KEYS),
        st.tuples(
            st.sampled_from(
                ["s", "expiration", "enc", "status", "since", "locked", "admitted", "d", "h"]
            ),
            st.text(),
        ),
        st.lists(st.text(), min_size=1, max_size=4).map(tuple),
        st.just(("p",)),
    ),
    max_size=6,
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.just(int("9" * 400))
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    ["id", "name", "host", "networkMetrics", "summary", "relays", "type", "reason", "sdp", "ice",
     "candidate", "sdpMid", "sdpMLineIndex", "publicKey", "maxAudioOutputs", "uploadSpeedKbps",
     "image", "starts", "language", "topics", "access"]
)  # fmt: skip
OBJECTS = st.recursive(
    VALUES,
    lambda inner: st.dictionaries(FIELDS, inner, max_size=5) | st.lists(inner, max_size=3),
    max_leaves=10,
)
CONTENTS = st.one_of(
    st.text(),
    OBJECTS.map(json.dumps),
    st.dictionaries(FIELDS, OBJECTS, max_size=6).map(json.dumps),
    st.dictionaries(FIELDS, OBJECTS, max_size=6).map(lambda v: json.dumps({**v, "id": "tea"})),
    st.sampled_from(
        ["[" * 5000, '{"id":' * 5000, '{"reason":' * 5000, '{"networkMetrics":' * 5000]
    ),
)


@given(
    kind=st.sampled_from((*OURS, 0, 30312)),
    tags=TAGS,
    content=CONTENTS,
    ours=st.booleans(),
    at=st.integers(0, limits.TIMESTAMP),
)
@example(events.CREATE_SPACE, [], '{"id": "x", "relays": ["%s"]}' % ("w" * 100_000), True, 0)
def test_whatever_comes_is_read_or_refused_and_never_raises_anything_else(
    kind: int, tags: list[tuple[str, ...]], content: str, ours: bool, at: int
) -> None:
    common = (("s", "tea"), ("h", "1" * 64), ("webrtc", "spaces")) if ours else ()
    event = Event("0" * 64, "1" * 64, at, kind, (*common, *tags), content, "0" * 128)
    try:
        found = codec.decode(event)
    except InvalidSpaceEvent as error:
        assert len(str(error)) < 200
    else:
        assert_harmless(found)


def assert_harmless(found: events.SpaceEvent) -> None:
    """Every text in it is short and printable, every key is one, every number is in bounds."""
    assert codec.is_pubkey(found.space.host)
    codec.check_space_id(found.space.id)
    for name in ("to", "target"):
        who = getattr(found, name, "0" * 64)
        assert codec.is_pubkey(who) or (isinstance(found, events.MuteRequested) and not who)
    bounds = {
        "name": max(limits.NAME_LENGTH, limits.SPACE_ID_LENGTH),
        "summary": limits.SUMMARY_LENGTH,
        "reason": limits.REASON_LENGTH,
        "message": limits.MESSAGE_LENGTH,
        "language": limits.LANGUAGE_LENGTH,
        "image": limits.WEB_URL_LENGTH,
    }
    for name, bound in bounds.items():
        text = getattr(found, name, "")
        assert len(text) <= bound
        assert all(char.isprintable() or char in "\u200c\u200d" for char in text)
    topics = getattr(found, "topics", ())
    assert len(topics) <= limits.TOPICS
    assert all(0 < len(topic) <= limits.TOPIC_LENGTH for topic in topics)
    for name in ("starts", "since", "locked_at"):
        assert 0 <= getattr(found, name, 0) <= limits.TIMESTAMP
    assert all(map(codec.is_pubkey, getattr(found, "admitted", ())))
    relays = getattr(found, "relays", ())
    assert len(relays) <= limits.SPACE_RELAYS
    for url in relays:
        assert url.startswith(("ws://", "wss://"))
        assert len(url) <= limits.RELAY_URL_CHARS
    metrics = getattr(found, "metrics", Metrics())
    assert 0 <= metrics.max_audio_outputs <= limits.AUDIO_OUTPUTS
    assert 0 <= metrics.upload_kbps <= limits.SPEED_KBPS
    assert 0 <= metrics.download_kbps <= limits.SPEED_KBPS
    assert len(metrics.connection_type) <= limits.NAME_LENGTH


@given(CONTENTS)
@example('{"sdp":' * 5000)
@example('{"ice":' * 5000)
@example('{"ice": null}')
@example('{"sdp": "\ud800"}')
def test_unreadable_signalling_is_said_to_be_so(content: str) -> None:
    with contextlib.suppress(UnreadableSdp):
        assert codec.read_description(content).startswith("v=0")
    with contextlib.suppress(UnreadableSdp):
        assert len(codec.read_candidates(content)) <= limits.CANDIDATES


@given(st.text())
def test_a_space_id_is_short_and_printable_and_cannot_be_mistaken_in_a_d_tag(text: str) -> None:
    try:
        codec.check_space_id(text)
    except InvalidSpaceEvent:
        assert (
            not text or len(text) > limits.SPACE_ID_LENGTH or not text.isprintable() or "||" in text
        )
    else:
        assert 0 < len(text) <= limits.SPACE_ID_LENGTH
        assert text.isprintable()


@pytest.mark.parametrize(
    ("tags", "why"),
    [
        ([("s", "tea"), ("h", "1" * 64)], "webrtc"),
        ([("s", "tea"), ("h", "1" * 64), ("webrtc",)], "webrtc"),
        ([("s", "tea"), ("h", "1" * 64), ("webrtc", "calls")], "webrtc"),
        ([("s", "tea"), ("webrtc", "spaces")], "h is no pubkey"),
        ([("s", "tea"), ("h", "A" * 64), ("webrtc", "spaces")], "h is no pubkey"),
        ([("h", "1" * 64), ("webrtc", "spaces")], "space id"),
        ([("s", "a||b"), ("h", "1" * 64), ("webrtc", "spaces")], "space id"),
    ],
)
def test_an_event_that_is_not_of_a_space_says_why(
    make: Callable[..., Event], guest: LocalSigner, tags: list[tuple[str, ...]], why: str
) -> None:
    with pytest.raises(InvalidSpaceEvent, match=why):
        codec.decode(make(events.LEAVE_SPACE, guest.pubkey, bare=tags))


@pytest.mark.parametrize("p", ["", "B" * 64, "1" * 63, "npub1"])
def test_what_is_about_or_for_somebody_names_a_pubkey(
    make: Callable[..., Event], host: LocalSigner, p: str
) -> None:
    kinds = (*events.SIGNAL_KINDS, *events.MODERATION_KINDS, *events.SPEECH_KINDS)
    for kind in kinds:
        with pytest.raises(InvalidSpaceEvent, match="p is no pubkey"):
            codec.decode(make(kind, host.pubkey, "{}", [("p", p)]))


# -- the documentation


def test_the_table_of_the_protocol_names_every_kind_and_tests_that_exist() -> None:
    text = Path(codec.__file__).with_name("PROTOCOL.md").read_text(encoding="utf-8")
    rows = [
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for line in text.splitlines()
        if re.match(r"\| \d+ \|", line)
    ]
    kinds = {
        int(value): name
        for name, value in vars(events).items()
        if name.isupper() and isinstance(value, int) and value >= 1000 and "LIFETIME" not in name
    }
    assert {int(row[0]) for row in rows} == {*kinds, 30312}
    for kind, name in kinds.items():
        assert name in {row[1].split()[0] for row in rows if int(row[0]) == kind}
    named = re.findall(r"`((?:\w+/)?test_\w+\.py)::(test_\w+)`", text)
    for row in rows:
        assert len(row) == 6
        assert row[5].startswith("`test_")
    for file, test in named:
        folder = Path(__file__).parents[1] if "/" in file else Path(__file__).parent
        code = (folder / file).read_text(encoding="utf-8")
        assert re.search(rf"def {test}\(", code), f"{file}::{test} does not exist"
    assert text.count("test_") == 2 * len(named)


@pytest.mark.parametrize(
    ("content", "standby"),
    [
        ('{"type": "consumer", "standby": true}', True),
        ('{"standby": true}', True),
        ('{"type": "consumer", "standby": "yes"}', False),
        ('{"type": "consumer", "standby": 1}', False),
        ('{"type": "mutual", "standby": true}', False),
        ('{"type": "consumer"}', False),
        ("", False),
    ],
)
def test_a_standby_connection_is_one_that_receives_and_says_so(
    make: Callable[..., Event], guest: LocalSigner, host: LocalSigner, content: str, standby: bool
) -> None:
    for kind in (events.RESERVE_CONNECTION, events.CONFIRM_CONNECTION):
        found = codec.decode(make(kind, guest.pubkey, content, [("p", host.pubkey)]))
        assert isinstance(found, events.ConnectionReserved | events.ConnectionConfirmed)
        assert found.standby is standby


def test_a_refusal_names_a_few_others_and_nothing_else(
    make: Callable[..., Event], guest: LocalSigner, host: LocalSigner
) -> None:
    crowd = [f"{number:064x}" for number in range(1_000)]
    told: list[tuple[object, tuple[str, ...]]] = [
        (crowd, tuple(crowd[: limits.INSTEAD])),
        ([crowd[0], crowd[0], "Z" * 64, 7], (crowd[0],)),
        ([None, {"a": 1}], ()),
        ("no list", ()),
        ({"0": crowd[0]}, ()),
    ]
    for instead, expected in told:
        content = json.dumps({"reason": "full", "instead": instead})
        found = codec.decode(
            make(events.DROP_CONNECTION, guest.pubkey, content, [("p", host.pubkey)])
        )
        assert isinstance(found, events.ConnectionDropped)
        assert (found.reason, found.instead) == ("full", expected)
