import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tui.controller import intents
from tui.controller.intents import HostSpace, JoinSpace
from tui.controller.messages import (
    Denied,
    Failed,
    IntentRefused,
    Joined,
    JournalExported,
    Removed,
    SpaceClosed,
    SpaceFound,
    SpaceScheduled,
)
from tui.nostr.event import check_event, decode_event, signature_ok
from tui.nostr.keys import SecretKey
from tui.relay.server import RelayServer
from tui.spaces.session import SpaceSession

Run = Callable[..., Awaitable[Any]]


async def hosted(run: Run, intent: HostSpace | None = None, **options: Any) -> tuple[Any, str]:
    host = await run(name="Grace", **options)
    host.do(intent or HostSpace("Tea"))
    ref = (await host.hears(SpaceFound)).ref
    await host.hears(Joined)
    return host, ref


async def joined(run: Run, ref: str, name: str, **options: Any) -> Any:
    guest = await run(name=name, **options)
    guest.do(JoinSpace(ref))
    await guest.hears(Joined)
    await guest.sees(lambda view: view.me.pubkey in view.participants)
    return guest


async def test_who_was_removed_stands_in_the_journal_the_log_and_among_the_barred(
    run: Run, tmp_path: Path
) -> None:
    host, ref = await hosted(run)
    guest = await joined(run, ref, "Mallory")
    mallory = guest.view.me.pubkey
    await host.sees(lambda view: mallory in view.participants)
    host.do(intents.Remove(mallory, "too loud"))
    removed = await host.hears(Removed)
    assert (removed.pubkey, removed.by, removed.reason) == (
        mallory,
        host.view.me.pubkey,
        "too loud",
    )
    assert (await guest.hears(SpaceClosed)).reason == "removed: too loud"
    barred = await host.sees(lambda view: view.barred.get(mallory))
    assert (barred.name, barred.by_name, barred.reason) == ("Mallory", "Grace", "too loud")
    acts = await host.sees(lambda view: len(view.journal) >= 2 and view.journal)
    act = next(act for act in acts.values() if act.act == "removed")
    assert (act.by_name, act.target_name, act.reason, act.refused) == (
        "Grace",
        "Mallory",
        "too loud",
        "",
    )
    await host.sees(
        lambda view: [line for line in view.log if "Grace removed Mallory: too loud" in line.text]
    )
    assert host.view.space.undo
    host.do(intents.Undo())
    await host.sees(lambda view: not view.barred and not view.space.undo)

    path = tmp_path / "journal.jsonl"
    host.do(intents.ExportJournal(str(path)))
    assert (await host.hears(JournalExported)).count >= 3
    events = [check_event(json.loads(line)) for line in path.read_text().splitlines()]
    assert all(map(signature_ok, events))
    assert {event.kind for event in events} >= {1000, 31106, 31109}
    assert decode_event(path.read_text().splitlines()[0]).kind == 1000


