import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tui.nostr.filter import Filter
from tui.nostr.keys import LocalSigner
from tui.nostr.pool import Pool
from tui.spaces import admission, events, moderator, speech
from tui.spaces.events import Metrics, SpaceRef
from tui.spaces.roles import Role
from tui.spaces.session import SpaceCreation
from tui.spaces.share import ROOM

Until = Callable[[Callable[[], object]], Awaitable[None]]
Sit = Callable[..., Awaitable[Any]]
Gather = Callable[..., Awaitable[list[Any]]]

TEA = SpaceCreation("Tea")


@pytest.fixture
def gather(sit: Sit, until: Until, signer: Callable[[int], LocalSigner]) -> Gather:
    """Seats that all see one another: a host, then so many co-hosts, speakers and listeners."""

    async def gather(cohosts: int = 0, speakers: int = 0, listeners: int = 0) -> list[Any]:
        seats = [await sit(signer(1), create=TEA)]
        await until(lambda: seats[0].diary.joins)
        for number in range(cohosts + speakers + listeners):
            seats.append(await sit(signer(number + 2)))
        everybody = [seat.me for seat in seats]
        await until(lambda: all(s.session.is_present(who) for s in seats for who in everybody))
        await until(lambda: all(s.diary.joins for s in seats))
        host, *others = seats
        for seat in others[:cohosts]:
            host.session.promote_cohost(seat.me)
        for seat in others[cohosts : cohosts + speakers]:
            host.session.promote(seat.me)
        roles = [Role.COHOST] * cohosts + [Role.SPEAKER] * speakers + [Role.LISTENER] * listeners
        for seat, role in zip(others, roles, strict=True):
            change = (seat.me, role, host.me)
            if role.speaks:
                await until(lambda: all(change in s.diary.roles for s in seats))  # noqa: B023
        return seats

    return gather


def queues(*seats: Any) -> list[list[str]]:
    return [list(seat.session.queue) for seat in seats]


# -- roles


async def test_a_cohost_is_made_moderates_and_is_unmade(gather: Gather, until: Until) -> None:
    host, cohost, guest = await gather(cohosts=1, listeners=1)
    await until(lambda: (cohost.me, Role.COHOST, host.me) in guest.diary.roles)
    cohost.session.promote(guest.me)
    await until(lambda: all(s.sees(guest.me, Role.SPEAKER) for s in (host, cohost, guest)))
    await until(lambda: (guest.me, Role.SPEAKER, cohost.me) in host.diary.roles)
    cohost.session.demote(guest.me)
    await until(lambda: all(s.sees(guest.me, Role.LISTENER) for s in (host, cohost, guest)))
    host.session.demote(cohost.me)
    await until(lambda: all(s.sees(cohost.me, Role.LISTENER) for s in (host, cohost, guest)))
    cohost.session.promote(guest.me)  # whoever was unmade has no say any more
    await until(lambda: any("may not promote" in line for line in guest.diary.lines))
    assert guest.session.role is Role.LISTENER
    refused = [entry for entry in host.session.journal.entries if entry.refused]
    assert [(entry.by, entry.target) for entry in refused] == [(cohost.me, guest.me)]
    await until(lambda: refused[0].id in host.diary.journal_ids)


async def test_everybody_may_step_down(gather: Gather, until: Until) -> None:
    host, cohost, speaker = await gather(cohosts=1, speakers=1)
    for seat in (cohost, speaker):
        seat.session.demote(seat.me)
        await until(lambda: all(s.sees(seat.me, Role.LISTENER) for s in (host, cohost, speaker)))  # noqa: B023
        await until(lambda: (seat.me, Role.LISTENER, seat.me) in host.diary.roles)  # noqa: B023
        assert seat.session.undoable == ""


# -- hands


async def test_host_and_cohosts_see_the_same_queue(gather: Gather, until: Until) -> None:
    host, cohost, ann, bob, cem = await gather(cohosts=1, listeners=3)
    for seat in (bob, ann, cem):
        seat.session.request_speech()
        await until(lambda: all(seat.me in s.session.queue for s in (host, cohost)))  # noqa: B023
    everybody = sorted(
        (ann.me, bob.me, cem.me), key=lambda who: (host.session.hand_since(who), who)
    )
    assert queues(host, cohost) == [everybody, everybody]
    assert {s.session.hand_since(ann.me) for s in (host, cohost)} == {
        ann.session.state.hand_since(ann.me, time.time())
    }
    ann.session.withdraw_speech()
    cohost.session.promote(bob.me)
    await until(lambda: queues(host, cohost) == [[cem.me], [cem.me]])
    assert host.session.queue == {cem.me: 1}


