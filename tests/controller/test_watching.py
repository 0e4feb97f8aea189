import time
from collections.abc import Awaitable, Callable
from typing import Any

from tui.controller.intents import Chat, HostSpace, JoinSpace, LeaveSpace, WatchRoom
from tui.controller.messages import ChatReceived, Failed, IntentRefused, Joined, SpaceFound
from tui.nostr.event import Draft
from tui.nostr.keys import LocalSigner, SecretKey
from tui.nostr.pool import Pool
from tui.relay.server import RelayServer
from tui.spaces.messages import write_message
from tui.spaces.rooms import RoomRef

Run = Callable[..., Awaitable[Any]]


class Person:
    """Somebody with another client, who says what the test wants."""

    def __init__(self, relay: RelayServer) -> None:
        self._relay = relay
        self._signer = LocalSigner(SecretKey.generate())
        self.pubkey = self._signer.pubkey

    async def say(self, *drafts: Draft) -> None:
        async with Pool((self._relay.url,)) as pool:
            for draft in drafts:
                results = await pool.publish(await self._signer.sign(draft))
                assert all(result.ok for result in results.values())


async def test_a_space_is_looked_into_without_a_trace(run: Run, relay: RelayServer) -> None:
    host = await run(name="Grace")
    host.do(HostSpace("Tea", summary="Songs"))
    ref = (await host.hears(SpaceFound)).ref
    await host.hears(Joined)
    host.do(Chat("hello there"))
    await host.hears(ChatReceived)

    guest = await run()
    guest.do(WatchRoom(ref))
    room = await guest.sees(lambda view: view.room and view.room.state == "live" and view.room)
    assert (room.ref, room.name, room.kind, room.summary) == (ref, "Tea", "space", "Songs")
    assert room.host_name == "Grace"
    await guest.sees(
        lambda view: [person.role for person in view.participants.values()] == ["host"]
    )
    await guest.sees(lambda view: [line.text for line in view.chat.values()] == ["hello there"])
    host.do(Chat("anybody here?"))
    await guest.hears(ChatReceived, text="anybody here?")
    guest.do(Chat("yes"))
    assert (await guest.hears(IntentRefused)).reason == "you are in no space"
    assert len(host.controller._board.view.participants) == 1, (
        "nobody learns that somebody looks in"
    )

    guest.do(JoinSpace(ref))
    await guest.hears(Joined)
    await guest.sees(lambda view: view.room is None and len(view.participants) == 2)
    guest.do(WatchRoom(ref))
    assert "leave the space" in (await guest.hears(IntentRefused)).reason
    guest.do(LeaveSpace())
    await guest.sees(lambda view: not (view.space or view.participants or view.chat))


async def test_a_room_of_another_client_is_read(run: Run, relay: RelayServer) -> None:
    now = int(time.time())
    host, singer, listener = Person(relay), Person(relay), Person(relay)
    ref = RoomRef(30312, host.pubkey, "evening")
    tags = (
        ("d", "evening"),
        ("title", "Evening show"),
        ("status", "open"),
        ("service", "https://example.com/evening"),
        ("p", host.pubkey, "", "Host"),
        ("p", singer.pubkey, "", "Speaker"),
    )
    await host.say(Draft(30312, "", tags, now))
    await listener.say(
        Draft(10312, "", (("a", ref.address), ("hand", "1")), now),
        write_message(ref.address, now, "what a show"),
    )
    guest = await run()
    guest.do(WatchRoom(str(ref)))
    room = await guest.sees(lambda view: view.room)
    assert (room.ref, room.name, room.kind) == (str(ref), "Evening show", "room")
    assert (room.url, room.state, room.host) == ("https://example.com/evening", "live", host.pubkey)
    people = await guest.sees(lambda view: len(view.participants) == 3 and view.participants)
    shown = {pubkey: (one.role, one.present) for pubkey, one in people.items()}
    assert shown == {
        host.pubkey: ("host", False),
        singer.pubkey: ("speaker", False),
        listener.pubkey: ("listener", True),
    }
    assert people[listener.pubkey].hand_since == now
    await guest.sees(lambda view: [line.text for line in view.chat.values()] == ["what a show"])
    passer_by = Person(relay)
    await passer_by.say(
        Draft(0, '{"name": "Ann"}', (), now), write_message(ref.address, now + 1, "who is that?")
    )
    await guest.sees(lambda view: "Ann" in {line.name for line in view.chat.values()})
    guest.do(WatchRoom())
    await guest.sees(lambda view: not (view.room or view.participants or view.chat))


async def test_what_is_not_there_cannot_be_looked_into(run: Run) -> None:
    guest = await run()
    for ref in ("nowhere", "nevent1nonsense", f"{'0' * 64}:tea"):
        guest.do(WatchRoom(ref))
        assert (await guest.hears(Failed)).cause == "unknown_space"


async def test_of_two_looks_the_later_counts(run: Run) -> None:
    host = await run()
    host.do(HostSpace("Tea"))
    ref = (await host.hears(SpaceFound)).ref
    await host.hears(Joined)
    guest = await run()
    guest.do(WatchRoom("nowhere"), WatchRoom(ref))
    await guest.sees(lambda view: view.room and view.room.ref == ref)
    guest.do(WatchRoom("nowhere"), WatchRoom())
    await guest.sees(lambda view: view.room is None)