async def test_a_forged_act_is_in_the_journal_with_why_it_changed_nothing(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, ref = await hosted(run)
    guest = await joined(run, ref, "Mallory")
    session = guest.controller._stay.session
    assert isinstance(session, SpaceSession)
    session.remove(host.view.me.pubkey, "mutiny")  # what another client might send
    act = await host.sees(
        lambda view: next((act for act in view.journal.values() if act.act == "removed"), None)
    )
    assert act.refused
    assert act.by_name == "Mallory"
    assert not host.view.barred
    await host.sees(lambda view: any("ignored: Mallory" in line.text for line in view.log))


async def test_who_is_turned_down_is_told_why(run: Run) -> None:
    host, ref = await hosted(run)
    guest = await joined(run, ref, "Ada")
    ada = guest.view.me.pubkey
    guest.do(intents.RequestSpeech())
    await host.sees(lambda view: ada in view.participants and view.participants[ada].queue == 1)
    host.do(intents.Deny(ada, "another time"))
    await host.sees(lambda view: not view.participants[ada].queue)
    denied = await guest.hears(Denied)
    assert (denied.by, denied.reason) == (host.view.me.pubkey, "another time")


async def test_a_space_for_later_is_shown_as_such_and_then_entered(run: Run) -> None:
    secret = SecretKey.generate().to_nsec()
    host = await run(secret=secret, throwaway=False)
    later = 4_000_000_000
    asked = HostSpace("Tea", id="tea", starts=later, topics=("#Music", "music"), language="PT")
    host.do(asked)
    ref = (await host.hears(SpaceScheduled, starts=later)).ref
    shown = await host.sees(lambda view: view.spaces.get(ref))
    assert (shown.state, shown.starts, shown.topics, shown.language) == (
        "scheduled",
        later,
        ("music",),
        "pt",
    )
    assert host.view.space is None
    host.do(asked)
    assert "announced" in (await host.hears(IntentRefused)).reason
    host.do(HostSpace("Tea", id="tea"))
    assert (await host.hears(SpaceFound)).ref == ref
    await host.hears(Joined)
    await host.sees(lambda view: view.spaces[ref].state == "live")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (HostSpace(" \n"), "a space has a name"),
        (HostSpace("Tea", id="a||b"), "||"),
        (HostSpace("Tea", password="x"), "only with password access"),
    ],
)
async def test_what_cannot_be_a_space_is_refused(run: Run, asked: HostSpace, words: str) -> None:
    host = await run()
    host.do(asked)
    assert words in (await host.hears(IntentRefused)).reason


async def test_a_password_is_needed_where_there_is_one_and_nowhere_else(run: Run) -> None:
    locked, secret = await hosted(run, HostSpace("Tea", access="password", password="sesame"))
    _, plain = await hosted(run)
    guest = await run()
    for ref, password in ((secret, ""), (plain, "sesame")):
        guest.do(JoinSpace(ref, password=password))
        assert (await guest.hears(Failed)).cause == "password"
    guest.do(JoinSpace(secret, password="sesame"))
    await guest.hears(Joined)
    await guest.sees(lambda view: view.space.access == "password" and len(view.participants) == 2)
    texts = f"{guest.view.snapshot()} {locked.view.snapshot()}"
    assert "sesame" not in texts


async def test_hidden_people_are_not_read_here_nor_in_the_next_run(
    run: Run, relay: RelayServer
) -> None:
    secret = SecretKey.generate().to_nsec()
    _, ref = await hosted(run)
    loud = await joined(run, ref, "Mallory")
    guest = await joined(run, ref, "Ada", secret=secret, throwaway=False)
    mallory = loud.view.me.pubkey
    loud.do(intents.Chat("BUY NOW"))
    await guest.sees(lambda view: view.chat)
    guest.do(intents.Hide(mallory))
    await guest.sees(lambda view: not view.chat and view.participants[mallory].hidden)
    guest.do(intents.Hide("nonsense"))
    assert "no pubkey" in (await guest.hears(IntentRefused)).reason
    await guest.end()
    again = await joined(run, ref, "Ada", secret=secret, throwaway=False)
    await again.sees(
        lambda view: mallory in view.participants and view.participants[mallory].hidden
    )
    assert not again.view.chat


async def test_an_error_in_one_intent_ends_nothing(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("broken on purpose")

    host, _ = await hosted(run)
    with monkeypatch.context() as patched:
        patched.setattr(SpaceSession, "close", broken)
        patched.setattr("tui.controller.room.Room.tick", broken)
        patched.setattr("tui.controller.lobby.LobbyWatch.tick", broken)
        host.do(intents.CloseSpace())
        assert "an error of ours" in (await host.hears(IntentRefused)).reason
    host.do(intents.Chat("still here"))
    await host.sees(lambda view: any(line.text == "still here" for line in view.chat.values()))
    host.do(intents.CloseSpace())
    await host.hears(SpaceClosed)