async def test_a_hand_is_shown_again_and_again_and_goes_down_when_it_is_not(
    sit: Sit, until: Until, host: LocalSigner, guest: LocalSigner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speech, "HAND_EVERY", 0.5)
    later = 0.0
    first = await sit(host, create=TEA, now=lambda: time.time() + later)
    second = await sit(guest)
    await until(lambda: second.diary.joins)
    second.session.request_speech()
    await until(lambda: guest.pubkey in first.session.queue)
    since = first.session.hand_since(guest.pubkey)
    await until(lambda: first.session.state.hand_shown_at(guest.pubkey) >= since + 2)
    assert first.session.hand_since(guest.pubkey) == since  # it has never been down
    assert second.session.hand_up
    monkeypatch.setattr(speech, "HAND_EVERY", 1000.0)
    later = 50.0
    await until(lambda: guest.pubkey not in first.session.queue)
    assert first.diary.hands == [guest.pubkey]


async def test_a_denial_is_shown_at_once_and_told_once_it_cannot_be_taken_back(
    gather: Gather, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, cohost, guest = await gather(cohosts=1, listeners=1)
    guest.session.request_speech()
    await until(lambda: queues(host, cohost) == [[guest.me]] * 2)
    cohost.session.deny(guest.me, "later, please")
    assert cohost.session.hand_since(guest.me) == 0
    await until(lambda: cohost.session.queue == {})
    assert list(host.session.queue) == [guest.me]
    assert guest.session.hand_up
    monkeypatch.setattr(cohost.session._moderator, "_monotonic", lambda: time.monotonic() + 6)
    await until(lambda: guest.diary.denials == [(cohost.me, "later, please")])
    assert not guest.session.hand_up
    await until(lambda: queues(host, cohost) == [[], []])
    assert guest.session.role is Role.LISTENER
    # Asking again is asking again.
    guest.session.request_speech()
    await until(lambda: queues(host, cohost) == [[guest.me]] * 2)


async def test_a_denial_that_others_have_overtaken_is_not_sent(
    gather: Gather, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would take off the stage whom another moderator has let on it."""
    host, cohost, guest = await gather(cohosts=1, listeners=1)
    guest.session.request_speech()
    await until(lambda: queues(host, cohost) == [[guest.me]] * 2)
    cohost.session.deny(guest.me)
    host.session.promote(guest.me)
    await until(lambda: cohost.sees(guest.me, Role.SPEAKER))
    monkeypatch.setattr(cohost.session._moderator, "_monotonic", lambda: time.monotonic() + 6)
    await until(lambda: not cohost.session._moderator.denies(guest.me))
    cohost.session.promote(guest.me)  # something that comes after it
    await until(lambda: guest.session.state.last_act(guest.me).signer == cohost.me)
    assert guest.session.role is Role.SPEAKER
    assert guest.diary.denials == []


async def test_later_puts_a_hand_last_on_ones_own_screen_only(gather: Gather, until: Until) -> None:
    host, cohost, ann, bob = await gather(cohosts=1, listeners=2)
    ann.session.request_speech()
    await until(lambda: queues(host, cohost) == [[ann.me]] * 2)
    # Hands of one second stand in the order of their keys.
    await until(lambda: time.time() > host.session.hand_since(ann.me) + 1)
    bob.session.request_speech()
    await until(lambda: queues(host, cohost) == [[ann.me, bob.me]] * 2)
    host.session.defer(ann.me)
    await until(lambda: queues(host, cohost) == [[bob.me, ann.me], [ann.me, bob.me]])
    assert host.session.later == {ann.me}
    assert host.session.undo()
    await until(lambda: queues(host) == [[ann.me, bob.me]])
    host.session.defer(ann.me)
    ann.session.withdraw_speech()
    await until(lambda: queues(host) == [[bob.me]])
    assert host.session.later == set()


async def test_who_is_asked_to_speak_and_wants_to_is_on_stage_with_a_shut_microphone(
    gather: Gather, until: Until
) -> None:
    host, cohost, guest = await gather(cohosts=1, listeners=1)
    guest.session.mute(False)
    cohost.session.invite(guest.me, "Tell us of your trip")
    await until(lambda: guest.diary.invitations == [(cohost.me, "Tell us of your trip")])
    assert guest.session.proposal.by == cohost.me
    guest.session.accept_invite()
    await until(lambda: all(s.sees(guest.me, Role.SPEAKER) for s in (host, cohost, guest)))
    assert guest.session.microphone == "muted"
    assert guest.session.proposal is None
    await until(lambda: (guest.me, Role.SPEAKER, cohost.me) in host.diary.roles)


async def test_who_does_not_want_to_speak_stays_and_may_still_ask(
    gather: Gather, until: Until
) -> None:
    host, guest, other = await gather(listeners=2)
    host.session.invite(guest.me)
    await until(lambda: guest.session.proposal)
    guest.session.decline_invite()
    assert guest.session.proposal is None
    other.session.request_speech()  # whom nobody has asked
    await until(lambda: list(host.session.queue) == [other.me])
    assert host.session.state.role_of(guest.me) is Role.LISTENER


async def test_only_moderators_ask_and_not_too_often(gather: Gather, until: Until) -> None:
    host, guest, stranger = await gather(listeners=2)
    stranger.session.invite(guest.me, "buy this")
    stranger.session.ask_mute()
    await until(lambda: guest.session.dropped.get("asked of us without authority") == 2)
    for number in range(speech.ASKED + 2):
        host.session.invite(guest.me, f"number {number}")
    await until(lambda: guest.session.dropped.get("asked of us too often") == 2)
    assert len(guest.diary.invitations) == speech.ASKED


# -- microphones


async def test_moderators_mute_one_or_all_who_may_open_the_microphone_again(
    gather: Gather, until: Until
) -> None:
    host, cohost, speaker = await gather(cohosts=1, speakers=1)
    stage = (host, cohost, speaker)
    for seat in stage:
        seat.session.mute(False)
    cohost.session.ask_mute(speaker.me)
    await until(lambda: speaker.session.muted)
    assert speaker.session.muted_by == cohost.me
    assert speaker.diary.muted_by == [cohost.me]
    assert not host.session.muted
    await until(lambda: host.session.is_muted(speaker.me))
    speaker.session.mute(False)
    assert (speaker.session.muted, speaker.session.muted_by) == (False, "")
    cohost.session.ask_mute(host.me)  # whom nobody can silence
    cohost.session.ask_mute()
    await until(lambda: speaker.session.muted and host.session.muted)
    assert host.diary.muted_by == [cohost.me]
    assert not cohost.session.muted
    speaker.session.ask_mute()  # who may not
    await until(lambda: cohost.session.dropped.get("asked of us without authority"))
    assert not cohost.session.muted


# -- out and in


async def test_who_is_removed_leaves_with_the_reason_and_stays_out_until_pardoned(
    gather: Gather, sit: Sit, until: Until, signer: Callable[[int], LocalSigner], pool: Pool
) -> None:
    host, cohost, guest = await gather(cohosts=1, listeners=1)
    cohost.session.remove(guest.me, "spam")
    assert await guest.outcome() == "removed: spam"
    assert guest.diary.removals == [(guest.me, cohost.me, "spam")]
    await until(lambda: not host.session.is_present(guest.me))
    await until(lambda: host.diary.removals == [(guest.me, cohost.me, "spam")])
    assert [bar.target for bar in host.session.state.barred()] == [guest.me]
    again = await sit(signer(3))
    assert await again.outcome() == "not admitted: removed: spam"
    assert again.diary.joins == 0
    assert again.diary.barred == [guest.me]
    host.session.pardon(guest.me)
    await until(lambda: not cohost.session.state.is_barred(guest.me))
    await until(lambda: host.diary.barred == [guest.me] * 2)
    again = await sit(signer(3))
    await until(lambda: all(s.session.is_present(guest.me) for s in (host, cohost, again)))
    await until(lambda: again.session.parent)


async def test_a_removed_speaker_comes_back_as_a_listener(
    gather: Gather, sit: Sit, until: Until, signer: Callable[[int], LocalSigner]
) -> None:
    host, speaker = await gather(speakers=1)
    host.session.remove(speaker.me)
    assert await speaker.outcome() == "removed"
    host.session.pardon(speaker.me)
    await until(lambda: not host.session.state.is_barred(speaker.me))
    again = await sit(signer(2))
    await until(lambda: host.sees(speaker.me, Role.LISTENER))
    assert again.session.role is Role.LISTENER


async def test_a_locked_space_lets_nobody_new_in_and_those_who_were_there_come_back(
    gather: Gather, sit: Sit, until: Until, signer: Callable[[int], LocalSigner],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    host, guest = await gather(listeners=1)
    host.session.lock(True)
    await until(lambda: guest.session.state.locked)
    assert host.session.undoable == "locking"
    late = await sit(signer(3))
    await until(lambda: late.session.not_admitted)
    assert late.session.not_admitted == "the space is locked"
    assert late.session.stage == "joining"
    assert await guest.leave() == "left"
    back = await sit(signer(2))
    await until(lambda: back.session.parent == host.me)
    assert not host.session.is_present(late.me)
    host.session.lock(False)
    await until(lambda: host.session.is_present(late.me))  # who has waited
    await until(lambda: late.session.parent)


async def test_nobody_slips_through_a_lock_by_dating_a_join_back(
    gather: Gather, until: Until, by_hand: Any, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(admission, "LATE_SECONDS", 0.0)
    host, guest = await gather(listeners=1)
    before = int(time.time()) - 1
    host.session.lock(True)
    await until(lambda: guest.session.state.locked)
    stranger = by_hand(3)
    await until(lambda: int(time.time()) > guest.session.state.announced.locked_at)
    await stranger.say(stranger.writer.join(before, "Eve", Metrics()))
    reason = "a JOIN dated back before the lock"
    await until(lambda: all(node.session.dropped.get(reason) for node in (host, guest)))
    assert not host.session.is_present(stranger.me)
    assert not guest.session.is_present(stranger.me)
    assert guest.session.is_present(host.me)


async def test_everybody_leaves_when_the_host_closes(
    gather: Gather, until: Until, pool: Pool
) -> None:
    host, cohost, speaker, guest = await gather(cohosts=1, speakers=1, listeners=1)
    await until(lambda: guest.session.state.announced)
    host.session.close()
    for seat in (host, cohost, speaker, guest):
        assert await seat.outcome() == "closed by host"
    assert all(seat.session.link_state(host.me) == "" for seat in (cohost, speaker, guest))
    (room,) = await pool.fetch([Filter(kinds=(ROOM,), authors=(host.me,))])
    assert room.first("status") == "closed"


# -- taking back


async def test_what_was_done_is_undone_in_time(gather: Gather, until: Until) -> None:
    host, cohost, speaker, guest = await gather(cohosts=1, speakers=1, listeners=1)
    everybody = (host, cohost, speaker, guest)
    act = host.session

    async def undone(who: str, between: Role, after: Role) -> None:
        await until(lambda: all(s.session.state.role_of(who) is between for s in everybody))
        assert act.undo()
        assert not act.undoable
        await until(lambda: all(s.session.state.role_of(who) is after for s in everybody))
        assert not act.undo()

    act.promote(guest.me)
    assert act.undoable == f"letting {act.name_of(guest.me)} on stage"
    await undone(guest.me, Role.SPEAKER, Role.LISTENER)
    act.demote(speaker.me)
    await undone(speaker.me, Role.LISTENER, Role.SPEAKER)
    act.promote_cohost(speaker.me)
    await undone(speaker.me, Role.COHOST, Role.SPEAKER)
    act.demote(cohost.me)
    await undone(cohost.me, Role.LISTENER, Role.COHOST)
    act.promote_cohost(guest.me)
    await undone(guest.me, Role.COHOST, Role.LISTENER)
    act.remove(speaker.me, "by mistake")
    assert await speaker.outcome() == "removed: by mistake"
    assert act.undo()
    await until(lambda: cohost.session.state.role_of(speaker.me) is Role.SPEAKER)
    assert not cohost.session.state.is_barred(speaker.me)


async def test_a_pardon_and_a_lock_are_undone(gather: Gather, until: Until) -> None:
    host, guest, other = await gather(listeners=2)
    host.session.remove(guest.me, "spam")
    await guest.outcome()
    await until(lambda: other.session.state.is_barred(guest.me))
    host.session.pardon(guest.me)
    await until(lambda: not other.session.state.is_barred(guest.me))
    assert host.session.undo()
    await until(lambda: other.session.state.is_barred(guest.me))
    assert next(other.session.state.barred()).reason == "spam"
    host.session.lock(True)
    await until(lambda: other.session.state.locked)
    assert host.session.undo()
    await until(lambda: not other.session.state.locked)


async def test_undoing_a_denial_costs_nobody_anything(
    gather: Gather, until: Until, space: SpaceRef, pool: Pool
) -> None:
    host, guest = await gather(listeners=1)
    guest.session.request_speech()
    await until(lambda: list(host.session.queue) == [guest.me])
    since = host.session.hand_since(guest.me)
    host.session.deny(guest.me, "no")
    await until(lambda: host.session.queue == {})
    assert host.session.undo()
    await until(lambda: list(host.session.queue) == [guest.me])
    assert host.session.hand_since(guest.me) == since
    said = await pool.fetch([Filter(kinds=(events.DEMOTE_TO_PEER,), authors=(host.me,))])
    assert said == []


async def test_only_for_a_while_can_an_act_be_taken_back(
    gather: Gather, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moderator, "UNDO_SECONDS", 0.3)
    host, guest = await gather(listeners=1)
    host.session.promote(guest.me)
    assert host.session.undoable
    await until(lambda: not host.session.undoable)
    assert not host.session.undo()
    await until(lambda: host.sees(guest.me, Role.SPEAKER))


async def test_who_leaves_says_first_what_was_held_back(gather: Gather, until: Until) -> None:
    host, cohost, guest = await gather(cohosts=1, listeners=1)
    guest.session.request_speech()
    await until(lambda: queues(host, cohost) == [[guest.me]] * 2)
    cohost.session.deny(guest.me, "we are at an end")
    await cohost.leave()
    await until(lambda: guest.diary.denials == [(cohost.me, "we are at an end")])
