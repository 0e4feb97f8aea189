from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tui.config import limits
from tui.nostr.event import Draft, Event, is_addressable
from tui.spaces import events
from tui.spaces.codec import decode
from tui.spaces.events import Metrics, SpaceRef
from tui.spaces.state import Edge, SpaceState
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
        lambda writer, now: writer.promote_cohost(now, other),
        lambda writer, now: writer.demote(now, other),
        lambda writer, now: writer.demote(now, ME),
        lambda writer, now: writer.remove(now, other),
        lambda writer, now: writer.invite(now, other),
        lambda writer, now: writer.propose(now, other),
        lambda writer, now: writer.ask_mute(now, other),
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
        (writer.promote_cohost(AT, ANN), events.PROMOTE_COHOST, [ANN], [f"tea||{HOST}||{ANN}"]),
        (writer.remove(AT, ANN), events.REMOVE_PEER, [ANN], [f"tea||{HOST}||{ANN}"]),
        (writer.invite(AT, ANN), events.INVITE_PEER, [ANN], [f"tea||{HOST}||{ANN}"]),
        (writer.propose(AT, ANN), events.REQUEST_SPEECH, [ANN], [f"tea||{HOST}||{ANN}"]),
        (writer.ask_mute(AT, ANN), events.MUTE_REQUEST, [ANN], []),
        (writer.ask_mute(AT), events.MUTE_REQUEST, [], []),
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
    scheduled = writer.create(AT, "Tea", METRICS, topics=("tea",), starts=AT + 9, access="invite")
    assert content(scheduled).items() >= {"starts": AT + 9, "access": "invite"}.items()
    assert content(scheduled)["topics"] == ["tea"]
    assert "access" not in content(writer.create(AT, "Tea", METRICS, access="open"))
    joined = {"name": "me", "publicKey": ME, "networkMetrics": metrics}
    assert content(writer.join(AT, "me", METRICS)) == joined
    assert content(writer.reserve(AT, ANN, "mutual", METRICS)) == {
        "type": "mutual",
        "networkMetrics": metrics,
    }
    assert content(writer.confirm(AT, ANN, "consumer", METRICS, standby=True)) == {
        "type": "consumer",
        "networkMetrics": metrics,
        "standby": True,
    }
    assert content(writer.drop(AT, ANN, "moved", "n")) == {"reason": "moved"}
    assert content(writer.drop(AT, ANN, "", "n", [ME])) == {"instead": [ME]}
    crowd = [f"{number:064x}" for number in range(9)]
    assert content(writer.drop(AT, ANN, "full", "n", crowd))["instead"] == crowd[: limits.INSTEAD]
    assert content(writer.demote(AT, ANN, "later")) == {"reason": "later"}
    assert content(writer.remove(AT, ANN, "noise")) == {"reason": "noise"}
    assert writer.propose(AT, ANN, "come up?").content == "come up?"
    for empty in (
        writer.close(AT),
        writer.leave(AT),
        writer.promote(AT, ANN),
        writer.promote_cohost(AT, ANN),
        writer.demote(AT, ANN),
        writer.remove(AT, ANN),
        writer.invite(AT, ANN),
        writer.propose(AT, ANN),
        writer.ask_mute(AT),
        writer.request_speech(AT),
        writer.drop(AT, ANN, "", "n"),
    ):
        assert empty.content == ""
    assert ("status", "withdrawn") in writer.request_speech(AT, withdrawn=True).tags
    assert ("enc", "nip44") in writer.join(AT, "me", METRICS).tags
    sealed = writer.join(AT, "me", METRICS, seal=lambda text: text[::-1])
    assert msgspec.json.decode(sealed.content[::-1]) == joined


def test_a_hand_shown_again_says_since_when_it_is_up() -> None:
    writer = Writer(SPACE, ME)
    assert tags(writer.request_speech(AT, since=AT), "since") == []
    assert tags(writer.request_speech(AT + 15, since=AT), "since") == [str(AT)]
    assert tags(writer.request_speech(AT + 20, since=AT, withdrawn=True), "since") == []


def test_a_confirmation_counts_after_the_drop_that_its_request_followed() -> None:
    """ANN drops and asks again within a second; our clock is three seconds behind hers."""
    ann, writer = Writer(SPACE, ANN), Writer(SPACE, ME)
    dropped = ann.drop(AT, ME, "moved", "n")
    reserved = ann.reserve(AT, ME, "consumer", METRICS)
    writer.heard(read(reserved, ANN), AT - 3)
    confirmed = writer.confirm(AT - 3, ANN, "consumer", METRICS)
    assert dropped.created_at < reserved.created_at < confirmed.created_at
    here = [(ann.join(AT, "ann", METRICS), ANN), (writer.join(AT, "me", METRICS), ME)]
    said = [read(draft, who) for draft, who in [*here, (dropped, ANN), (confirmed, ME)]]
    for history in (said, said[::-1]):
        state = SpaceState(SPACE)
        for event in history:
            state.apply(event)
        assert list(state.edges(AT + 5)) == [Edge(ANN, ME, "consumer")]


def test_nobody_pushes_our_dates_into_the_future() -> None:
    ann, writer = Writer(SPACE, ANN), Writer(SPACE, ME)
    writer.heard(read(ann.reserve(AT + 60, ME, "consumer", METRICS), ANN), AT)
    late = writer.confirm(AT, ANN, "consumer", METRICS).created_at
    assert AT < late <= AT + limits.DATED_AHEAD_SECONDS + 1
    assert writer.confirm(AT, HOST, "consumer", METRICS).created_at == AT


def read(draft: Draft, signer: str) -> Any:
    event = Event(
        id=f"{hash(draft) % 2**256:064x}",
        pubkey=signer,
        created_at=draft.created_at,
        kind=draft.kind,
        tags=draft.tags,
        content=draft.content,
        sig="0" * 128,
    )
    return decode(event)
