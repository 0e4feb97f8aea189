import json
from collections.abc import Callable

import pytest

from tui.config import limits
from tui.nostr.event import Draft, Event, decode_event, signature_ok
from tui.nostr.keys import LocalSigner
from tui.spaces import codec
from tui.spaces.events import Metrics, SpaceRef
from tui.spaces.journal import Journal
from tui.spaces.rooms import write_announcement
from tui.spaces.state import SpaceState
from tui.spaces.writer import Writer

AT = 1_700_000_000
Make = Callable[..., Event]


class Room:
    """A space, its journal, and who writes in it."""

    def __init__(self, space: SpaceRef) -> None:
        self.space = space
        self.state = SpaceState(space)
        self.journal = Journal(self.state)

    def writer(self, signer: LocalSigner) -> Writer:
        return Writer(self.space, signer.pubkey)

    async def says(self, signer: LocalSigner, draft: Draft) -> Event:
        event = await signer.sign(draft)
        self.hear(event)
        return event

    def hear(self, event: Event) -> bool:
        self.state.apply(codec.decode(event))
        return self.journal.add(event)

    @property
    def told(self) -> list[tuple[str, str, str]]:
        return [(entry.act, entry.reason, entry.refused) for entry in self.journal.entries]


@pytest.fixture
def room(space: SpaceRef) -> Room:
    return Room(space)


async def test_every_act_by_whom_on_whom_why_and_whether_it_was_honoured(
    room: Room, host: LocalSigner, guest: LocalSigner, stranger: LocalSigner
) -> None:
    ours, theirs, forged = map(room.writer, (host, guest, stranger))
    script = [
        (host, ours.create(AT, "Tea", Metrics()), ("created", "", "")),
        (host, ours.propose(AT + 1, guest.pubkey, "come up?"), ("asked to speak", "come up?", "")),
        (host, ours.promote(AT + 2, guest.pubkey), ("promoted", "", "")),
        (guest, theirs.demote(AT + 3, guest.pubkey), ("stepped down", "", "")),
        (host, ours.demote(AT + 4, guest.pubkey, "later"), ("denied", "later", "")),
        (host, ours.promote_cohost(AT + 5, guest.pubkey), ("made co-host", "", "")),
        (guest, theirs.invite(AT + 6, stranger.pubkey), ("invited", "", "")),
        (guest, theirs.ask_mute(AT + 7), ("asked to mute", "", "")),
        (stranger, forged.remove(AT + 8, guest.pubkey), ("removed", "", "may not remove")),
        (stranger, forged.ask_mute(AT + 9), ("asked to mute", "", "may not ask to mute")),
        (guest, theirs.remove(AT + 10, stranger.pubkey, "noise"), ("removed", "noise", "")),
        (guest, theirs.demote(AT + 11, stranger.pubkey), ("pardoned", "", "")),
        (host, ours.demote(AT + 12, guest.pubkey), ("demoted", "", "")),
        (stranger, forged.close(AT + 13), ("closed", "", "only the host closes a space")),
        (host, ours.close(AT + 14), ("closed", "", "")),
    ]
    events = [await signer.sign(draft) for signer, draft, _ in script]
    for event in reversed(events):
        assert room.hear(event)
        assert not room.journal.add(event)
    assert room.told == [entry for _, _, entry in script]
    assert [entry.by for entry in room.journal.entries] == [
        signer.pubkey for signer, _, _ in script
    ]
    assert room.journal.entries[2].target == guest.pubkey
    assert room.journal.entry(events[2].id) == room.journal.entries[2]
    assert room.journal.entry("0" * 64) is None


async def test_what_is_no_act_of_this_space_is_not_kept(
    room: Room, host: LocalSigner, guest: LocalSigner, make: Make
) -> None:
    theirs, other = room.writer(guest), Writer(SpaceRef(host.pubkey, "other"), host.pubkey)
    for signer, draft in (
        (guest, theirs.join(AT, "Gus", Metrics())),
        (guest, theirs.request_speech(AT)),
        (guest, theirs.reserve(AT, host.pubkey, "consumer", Metrics())),
        (host, other.promote(AT, guest.pubkey)),
        (host, other.close(AT)),
    ):
        await room.says(signer, draft)
    assert not room.journal.add(make(1, host.pubkey))
    assert not room.journal.add(make(31107, host.pubkey, bare=[]))
    assert room.told == []


