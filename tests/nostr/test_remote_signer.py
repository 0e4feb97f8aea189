import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import nostr_sdk as sdk
import pytest

from tui.config import limits
from tui.nostr.event import Draft, InvalidEvent, signature_ok
from tui.nostr.keys import LocalSigner, SecretKey, SignerFailed
from tui.nostr.nip44 import InvalidPayload
from tui.nostr.nip46 import BunkerAddress, ConnectOffer, RemoteSession, parse_bunker
from tui.nostr.relay import Timing
from tui.nostr.remote_signer import RemoteSigner
from tui.relay.server import RelayServer

DRAFT = Draft(1, 'from afar: ü "x" \u2028', (("t", "x"), ("p",)), 1_700_000_000)
QUICK = Timing(retry_first=0.02, retry_longest=0.1)
STRANGER = LocalSigner(SecretKey.generate())

# The signer of `their_signer` is nostr-sdk's but for the words of NIP-46; see remote_signers.py.


@pytest.fixture
async def ours(their_signer: Any) -> Any:
    signer = await RemoteSigner.connect(parse_bunker(their_signer.address), timing=QUICK)
    yield signer
    await signer.close()


# --- the signer of the tests is one that others can use ------------------------------------------


async def test_the_client_of_nostr_sdk_finds_the_same_signer(
    their_signer: Any, signer_relay: RelayServer
) -> None:
    bunker = sdk.NostrConnectUri.parse(their_signer.address)
    client = sdk.NostrConnect(bunker, sdk.Keys.generate(), timedelta(seconds=10), None)
    user = await client.get_public_key_async()
    assert user.to_hex() == their_signer.user
    unsigned = sdk.EventBuilder(sdk.Kind(1), "hi").finalize_unsigned(user)
    event = await client.sign_event_async(unsigned)
    assert event is not None
    assert event.verify()

    keys = sdk.Keys.generate()
    address = (
        f"nostrconnect://{keys.public_key().to_hex()}?relay={signer_relay.url}&secret=hush"
        "&metadata=%7B%22name%22%3A%22x%22%7D"
    )
    offered = sdk.NostrConnectUri.parse(address)
    client = sdk.NostrConnect(offered, keys, timedelta(seconds=10), None)
    waiting = asyncio.create_task(client.get_public_key_async())
    while not waiting.done():
        await their_signer.scan(address)
        await asyncio.wait([waiting], timeout=0.1)
    assert (await waiting).to_hex() == their_signer.user


# --- both ways in --------------------------------------------------------------------------------


async def test_a_bunker_lets_us_in_and_signs(their_signer: Any, ours: RemoteSigner) -> None:
    connect, get_public_key = their_signer.requests
    assert connect["params"] == [
        their_signer.pubkey, "open sesame", "sign_event,nip44_encrypt,nip44_decrypt",
    ]  # fmt: skip
    assert get_public_key["method"] == "get_public_key"
    assert ours.pubkey == their_signer.user != their_signer.pubkey
    event = await ours.sign(DRAFT)
    assert (event.pubkey, event.kind, event.content, event.tags, event.created_at) == (
        their_signer.user, DRAFT.kind, DRAFT.content, DRAFT.tags, DRAFT.created_at,
    )  # fmt: skip
    assert signature_ok(event)
    await ours.ping()


async def test_a_signer_answers_our_offer(
    their_signer: Any, signer_relay: RelayServer, until: Any
) -> None:
    offer = ConnectOffer((signer_relay.url,), name="spaces")
    waiting = asyncio.create_task(RemoteSigner.accept(offer))
    while not waiting.done():
        await their_signer.scan(offer.address())
        await asyncio.wait([waiting], timeout=0.1)
    ours = await waiting
    try:
        assert ours.session.signer == their_signer.pubkey
        assert ours.pubkey == their_signer.user
        assert signature_ok(await ours.sign(DRAFT))
        assert [request["method"] for request in their_signer.requests] == [
            "get_public_key",
            "sign_event",
        ]
    finally:
        await ours.close()


