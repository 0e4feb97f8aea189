import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import nostr_sdk as sdk
import pytest

from tui.relay.server import RelayServer

# A remote signer (NIP-46) that shares no code with ours: events, signatures, encryption and
# WebSockets are those of nostr-sdk, whose own signer its Python package leaves out. That it is a
# sound one is checked with the client of nostr-sdk.

Json = dict[str, Any]
Answer = Callable[[Json, Json], Json | list[Json] | None]


class TheirSigner:
    """Signs for `user` under a key of its own; `answer(request, honest)` may say something else."""

    def __init__(self, relays: list[str], secret: str) -> None:
        self.keys = sdk.Keys.generate()
        self.user_keys = sdk.Keys.generate()
        self.relays = relays
        self.secret = secret
        self.requests: list[Json] = []
        self.allowed: set[str] = set()  # clients
        self.answer: Answer = lambda request, honest: honest
        self.answering = True
        self.asks_for_permission = True
        self._client = sdk.ClientBuilder().build()
        self._serving: asyncio.Task[None] | None = None

    @property
    def pubkey(self) -> str:
        return self.keys.public_key().to_hex()

    @property
    def user(self) -> str:
        return self.user_keys.public_key().to_hex()

    @property
    def address(self) -> str:
        relays = "&".join(f"relay={quote(relay, safe='')}" for relay in self.relays)
        return f"bunker://{self.pubkey}?{relays}&secret={self.secret}"

    async def start(self) -> None:
        for relay in self.relays:
            await self._client.add_relay(sdk.RelayUrl.parse(relay))
        await self._client.connect(timedelta(seconds=5))
        notes = self._client.notifications()
        to_us = sdk.Filter().kind(sdk.Kind(24133)).pubkey(self.keys.public_key()).limit(0)
        await self._client.subscribe(sdk.ReqTarget.auto([to_us]))
        for _ in self.relays:
            await self._heard(notes)
        self._serving = asyncio.create_task(self._serve(notes))

    async def stop(self) -> None:
        if self._serving is not None:
            self._serving.cancel()
            await asyncio.wait([self._serving])
        await self._client.shutdown()

    async def scan(self, address: str, answer: str | None = None) -> None:
        """Answer a nostrconnect:// address, with its secret or with something else."""
        parts = urlsplit(address)
        (secret,) = parse_qs(parts.query)["secret"]
        if answer is None:
            self.allowed.add(parts.netloc)
        message = {"id": "scanned", "result": answer or secret, "error": None}
        await self.send(parts.netloc, message)

    async def send(self, to: str, message: Any) -> None:
        text = message if isinstance(message, str) else json.dumps(message)
        key = sdk.PublicKey.parse(to)
        content = sdk.nip44_encrypt(self.keys.secret_key(), key, text, sdk.Nip44Version.V2)
        tags = [sdk.Tag.parse(["p", to])]
        event = sdk.EventBuilder(sdk.Kind(24133), content).tags(tags).finalize(self.keys)
        await self._client.send_event(event)

    async def _heard(self, notes: sdk.ClientNotificationStream) -> None:
        """Wait until a relay knows what we listen to."""
        while (note := await notes.next()) is not None:
            if note.is_message() and note.message.as_enum().is_end_of_stored_events():
                return

    async def _serve(self, notes: sdk.ClientNotificationStream) -> None:
        while (note := await notes.next()) is not None:
            if note.is_new_event():
                await self._receive(note.event)

    async def _receive(self, event: sdk.Event) -> None:
        assert event.verify()
        sender = event.author()
        request = json.loads(sdk.nip44_decrypt(self.keys.secret_key(), sender, event.content()))
        self.requests.append(request)
        if not self.answering:
            return
        said = self.answer(request, self._honest(sender.to_hex(), request))
        for message in [] if said is None else said if isinstance(said, list) else [said]:
            await self.send(sender.to_hex(), message)

    def _honest(self, sender: str, request: Json) -> Json:
        try:
            result, error = self._do(sender, request["method"], request["params"]), None
        except (sdk.NostrSdkError, PermissionError) as problem:
            result, error = None, str(problem)
        return {"id": request["id"], "result": result, "error": error}

    def _do(self, sender: str, method: str, params: list[str]) -> str:
        secret = self.user_keys.secret_key()
        if method == "connect":
            if params[0] != self.pubkey or params[1] != self.secret:
                raise PermissionError("not with this secret")
            self.allowed.add(sender)
            return "ack"
        if sender not in self.allowed and self.asks_for_permission:
            raise PermissionError("who are you?")
        match method:
            case "ping":
                return "pong"
            case "get_public_key":
                return self.user
            case "sign_event":
                unsigned = sdk.UnsignedEvent.from_json(params[0])
                return unsigned.sign(self.user_keys).as_json()
            case "nip44_encrypt":
                key = sdk.PublicKey.parse(params[0])
                return sdk.nip44_encrypt(secret, key, params[1], sdk.Nip44Version.V2)
            case "nip44_decrypt":
                return sdk.nip44_decrypt(secret, sdk.PublicKey.parse(params[0]), params[1])
        raise PermissionError(f"cannot {method}")


StartSigner = Callable[..., Awaitable[TheirSigner]]


@pytest.fixture
async def signer_relay() -> AsyncIterator[RelayServer]:
    async with RelayServer() as server:
        yield server


@pytest.fixture
async def start_signer(signer_relay: RelayServer) -> AsyncIterator[StartSigner]:
    """Start a remote signer on our relay, or on others; it ends with the test."""
    signers: list[TheirSigner] = []

    async def start(relays: list[str] | None = None, secret: str = "open sesame") -> TheirSigner:
        signer = TheirSigner(relays or [signer_relay.url], secret)
        signers.append(signer)
        await signer.start()
        return signer

    yield start
    for signer in signers:
        await signer.stop()


@pytest.fixture
async def their_signer(start_signer: StartSigner) -> TheirSigner:
    return await start_signer()