async def test_the_lock_is_an_act_when_it_is_turned(room: Room, host: LocalSigner) -> None:
    created = codec.decode(await room.says(host, room.writer(host).create(AT, "Tea", Metrics())))
    for seconds, locked_at in ((1, 0), (2, 0), (3, AT + 3), (63, AT + 3), (99, 0), (160, 0)):
        draft = write_announcement(created, AT + seconds, status="live", locked_at=locked_at)
        await room.says(host, draft)
    assert room.told == [("created", "", ""), ("locked", "", ""), ("unlocked", "", "")]


async def test_a_space_begins_before_anything_else_of_its_second(
    room: Room, host: LocalSigner
) -> None:
    ours = room.writer(host)
    for number in range(5):
        await room.says(host, ours.invite(AT, f"{number:064x}"))
    await room.says(host, ours.create(AT, "Tea", Metrics()))
    assert [act for act, _, _ in room.told] == ["created", *["invited"] * 5]


async def test_the_verdict_is_the_present_one(
    room: Room, host: LocalSigner, guest: LocalSigner, stranger: LocalSigner
) -> None:
    await room.says(guest, room.writer(guest).promote(AT + 5, stranger.pubkey))
    await room.says(guest, room.writer(guest).propose(AT + 6, host.pubkey))
    assert [entry.refused for entry in room.journal.entries] == [
        "may not promote",
        "may not ask to speak",
    ]
    await room.says(host, room.writer(host).promote_cohost(AT, guest.pubkey))
    assert [entry.refused for entry in room.journal.entries] == ["", "", "may not ask to speak"]


async def test_the_export_is_read_back_and_verifies(
    room: Room, host: LocalSigner, guest: LocalSigner
) -> None:
    ours = room.writer(host)
    said = [
        await room.says(host, ours.remove(AT + 9, guest.pubkey, 'naïve "quotes"\n\u2028 🎤')),
        await room.says(guest, room.writer(guest).remove(AT + 5, host.pubkey)),
        await room.says(host, ours.create(AT, "Tea", Metrics())),
    ]
    lines = list(room.journal.lines())
    assert all("\n" not in line and isinstance(json.loads(line), dict) for line in lines)
    back = [decode_event(line) for line in "\n".join(lines).split("\n")]
    assert back == said[::-1]
    assert all(map(signature_ok, back))
    again = Room(room.space)
    for event in back:
        again.hear(event)
    assert again.told == room.told


@pytest.mark.parametrize("signers", [1, 500])
def test_a_flood_of_forged_acts_hides_nothing_that_was_honoured(
    room: Room, make: Make, host: LocalSigner, guest: LocalSigner, signers: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(limits, "JOURNAL_EVENTS", 50)
    for at in range(40):
        assert room.hear(make(31107, host.pubkey, "", [("p", guest.pubkey)], at=AT + at))
    for number in range(500):
        forger = f"{number % signers + 100:064x}"
        room.hear(make(31106, forger, "", [("p", guest.pubkey)], at=AT + 100 + number))
        assert len(room.journal.entries) <= 50
    assert sum(not entry.refused for entry in room.journal.entries) == 40
    assert room.journal.forgotten == 540 - len(room.journal.entries)


def test_the_bytes_of_the_journal_are_bounded(
    room: Room, make: Make, host: LocalSigner, guest: LocalSigner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "JOURNAL_BYTES", 20_000)
    tags = [("p", guest.pubkey)]
    room.hear(make(31107, host.pubkey, "", tags, at=AT))
    for number in range(50):
        room.hear(make(31106, guest.pubkey, "x" * 5_000, tags, at=AT + 1 + number))
        assert sum(map(len, room.journal.lines())) < 20_000
    assert not room.hear(make(31106, guest.pubkey, "x" * 50_000, tags, at=AT + 60))
    assert room.told[0] == ("promoted", "", "")
    for number in range(50):
        room.hear(make(31107, host.pubkey, "x" * 5_000, tags, at=AT + 70 + number))
        assert sum(map(len, room.journal.lines())) < 20_000