async def test_who_does_not_know_the_secret_of_an_offer_is_not_let_in(
    start_signer: Any, signer_relay: RelayServer
) -> None:
    impostor, owner = await start_signer(), await start_signer()
    offer = ConnectOffer((signer_relay.url,))
    waiting = asyncio.create_task(RemoteSigner.accept(offer))
    for _ in range(5):  # the relay hands them out in order: the impostor's come first
        await impostor.scan(offer.address(), "ack")
        await impostor.send(offer.client.public, "junk")
        await asyncio.sleep(0)
    while not waiting.done():
        await impostor.scan(offer.address(), "ack")
        await owner.scan(offer.address())
        await asyncio.wait([waiting], timeout=0.1)
    ours = await waiting
    assert ours.session.signer == owner.pubkey
    assert ours.dropped["wrong secret"] >= 1
    await ours.close()


async def test_a_wrong_secret_is_refused_by_the_signer(their_signer: Any) -> None:
    address = parse_bunker(their_signer.address.replace("sesame", "barley"))
    with pytest.raises(SignerFailed, match="refuses: not with this secret"):
        await RemoteSigner.connect(address)
    assert not _tasks_left()


async def test_nobody_answers_an_offer(signer_relay: RelayServer) -> None:
    with pytest.raises(SignerFailed, match="no remote signer has answered"):
        await RemoteSigner.accept(ConnectOffer((signer_relay.url,)), patience=0.1)
    assert not _tasks_left()


async def test_a_relay_that_is_not_there_is_named() -> None:
    address = parse_bunker(f"bunker://{STRANGER.pubkey}?relay=ws://127.0.0.1:1&secret=hush")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "RELAY_OPEN_SECONDS", 0.2)
        with pytest.raises(SignerFailed, match=r"ws://127.0.0.1:1: connection refused") as caught:
            await RemoteSigner.connect(address)
    assert "hush" not in str(caught.value)


async def test_waiting_can_be_given_up(signer_relay: RelayServer, until: Any) -> None:
    waiting = asyncio.create_task(RemoteSigner.accept(ConnectOffer((signer_relay.url,))))
    await until(lambda: _tasks_left() >= {"remote signer"})
    waiting.cancel()
    await asyncio.wait([waiting])
    assert waiting.cancelled()
    assert not _tasks_left()


def _tasks_left() -> set[str]:
    names = {task.get_name() for task in asyncio.all_tasks()}
    return {name for name in names if name.startswith(("remote signer", "relay ws"))}


# --- a session that was allowed before -----------------------------------------------------------


async def test_a_session_goes_on_without_being_allowed_again(
    their_signer: Any, ours: RemoteSigner
) -> None:
    await ours.close()
    session = ours.session
    again = RemoteSigner(
        RemoteSession(session.client, session.signer, session.relays, session.user)
    )
    again.open()
    try:
        assert signature_ok(await again.sign(DRAFT))
        assert [request["method"] for request in their_signer.requests].count("connect") == 1
    finally:
        await again.close()
    assert not _tasks_left()
    with pytest.raises(SignerFailed, match="no longer in use"):
        await again.sign(DRAFT)


async def test_requests_overtake_one_another(their_signer: Any, ours: RemoteSigner) -> None:
    held: list[Any] = []

    def answer(request: Any, honest: Any) -> Any:
        held.append(honest)
        return held[::-1] if len(held) == 20 else None  # all at once, the last one first

    their_signer.answer = answer
    drafts = [Draft(1, str(number), (), 5) for number in range(20)]
    events = await asyncio.gather(*(ours.sign(draft) for draft in drafts))
    assert [event.content for event in events] == [draft.content for draft in drafts]


