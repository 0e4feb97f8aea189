from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tui.nostr.event import Draft, is_addressable
from tui.spaces import events
from tui.spaces.events import Metrics, SpaceRef
from tui.spaces.writer import Writer

HOST, ME, ANN = "1" * 64, "a" * 64, "b" * 64
SPACE = SpaceRef(HOST, "tea")
METRICS = Metrics(upload_kbps=500, max_audio_outputs=10)
AT = 1_000

Act = Callable[[Writer, int], Draft]


def acts(other: str) -> list[Act]:
    return [
        lambda writer, now: writer.create(now, "Tea", METRICS, "", ()),
        lambda writer, now: writer.close(now),
        lambda writer, now: writer.join(now, "me", METRICS),
        lambda writer, now: writer.leave(now),
        lambda writer, now: writer.promote(now, other),
        lambda writer, now: writer.demote(now, other),
        lambda writer, now: writer.demote(now, ME),
        lambda writer, now: writer.request_speech(now),
        lambda writer, now: writer.request_speech(now, withdrawn=True),
        lambda writer, now: writer.reserve(now, other, "consumer", METRICS),
        lambda writer, now: writer.confirm(now, other, "mutual", METRICS),
        lambda writer, now: writer.drop(now, other, "", "nonce"),
        lambda writer, now: writer.offer(now, other, "sdp"),
        lambda writer, now: writer.candidate(now, other, "ice"),
    ]


def tags(draft: Draft, name: str) -> list[str]:
    return [tag[1] for tag in draft.tags if tag[0] == name]


@given(
    st.lists(
        st.tuples(st.integers(-2, 3), st.sampled_from([*acts(ANN), *acts(HOST), *acts(ME)])),
        max_size=40,
    )
)
def test_no_two_drafts_about_the_same_carry_the_same_second(script: list[tuple[int, Act]]) -> None:
    """Whatever is said, in whatever tempo, and when the clock is set back too."""
    writer, now = Writer(SPACE, ME), AT
    dates: dict[str, int] = {}
    for seconds, act in script:
        now += seconds
        draft = act(writer, now)
        assert draft.created_at >= now
        for d in tags(draft, "d"):
            assert draft.created_at > dates.get(d, 0)
            dates[d] = draft.created_at


def test_what_follows_within_a_second_about_one_connection_is_dated_in_order() -> None:
    writer = Writer(SPACE, ME)
    drafts = [
        writer.reserve(AT, ANN, "mutual", METRICS),
        writer.drop(AT, ANN, "no answer", "n1"),
        writer.confirm(AT, ANN, "mutual", METRICS),
        writer.drop(AT, ANN, "moved", "n2"),
    ]
    assert [draft.created_at for draft in drafts] == [AT, AT + 1, AT + 2, AT + 3]
    assert writer.reserve(AT, HOST, "mutual", METRICS).created_at == AT


def test_joining_again_after_leaving_is_dated_after_it_and_promotion_after_demotion() -> None:
    writer = Writer(SPACE, ME)
    assert writer.join(AT, "me", METRICS).created_at == AT
    assert writer.leave(AT).created_at == AT + 1
    assert writer.join(AT + 1, "me", METRICS).created_at == AT + 2
    assert writer.promote(AT, ANN).created_at == AT
    assert writer.demote(AT, ANN).created_at == AT + 1
    assert writer.promote(AT + 60, ANN).created_at == AT + 60


