from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NamedTuple

import pytest

from tui.controller import intents
from tui.controller.intents import AnyIntent, HostSpace, JoinSpace
from tui.controller.messages import IntentRefused, Joined, RoleChanged, SpaceFound

Run = Callable[..., Awaitable[Any]]
NOBODY = "0" * 64


class Room(NamedTuple):
    """A host, a co-host and a listener, who do what the test says."""

    host: Any
    cohost: Any
    listener: Any

    def pubkey(self, who: str) -> str:
        return str(getattr(self, who).view.me.pubkey)


@pytest.fixture
async def room(run: Run) -> AsyncIterator[Room]:
    host = await run(name="host")
    host.do(HostSpace("Tea"))
    ref = (await host.hears(SpaceFound)).ref
    await host.hears(Joined)
    guests = [await run(name=name) for name in ("cohost", "listener")]
    for guest in guests:
        guest.do(JoinSpace(ref))
        await guest.hears(Joined)
    room = Room(host, *guests)
    cohost = room.pubkey("cohost")
    for client in room:
        await client.sees(lambda view: len(view.participants) == 3)
    host.do(intents.PromoteCohost(cohost))
    for client in room:
        await client.hears(RoleChanged, pubkey=cohost, role="cohost")
    yield room


REFUSED: list[tuple[str, Callable[[Room], AnyIntent], str]] = [
    ("cohost", lambda room: intents.CloseSpace(), "only the host closes a space"),
    ("cohost", lambda room: intents.Lock(True), "only the host locks a space"),
    ("cohost", lambda room: intents.PromoteCohost(room.pubkey("listener")), "only the host makes"),
    ("listener", lambda room: intents.CloseSpace(), "only the host closes a space"),
    (
        "listener",
        lambda room: intents.PromoteSpeaker(room.pubkey("listener")),
        "only the host and co-hosts let people on stage",
    ),
    (
        "listener",
        lambda room: intents.Demote(room.pubkey("cohost")),
        "only the host and co-hosts take people off",
    ),
    ("listener", lambda room: intents.Demote(), "you are not on stage"),
    ("listener", lambda room: intents.Deny(NOBODY), "only the host and co-hosts turn hands down"),
    ("listener", lambda room: intents.Defer(NOBODY), "only the host and co-hosts have a queue"),
    ("listener", lambda room: intents.Invite(NOBODY), "only the host and co-hosts invite"),
    (
        "listener",
        lambda room: intents.Remove(room.pubkey("cohost")),
        "only the host and co-hosts remove",
    ),
    ("listener", lambda room: intents.Pardon(NOBODY), "only the host and co-hosts pardon"),
    (
        "listener",
        lambda room: intents.AskMute(room.pubkey("host")),
        "only the host and co-hosts mute people",
    ),
    ("listener", lambda room: intents.MuteAll(), "only the host and co-hosts mute everybody"),
    ("listener", lambda room: intents.Undo(), "there is nothing to undo"),
    ("listener", lambda room: intents.LowerHand(), "your hand is not up"),
    ("listener", lambda room: intents.AcceptInvite(), "nobody asks you"),
    ("listener", lambda room: intents.DeclineInvite(), "nobody asks you"),
    ("listener", lambda room: intents.Mute(False), "you are not on stage"),
    ("listener", lambda room: intents.Chat(" \n"), "nothing to send"),
    ("listener", lambda room: intents.React("hello"), "one emoji"),
    ("listener", lambda room: intents.Hide(room.pubkey("listener")), "nobody hides themselves"),
    ("listener", lambda room: intents.ExportJournal("journal"), "absolute"),
    ("listener", lambda room: intents.StopRecording(), "you record nothing"),
    ("listener", lambda room: intents.Record("recordings"), "absolute"),
    ("listener", lambda room: intents.Record("~nobody-here/x"), "no folder"),
    ("listener", lambda room: intents.Record("/tmp/\0"), "no folder"),
    ("listener", lambda room: intents.SetVolume("nonsense", 1.0), "no pubkey"),
    ("listener", lambda room: intents.SetVolume(room.pubkey("host"), 4.5), "from 0 to 4"),
    ("listener", lambda room: intents.SetVolume(room.pubkey("host"), -0.1), "from 0 to 4"),
    ("listener", lambda room: intents.SetVolume(room.pubkey("listener"), 1), "hears themselves"),
    ("cohost", lambda room: intents.RequestSpeech(), "on stage already"),
    ("cohost", lambda room: intents.PromoteSpeaker(NOBODY), "nobody here has this key"),
    ("cohost", lambda room: intents.PromoteSpeaker(room.pubkey("host")), "on stage already"),
    (
        "cohost",
        lambda room: intents.Demote(room.pubkey("host")),
        "the host closes the space instead",
    ),
    ("cohost", lambda room: intents.Demote(room.pubkey("listener")), "no hand is up"),
    ("cohost", lambda room: intents.Demote("nonsense"), "no pubkey"),
    ("cohost", lambda room: intents.Deny(room.pubkey("listener")), "that hand is not up"),
    ("cohost", lambda room: intents.Defer(room.pubkey("listener")), "that hand is not up"),
    ("cohost", lambda room: intents.Invite("nonsense"), "no pubkey"),
    ("cohost", lambda room: intents.Invite(room.pubkey("host")), "on stage already"),
    ("cohost", lambda room: intents.Remove(room.pubkey("host")), "nobody does that to the host"),
    ("cohost", lambda room: intents.Remove(room.pubkey("cohost")), "leave the space instead"),
    ("cohost", lambda room: intents.Pardon(room.pubkey("listener")), "was not removed"),
    ("cohost", lambda room: intents.AskMute(room.pubkey("host")), "nobody does that to the host"),
    ("cohost", lambda room: intents.AskMute(room.pubkey("listener")), "not on stage"),
    ("host", lambda room: intents.Demote(), "the host closes the space instead"),
    ("host", lambda room: intents.PromoteCohost(room.pubkey("cohost")), "moderates already"),
    ("host", lambda room: intents.AskMute(room.pubkey("host")), "mute yourself instead"),
]