async def test_encryption_is_asked_for_as_well(their_signer: Any, ours: RemoteSigner) -> None:
    payload = await ours.encrypt(STRANGER.pubkey, 'sdp ü "x"')
    assert await STRANGER.decrypt(their_signer.user, payload) == 'sdp ü "x"'
    payload = await STRANGER.encrypt(their_signer.user, "answer")
    assert await ours.decrypt(STRANGER.pubkey, payload) == "answer"
    asked = len(their_signer.requests)
    for other, text in ((STRANGER.pubkey, ""), ("f" * 64, "x"), ("x", "x")):
        with pytest.raises(InvalidPayload):
            await ours.encrypt(other, text)
    for other, text in ((STRANGER.pubkey, "junk"), (STRANGER.pubkey, "A" * 200), ("f", payload)):
        with pytest.raises(InvalidPayload):
            await ours.decrypt(other, text)
    assert len(their_signer.requests) == asked, "the signer was bothered with what cannot be"
    altered = payload[:60] + ("A" if payload[60] != "A" else "B") + payload[61:]
    with pytest.raises(SignerFailed, match="refuses"):
        await ours.decrypt(STRANGER.pubkey, altered)


async def test_a_draft_that_cannot_be_an_event_is_not_sent(
    their_signer: Any, ours: RemoteSigner
) -> None:
    asked = len(their_signer.requests)
    with pytest.raises(InvalidEvent):
        await ours.sign(Draft(1, "\udc80", (), 5))
    with pytest.raises(SignerFailed, match="too large"):
        await ours.sign(Draft(1, "x" * 70_000, (), 5))
    assert len(their_signer.requests) == asked


async def test_a_page_to_approve_on_is_shown_and_waited_for(their_signer: Any, until: Any) -> None:
    pages: list[str] = []
    pending: list[Any] = []

    def answer(request: Any, honest: Any) -> Any:
        if request["method"] != "connect":
            return honest
        pending.append(honest)
        page = {"id": request["id"], "result": "auth_url", "error": "https://bunker.example.com/7"}
        return [page, page]

    their_signer.answer = answer
    connecting = asyncio.create_task(
        RemoteSigner.connect(parse_bunker(their_signer.address), on_page=pages.append)
    )
    await until(lambda: pages)
    client = next(iter(their_signer.allowed))
    await their_signer.send(client, pending[0])
    ours = await connecting
    assert pages == ["https://bunker.example.com/7"], "a page is shown once"
    await ours.close()


async def test_a_page_gives_more_time_once_and_no_more(
    their_signer: Any, ours: RemoteSigner, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "REMOTE_APPROVAL_SECONDS", 0.3)
    page = {"result": "auth_url", "error": "https://bunker.example.com/7"}
    their_signer.answer = lambda request, honest: page | {"id": request["id"]}
    asking = asyncio.create_task(ours.sign(DRAFT))
    with pytest.raises(SignerFailed, match="does not answer"):
        async with asyncio.timeout(5):
            await asking
    their_signer.answer = lambda request, honest: page | {"id": request["id"], "error": "file:///"}
    with pytest.raises(SignerFailed, match="not valid"):
        await ours.sign(DRAFT)


# --- trouble -------------------------------------------------------------------------------------


async def test_a_silent_signer_is_given_up(their_signer: Any) -> None:
    ours = await RemoteSigner.connect(parse_bunker(their_signer.address), timeout=0.5)
    their_signer.answering = False
    with pytest.raises(SignerFailed, match="does not answer"):
        await ours.sign(DRAFT)
    with pytest.raises(SignerFailed, match="does not answer"):
        await ours.ping()
    await ours.close()


async def test_closing_tells_whoever_waits(
    their_signer: Any, ours: RemoteSigner, until: Any
) -> None:
    their_signer.answering = False
    asking = [asyncio.create_task(ours.sign(DRAFT)) for _ in range(3)]
    await until(lambda: len(their_signer.requests) == 5)
    await ours.close()
    for failed in await asyncio.gather(*asking, return_exceptions=True):
        assert isinstance(failed, SignerFailed)
    assert not _tasks_left()


async def test_requests_in_flight_are_bounded(
    their_signer: Any, ours: RemoteSigner, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "REMOTE_REQUESTS", 3)
    their_signer.answering = False
    asking = [asyncio.create_task(ours.sign(DRAFT)) for _ in range(3)]
    await until(lambda: len(their_signer.requests) == 5)
    with pytest.raises(SignerFailed, match="too many"):
        await ours.sign(DRAFT)
    for task in asking:
        task.cancel()
    await asyncio.wait(asking)
    assert all(task.cancelled() for task in asking)
    their_signer.answering = True
    assert signature_ok(await ours.sign(DRAFT))


