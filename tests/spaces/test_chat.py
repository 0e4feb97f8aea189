import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tui.config import limits
from tui.nostr.event import Draft, Event
from tui.nostr.filter import Filter
from tui.nostr.keys import LocalSigner, SecretKey
from tui.nostr.nip19 import encode_npub
from tui.nostr.pool import Pool
from tui.nostr.relay import Published
from tui.relay.server import RelayServer
from tui.spaces.access import AccessKey
from tui.spaces.chat import Chat, ChatRefused
from tui.spaces.events import SpaceRef
from tui.spaces.messages import CHAT, REACTION, write_message, write_reaction
from tui.spaces.share import room_address

Publish = Callable[[LocalSigner, Draft], Awaitable[Event]]
Until = Callable[[Callable[[], object]], Awaitable[None]]


class Clock:
    """The time, which a test may move."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


class Reader:
    """A chat and all that it has told."""

    def __init__(self, address: str, pool: Pool, clock: Clock, **more: Any) -> None:
        self.changed: list[frozenset[str]] = []
        self.reactions: list[tuple[str, str]] = []
        self.chat = Chat(
            address,
            pool=pool,
            now=clock,
            on_changed=self.changed.append,
            on_reacted=lambda pubkey, emoji: self.reactions.append((pubkey, emoji)),
            **more,
        )

    @property
    def texts(self) -> list[str]:
        return [line.text for line in self.chat.lines.values()]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def address(space: SpaceRef) -> str:
    return room_address(space)


@pytest.fixture
async def chat(
    relay: RelayServer, address: str, clock: Clock
) -> AsyncIterator[Callable[..., Awaitable[Reader]]]:
    """Open the chat with a pool of its own, as its reader or, with a signer, to write."""
    async with AsyncExitStack() as exits:

        async def chat(
            signer: LocalSigner | None = None, address: str = address, **more: Any
        ) -> Reader:
            pool = await exits.enter_async_context(Pool([relay.url]))
            tasks = await exits.enter_async_context(asyncio.TaskGroup())

            async def deliver(draft: Draft) -> dict[str, Published]:
                assert signer is not None
                return await pool.publish(await signer.sign(draft), timeout=10)

            if signer is not None:
                more = {"me": signer.pubkey, "deliver": deliver, "spawn": tasks.create_task} | more
            reader = Reader(address, pool, clock, **more)
            exits.callback(reader.chat.close)
            reader.chat.open()
            return reader

        yield chat


ChatOf = Callable[..., Awaitable[Reader]]


async def test_people_talk_and_react_and_late_comers_read_what_was_said(
    chat: ChatOf, until: Until, host: LocalSigner, guest: LocalSigner
) -> None:
    hana, gus = await chat(host), await chat(guest)
    first = hana.chat.say("Welcome\nto tea")
    line = hana.chat.lines[first]
    assert (line.text, line.state, line.pubkey) == ("Welcome to tea", "waiting", host.pubkey)
    await until(lambda: hana.chat.lines[first].state == "sent")
    await until(lambda: first in gus.chat.lines)
    line = gus.chat.lines[first]
    assert (line.text, line.state, line.reaction) == ("Welcome to tea", "", False)
    assert frozenset({first}) in gus.changed

    answer = gus.chat.say(f"Thank you, {encode_npub(host.pubkey)}", reply_to=first)
    await until(lambda: answer in hana.chat.lines)
    line = hana.chat.lines[answer]
    assert (line.reply_to, line.mentions) == (first, {host.pubkey})
    await until(lambda: gus.chat.lines[answer].state == "sent")

    reaction = gus.chat.react(" 🔥 ")
    await until(lambda: hana.reactions == [(guest.pubkey, "🔥")])
    assert hana.chat.lines[reaction].reaction
    assert gus.reactions == []  # our own is no news to us

    late = await chat()
    await until(lambda: len(late.chat.lines) == 3)
    assert list(late.chat.lines) == list(hana.chat.lines) == [first, answer, reaction]
    assert [line.state for line in late.chat.lines.values()] == ["", "", ""]
    # A second device of ours shows it as sent.
    again = await chat(guest)
    await until(lambda: len(again.chat.lines) == 3)
    assert again.chat.lines[answer].state == "sent"


async def test_history_is_the_newest_messages_in_order(
    chat: ChatOf,
    until: Until,
    publish: Publish,
    address: str,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "CHAT_LINES", 20)
    now = int(clock())
    signers = [LocalSigner(SecretKey(bytes(30) + bytes([1, number]))) for number in range(10)]
    for number in range(30):
        draft = write_message(address, now - 100 + number // 3, f"{number}")
        await publish(signers[number % 10], draft)
    reader = await chat()
    await until(lambda: len(reader.chat.lines) == 20)
    lines = list(reader.chat.lines.values())
    assert [(line.at, line.id) for line in lines] == sorted((line.at, line.id) for line in lines)
    assert lines[-1].at == now - 91
    # One more pushes out the oldest; one from before all of them is not taken up.
    oldest = lines[0].id
    new = await publish(signers[0], write_message(address, now, "new"))
    await until(lambda: new.id in reader.chat.lines)
    assert oldest not in reader.chat.lines
    assert {new.id, oldest} in reader.changed
    await publish(signers[0], write_message(address, now - 5_000, "old"))
    await until(lambda: reader.chat.dropped["older than what is kept"])
    assert len(reader.chat.lines) == 20


async def test_the_pace_of_each_author_is_limited_by_dates_and_by_arrival(
    chat: ChatOf,
    until: Until,
    publish: Publish,
    address: str,
    clock: Clock,
    guest: LocalSigner,
    stranger: LocalSigner,
) -> None:
    now = int(clock()) // limits.CHAT_BURST * limits.CHAT_BURST
    too_many = "too many messages of one person"
    # Of the past: ten at once by a stranger, and as many over a minute by a guest.
    for number in range(10):
        await publish(stranger, write_message(address, now - 60, f"spam {number}"))
        await publish(guest, write_message(address, now - 60 + 5 * number, f"word {number}"))
    reader = await chat()
    await until(lambda: reader.chat.dropped[too_many] == 5)
    await until(lambda: len(reader.texts) == 15)
    assert sum(text.startswith("spam") for text in reader.texts) == limits.CHAT_BURST
    assert sum(text.startswith("word") for text in reader.texts) == 10
    # Now, and dated all over the past, so that no date is crowded.
    for number in range(2 * limits.CHAT_ARRIVALS):
        await publish(stranger, write_message(address, now - 1_000 + 5 * number, "flood"))
    new = await publish(guest, write_message(address, now, "still here"))
    await until(lambda: new.id in reader.chat.lines)
    floods = reader.texts.count("flood")
    assert limits.CHAT_ARRIVALS <= floods < 2 * limits.CHAT_ARRIVALS
    assert reader.chat.dropped[too_many] == 5 + 2 * limits.CHAT_ARRIVALS - floods


async def test_who_writes_too_fast_is_told_so_and_may_write_again_later(
    chat: ChatOf, until: Until, clock: Clock, host: LocalSigner
) -> None:
    reader = await chat(host)
    sent = [reader.chat.say(f"{number}") for number in range(limits.CHAT_BURST)]
    with pytest.raises(ChatRefused, match="too fast"):
        reader.chat.say("one more")
    assert len(reader.chat.lines) == limits.CHAT_BURST
    clock.ahead += 1
    sent.append(reader.chat.say("later"))
    # In the order in which they were written, though in one second.
    assert list(reader.chat.lines) == sent
    await until(lambda: all(line.state == "sent" for line in reader.chat.lines.values()))
    other = await chat()
    await until(lambda: len(other.chat.lines) == len(sent))
    assert list(other.chat.lines) == sent


async def test_a_clock_that_is_ahead_does_not_disturb_the_order_of_what_others_write(
    chat: ChatOf,
    until: Until,
    publish: Publish,
    address: str,
    clock: Clock,
    host: LocalSigner,
    guest: LocalSigner,
) -> None:
    reader = await chat(host)
    now = int(clock())
    ahead = await publish(guest, write_message(address, now + 3, "a little ahead"))
    await until(lambda: ahead.id in reader.chat.lines)
    sent = [reader.chat.say("an answer")]
    assert list(reader.chat.lines) == [ahead.id, *sent]
    # Nobody draws the others along into the future, nor makes their order chance.
    far = await publish(guest, write_message(address, now + 50, "far ahead"))
    await until(lambda: far.id in reader.chat.lines)
    sent += [reader.chat.say(text) for text in ("one", "two", "three")]
    assert list(reader.chat.lines) == [ahead.id, *sent, far.id]
    assert reader.chat.lines[sent[-1]].at <= now + 10


@pytest.mark.parametrize("text", ["", " \n ", "\u200b", "\x1b"])
async def test_nothing_is_not_sent(chat: ChatOf, host: LocalSigner, text: str) -> None:
    reader = await chat(host)
    with pytest.raises(ChatRefused, match="nothing"):
        reader.chat.say(text)
    for wrong in (text, "hello", "👍👍"):
        with pytest.raises(ChatRefused, match="one emoji"):
            reader.chat.react(wrong)
    assert reader.chat.lines == {}


async def test_a_message_that_no_relay_takes_has_failed_and_says_why(
    chat: ChatOf, until: Until, host: LocalSigner
) -> None:
    answers: asyncio.Queue[dict[str, Published]] = asyncio.Queue()

    async def deliver(_: Draft) -> dict[str, Published]:
        return await answers.get()

    reader = await chat(host, deliver=deliver)
    refused = reader.chat.say("refused")
    answers.put_nowait({"wss://one.example": Published(False, "blocked: no chat here")})
    await until(lambda: reader.chat.lines[refused].state == "failed")
    assert reader.chat.lines[refused].reason == "wss://one.example: blocked: no chat here"
    assert reader.changed[-1] == {refused}

    unsigned = reader.chat.say("unsigned")
    answers.put_nowait({})
    await until(lambda: reader.chat.lines[unsigned].state == "failed")
    assert reader.chat.lines[unsigned].reason

    half = reader.chat.say("half")
    answers.put_nowait(
        {"wss://one.example": Published(False, "no"), "wss://two.example": Published(True, "")}
    )
    await until(lambda: reader.chat.lines[half].state == "sent")


async def test_what_a_relay_sends_back_is_sent_whatever_the_relays_answered(
    chat: ChatOf, publish: Publish, until: Until, host: LocalSigner
) -> None:
    answered = asyncio.Event()

    async def deliver(draft: Draft) -> dict[str, Published]:
        await publish(host, draft)
        await answered.wait()
        return {"wss://one.example": Published(False, "no answer")}

    reader = await chat(host, deliver=deliver)
    sent = reader.chat.say("hello")
    await until(lambda: reader.chat.lines[sent].state == "sent")
    told = len(reader.changed)
    answered.set()
    after = await publish(host, write_message(reader.chat.address, int(time.time()), "after"))
    await until(lambda: after.id in reader.chat.lines)
    assert reader.chat.lines[sent].state == "sent"
    assert len(reader.changed) == told + 1


async def test_closing_leaves_no_message_on_its_way(chat: ChatOf, host: LocalSigner) -> None:
    reached, ended = asyncio.Event(), asyncio.Event()

    async def deliver(_: Draft) -> dict[str, Published]:
        reached.set()
        try:
            return await asyncio.Future()
        finally:
            ended.set()

    reader = await chat(host, deliver=deliver)
    sent = reader.chat.say("hello")
    await reached.wait()
    reader.chat.close()
    reader.chat.close()
    await ended.wait()
    assert reader.chat.lines[sent].state == "waiting"


async def test_hidden_and_removed_people_are_not_seen_until_they_are_again(
    chat: ChatOf,
    until: Until,
    publish: Publish,
    address: str,
    clock: Clock,
    host: LocalSigner,
    guest: LocalSigner,
    stranger: LocalSigner,
) -> None:
    removed: set[str] = set()
    reader = await chat(host, may_show=lambda pubkey: pubkey not in removed)
    now = int(clock())
    theirs = [
        (await publish(signer, write_message(address, now - 10 + number, "hello"))).id
        for number, signer in enumerate((guest, stranger))
    ]
    own = reader.chat.say("hello")
    await until(lambda: set(reader.chat.lines) == {*theirs, own})

    reader.chat.hidden = frozenset({guest.pubkey})
    assert list(reader.chat.lines) == [theirs[1], own]
    assert reader.changed[-1] == {theirs[0]}
    removed |= {stranger.pubkey, host.pubkey}
    reader.chat.look_again()
    assert list(reader.chat.lines) == [own]  # what we wrote ourselves we see in any case
    assert reader.chat.line(theirs[1]) is None
    assert reader.changed[-1] == {theirs[1]}
    told = len(reader.changed)
    # Whatever they write meanwhile is neither shown nor told.
    more = await publish(stranger, write_message(address, now, "let me in"))
    await publish(guest, write_reaction(address, now, "🔥"))
    marker = reader.chat.say("marker")
    await until(lambda: reader.chat.lines[marker].state == "sent")
    assert {more.id} not in reader.changed[told:]
    assert reader.reactions == []

    removed.clear()
    reader.chat.hidden = frozenset()
    assert {*theirs, more.id} <= set(reader.chat.lines)
    assert {theirs[0], theirs[1], more.id} <= reader.changed[-1]


async def test_reactions_of_before_are_no_news(
    chat: ChatOf,
    until: Until,
    publish: Publish,
    address: str,
    clock: Clock,
    guest: LocalSigner,
    stranger: LocalSigner,
) -> None:
    await publish(guest, write_reaction(address, int(clock()) - 120, "🔥"))
    reader = await chat()
    await until(lambda: reader.texts == ["🔥"])
    assert reader.reactions == []
    await publish(stranger, write_reaction(address, int(clock()), "👍"))
    await until(lambda: reader.reactions == [(stranger.pubkey, "👍")])


async def test_what_is_no_message_is_dropped_and_counted(
    chat: ChatOf,
    until: Until,
    publish: Publish,
    address: str,
    clock: Clock,
    guest: LocalSigner,
) -> None:
    reader = await chat()
    now = int(clock())
    other = ("a", f"30312:{guest.pubkey}:another", "", "root")
    await publish(guest, write_message(address, now + 90, "from the future"))
    await publish(guest, Draft(CHAT, "quoted", (other, ("a", address)), now))
    await publish(guest, Draft(CHAT, "\u200b", (("a", address),), now))
    await publish(guest, Draft(REACTION, "words", (("a", address),), now))
    await until(lambda: reader.chat.dropped.total() == 4)
    assert set(reader.chat.dropped.values()) == {1}
    assert reader.chat.lines == {} and reader.changed == []


async def test_a_room_of_others_is_read_only(
    chat: ChatOf, until: Until, publish: Publish, guest: LocalSigner
) -> None:
    address = f"30311:{guest.pubkey}:some stream"
    reader = await chat(address=address)
    await publish(guest, write_message(address, int(time.time()), "first"))
    await until(lambda: reader.texts == ["first"])
    for send in (lambda: reader.chat.say("hello"), lambda: reader.chat.react("👍")):
        with pytest.raises(ChatRefused, match="only be read"):
            send()


async def test_in_a_space_with_a_password_only_who_knows_it_can_read_and_write(
    chat: ChatOf,
    until: Until,
    publish: Publish,
    pool: Pool,
    address: str,
    space: SpaceRef,
    host: LocalSigner,
    guest: LocalSigner,
    stranger: LocalSigner,
) -> None:
    key = await AccessKey.derive("green tea", space)
    hana = await chat(host, seal=key.seal, unseal=key.open)
    gus = await chat(guest, seal=key.seal, unseal=key.open)
    sent = hana.chat.say("the secret is in the pot")
    assert hana.texts == ["the secret is in the pot"]
    await until(lambda: gus.texts == ["the secret is in the pot"])
    await until(lambda: hana.chat.lines[sent].state == "sent")
    (event,) = await pool.fetch([Filter(ids=(sent,))])
    assert "secret" not in event.content
    gus.chat.react("🔥")
    await until(lambda: hana.reactions == [(guest.pubkey, "🔥")])
    await publish(stranger, write_message(address, int(time.time()), "hello?"))
    await until(lambda: hana.chat.dropped.total() == 1)
    assert "hello?" not in hana.texts