async def test_what_may_not_be_is_refused_with_who_may_or_what_is_in_the_way(room: Room) -> None:
    for who, make, words in REFUSED:
        client, intent = getattr(room, who), make(room)
        client.do(intent)
        name = intents.intent_name(intent)
        assert words in (await client.hears(IntentRefused, intent=name)).reason, (who, intent)
    roles = {"host", "cohost", "listener"}
    await room.host.sees(lambda view: {p.role for p in view.participants.values()} == roles)


async def test_the_volume_of_somebody_is_ours_alone(room: Room) -> None:
    host = room.pubkey("host")
    room.listener.do(intents.SetVolume(host, 0.5))
    await room.listener.sees(lambda view: view.participants[host].volume == 0.5)
    assert room.cohost.view.participants[host].volume == 1.0
    room.listener.do(intents.SetVolume(host, 1.0))
    await room.listener.sees(lambda view: view.participants[host].volume == 1.0)


async def test_devices_change_while_a_space_goes_on(room: Room) -> None:
    room.listener.do(intents.UseSpeaker("null"), intents.UseMicrophone("tone:440"))
    await room.listener.sees(lambda view: view.audio.microphone == "tone:440")
    room.listener.do(intents.UseMicrophone("file:/nowhere"))
    refused = await room.listener.hears(IntentRefused)
    assert "does not exist" in refused.reason
    assert room.listener.view.audio.microphone == "tone:440"


async def test_a_device_chosen_before_is_used_in_the_next_space(run: Run) -> None:
    client = await run()
    client.do(intents.UseMicrophone("tone:330"))
    await client.sees(lambda view: view.audio.microphone == "tone:330")
    client.do(HostSpace("Tea"))
    await client.hears(Joined)
    assert client.view.audio.microphone == "tone:330"


async def test_relays_that_all_answer_need_no_other_attempt(room: Room) -> None:
    room.host.do(intents.RetryRelays())
    assert "no relay waits" in (await room.host.hears(IntentRefused)).reason