def test_tags_are_those_of_the_profile() -> None:
    writer = Writer(SPACE, ME)
    expected: list[tuple[Draft, int, list[str], list[str]]] = [
        (writer.create(AT, "Tea", METRICS, "", ()), events.CREATE_SPACE, [], []),
        (writer.close(AT), events.CLOSE_SPACE, [], []),
        (writer.join(AT, "me", METRICS), events.JOIN_SPACE, [], [f"tea||{HOST}||{ME}"]),
        (writer.leave(AT), events.LEAVE_SPACE, [], [f"tea||{HOST}||{ME}"]),
        (writer.request_speech(AT), events.REQUEST_SPEECH, [ME], [f"tea||{HOST}||{ME}"]),
        (writer.promote(AT, ANN), events.PROMOTE_SPEAKER, [ANN], [f"tea||{HOST}||{ANN}"]),
        (writer.demote(AT, ANN), events.DEMOTE_TO_PEER, [ANN], [f"tea||{HOST}||{ANN}"]),
        (
            writer.reserve(AT, ANN, "consumer", METRICS),
            events.RESERVE_CONNECTION,
            [ANN],
            [f"tea||{HOST}||{ME}||{ANN}"],
        ),
        (
            writer.confirm(AT, ANN, "consumer", METRICS),
            events.CONFIRM_CONNECTION,
            [ANN],
            [f"tea||{HOST}||{ANN}||{ME}"],
        ),
        (
            writer.drop(AT, ANN, "", "nonce"),
            events.DROP_CONNECTION,
            [ANN],
            [f"tea||{HOST}||{ME}||{ANN}||nonce"],
        ),
        (writer.offer(AT, ANN, ""), events.SDP_OFFER, [ANN], []),
        (writer.answer(AT, ANN, ""), events.SDP_ANSWER, [ANN], []),
        (writer.candidate(AT, ANN, ""), events.ICE_CANDIDATE, [ANN], []),
    ]
    for draft, kind, p, d in expected:
        assert draft.kind == kind
        assert (tags(draft, "s"), tags(draft, "h")) == (["tea"], [HOST])
        assert tags(draft, "webrtc") == ["spaces"]
        assert (tags(draft, "p"), tags(draft, "d")) == (p, d)
        if is_addressable(kind):
            assert d


def test_joins_and_connections_expire_at_relays() -> None:
    writer = Writer(SPACE, ME)
    assert tags(writer.join(AT, "me", METRICS), "expiration") == [str(AT + 180)]
    for draft in (
        writer.reserve(AT, ANN, "consumer", METRICS),
        writer.confirm(AT, ANN, "consumer", METRICS),
        writer.drop(AT, ANN, "", "nonce"),
    ):
        assert int(tags(draft, "expiration")[0]) > AT + 600
    assert tags(writer.promote(AT, ANN), "expiration") == []
    assert tags(writer.leave(AT), "expiration") == []


def test_contents_are_json_as_the_draft_shows() -> None:
    writer = Writer(SPACE, ME)
    metrics = {
        "downloadSpeedKbps": 0,
        "uploadSpeedKbps": 500,
        "maxAudioOutputs": 10,
        "networkConnectionType": "",
    }

    def content(draft: Draft) -> Any:
        return msgspec.json.decode(draft.content) if draft.content else None

    assert content(writer.create(AT, "Tea", METRICS, "", ("ws://relay",))) == {
        "id": "tea",
        "name": "Tea",
        "host": {"publicKey": ME, "networkMetrics": metrics},
        "relays": ["ws://relay"],
    }
    assert content(writer.create(AT, "Tea", METRICS, "hot", ()))["summary"] == "hot"
    joined = {"name": "me", "publicKey": ME, "networkMetrics": metrics}
    assert content(writer.join(AT, "me", METRICS)) == joined
    assert content(writer.reserve(AT, ANN, "mutual", METRICS)) == {
        "type": "mutual",
        "networkMetrics": metrics,
    }
    assert content(writer.drop(AT, ANN, "moved", "n")) == {"reason": "moved"}
    assert content(writer.demote(AT, ANN, "later")) == {"reason": "later"}
    for empty in (
        writer.close(AT),
        writer.leave(AT),
        writer.promote(AT, ANN),
        writer.demote(AT, ANN),
        writer.request_speech(AT),
        writer.drop(AT, ANN, "", "n"),
    ):
        assert empty.content == ""
    assert ("status", "withdrawn") in writer.request_speech(AT, withdrawn=True).tags
    assert ("enc", "nip44") in writer.join(AT, "me", METRICS).tags