class Line:
    """A line to a relay that can be cut."""

    def __init__(self, url: str) -> None:
        self._port = int(url.rpartition(":")[2])
        self._writers: set[asyncio.StreamWriter] = set()
        self._whole = asyncio.Event()
        self._whole.set()

    async def start(self) -> str:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def cut(self) -> None:
        self._whole.clear()
        for writer in self._writers:
            writer.transport.abort()

    def mend(self) -> None:
        self._whole.set()

    async def stop(self) -> None:
        self._server.close()
        self.mend()
        self.cut()
        await self._server.wait_closed()

    async def _serve(self, near: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
        await self._whole.wait()
        far, ask = await asyncio.open_connection("127.0.0.1", self._port)
        self._writers |= {answer, ask}
        await asyncio.gather(self._carry(near, ask), self._carry(far, answer))
        self._writers -= {answer, ask}

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                writer.write(data)
        except OSError:
            pass
        finally:
            writer.close()


async def test_a_request_is_made_again_when_its_answer_was_lost(
    their_signer: Any, signer_relay: RelayServer, until: Any
) -> None:
    line = Line(signer_relay.url)
    address = parse_bunker(their_signer.address)
    address = BunkerAddress(address.signer, (await line.start(),), address.secret)
    ours = await RemoteSigner.connect(address, timing=QUICK)
    their_signer.answering = False
    asking = asyncio.create_task(ours.sign(DRAFT))
    await until(lambda: len(their_signer.requests) == 3)
    line.cut()
    lost = {"id": their_signer.requests[-1]["id"], "result": None, "error": "never heard"}
    await their_signer.send(ours.session.client.public, lost)
    their_signer.answering = True
    line.mend()
    assert signature_ok(await asking)
    first, again = their_signer.requests[2:]
    assert first == again
    await ours.close()
    await line.stop()


async def test_a_relay_that_refuses_is_named_at_once(relay: Any, until: Any) -> None:
    relay.answer_publish = lambda event: ["OK", event.id, False, "blocked: no kind 24133"]
    address = parse_bunker(f"bunker://{STRANGER.pubkey}?relay={relay.url}")
    with pytest.raises(SignerFailed, match="does not pass the request on: blocked: no kind 24133"):
        await RemoteSigner.connect(address)


# --- a hostile signer can refuse, and no more ----------------------------------------------------


def _signed(their_signer: Any, change: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    """An answer with an event of the user that differs from what was asked for."""

    def answer(request: Any, honest: Any) -> Any:
        unsigned = json.loads(request["params"][0])
        change(unsigned)
        event = sdk.UnsignedEvent.from_json(json.dumps(unsigned)).sign(their_signer.user_keys)
        return honest | {"result": event.as_json()}

    return answer


@pytest.mark.parametrize(
    "change",
    [
        {"kind": 5},
        {"content": "something else"},
        {"tags": [["t", "x"]]},
        {"tags": [["t", "x"], ["p"], ["e", "ab" * 32]]},
        {"created_at": DRAFT.created_at + 1},
    ],
)
async def test_another_event_than_the_one_asked_for_is_refused(
    their_signer: Any, ours: RemoteSigner, change: dict[str, Any]
) -> None:
    their_signer.answer = _signed(their_signer, lambda unsigned: unsigned.update(change))
    with pytest.raises(SignerFailed, match="another event"):
        await ours.sign(DRAFT)


async def test_an_event_of_another_author_is_refused(their_signer: Any, ours: RemoteSigner) -> None:
    theirs = await STRANGER.sign(DRAFT)
    their_signer.answer = lambda request, honest: (
        honest
        | {"result": json.dumps({name: getattr(theirs, name) for name in theirs.__struct_fields__})}
    )
    with pytest.raises(SignerFailed, match="another event"):
        await ours.sign(DRAFT)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda event: event | {"sig": "ab" * 64}, "signature is not valid"),
        (lambda event: event | {"id": "ab" * 32}, "something else"),
        (lambda event: event | {"content": "x"}, "something else"),
        (lambda event: event | {"tags": [[]]}, "something else"),
        (lambda event: {name: event[name] for name in ("id", "sig")}, "something else"),
        (lambda event: [event], "something else"),
        (lambda event: "", "something else"),
    ],
)
async def test_a_spoilt_event_is_refused(
    their_signer: Any, ours: RemoteSigner, spoil: Callable[[Any], Any], reason: str
) -> None:
    their_signer.answer = lambda request, honest: (
        honest | {"result": json.dumps(spoil(json.loads(honest["result"])))}
    )
    with pytest.raises(SignerFailed, match=reason):
        await ours.sign(DRAFT)


@pytest.mark.parametrize("result", ["", "not encrypted", "A" * 176, "A" * 132, "B" * 4_000])
async def test_what_is_no_payload_of_the_text_is_refused(
    their_signer: Any, ours: RemoteSigner, result: str
) -> None:
    their_signer.answer = lambda request, honest: honest | {"result": result}
    with pytest.raises(SignerFailed, match="something else"):
        await ours.encrypt(STRANGER.pubkey, "sdp")


@pytest.mark.parametrize("user", ["", "ff" * 32, "zz" * 32, "7" * 63, "npub1xyz"])
async def test_a_user_that_is_none_is_refused(their_signer: Any, user: str) -> None:
    their_signer.answer = lambda request, honest: (
        honest | {"result": user} if request["method"] == "get_public_key" else honest
    )
    with pytest.raises(SignerFailed, match="public key that is none"):
        await RemoteSigner.connect(parse_bunker(their_signer.address))


async def test_another_answer_to_connect_is_refused(their_signer: Any) -> None:
    their_signer.answer = lambda request, honest: honest | {"result": "nack"}
    with pytest.raises(SignerFailed, match="another answer"):
        await RemoteSigner.connect(parse_bunker(their_signer.address))


async def test_noise_before_the_answer_is_dropped_and_counted(
    their_signer: Any, ours: RemoteSigner
) -> None:
    their_signer.answer = lambda request, honest: [
        "not JSON",
        {"id": request["id"]},
        {"id": request["id"], "result": 7},
        {"id": "somebody else's", "result": "x"},
        {"id": "x" * 10_000, "result": "auth_url", "error": "https://example.com"},
        honest,
    ]
    assert signature_ok(await ours.sign(DRAFT))
    assert ours.dropped == {"malformed": 3, "unasked": 2}


async def test_another_key_cannot_answer_for_the_signer(
    their_signer: Any, start_signer: Any, ours: RemoteSigner, until: Any
) -> None:
    impostor = await start_signer()
    their_signer.answering = False
    asking = asyncio.create_task(ours.sign(DRAFT))
    await until(lambda: len(their_signer.requests) == 3)
    request = their_signer.requests[-1]
    forged = {"id": request["id"], "result": None, "error": "gone for good"}
    await impostor.send(ours.session.client.public, forged)
    await their_signer.send(ours.session.client.public, forged | {"error": "by the owner"})
    with pytest.raises(SignerFailed, match="by the owner"):
        await asking


async def test_a_refusal_is_said_in_clean_words(their_signer: Any, ours: RemoteSigner) -> None:
    their_signer.answer = lambda request, honest: (
        honest | {"error": "\x1b[31mno\u202e " + "x" * 999}
    )
    with pytest.raises(SignerFailed) as caught:
        await ours.sign(DRAFT)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


def test_what_fails_is_what_callers_expect_to_fail() -> None:
    assert issubclass(SignerFailed, InvalidEvent)
    assert issubclass(SignerFailed, InvalidPayload)


async def test_nothing_secret_shows(ours: RemoteSigner) -> None:
    nsec = ours.session.client.to_nsec()
    assert nsec not in repr(ours) + repr(vars(ours)) + repr(vars(ours._channel))
