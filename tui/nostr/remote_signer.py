"""A signer on another machine (NIP-46), reached over relays of its own.

Nothing that the signer says is believed: a signed event has to be the very event that was asked
for, with a good signature. A hostile signer can refuse and be silent, and no more.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Self

from tui.config import limits
from tui.nostr import nip44, nip46
from tui.nostr.event import Draft, Event, InvalidEvent, decode_event, event_id, signature_ok
from tui.nostr.keys import SecretKey, SignerFailed
from tui.nostr.nip46 import BunkerAddress, ConnectOffer, RemoteSession
from tui.nostr.relay import Timing
from tui.nostr.remote_channel import OpenPage, RemoteChannel


class RemoteSigner:
    """Signs, encrypts and decrypts by asking; many requests may be under way at once.

    A session that was once allowed needs no handshake: it works as soon as a relay is connected.
    """

    def __init__(
        self,
        session: RemoteSession,
        *,
        on_page: OpenPage | None = None,
        timeout: float = limits.REMOTE_SECONDS,
        now: Callable[[], float] = time.time,
        timing: Timing | None = None,
    ) -> None:
        """`timeout` in seconds, for each request. Raises InvalidRelayUrl, InvalidPayload."""
        channel = RemoteChannel(
            session.client, session.relays, on_page=on_page, now=now, timing=timing
        )
        channel.meet(session.signer)
        self._take(channel, session, timeout)

    def _take(self, channel: RemoteChannel, session: RemoteSession, timeout: float) -> None:
        self.session = session
        self.dropped = channel.dropped
        self._channel = channel
        self._timeout = timeout

    @classmethod
    async def connect(
        cls,
        address: BunkerAddress,
        *,
        client: SecretKey | None = None,
        permissions: tuple[str, ...] = nip46.PERMISSIONS,
        on_page: OpenPage | None = None,
        timeout: float = limits.REMOTE_SECONDS,
        now: Callable[[], float] = time.time,
        timing: Timing | None = None,
    ) -> Self:
        """Ask a signer to let us in; returns an open signer; raises SignerFailed."""
        channel = RemoteChannel(
            client or SecretKey.generate(),
            address.relays,
            on_page=on_page,
            now=now,
            timing=timing,
        )
        channel.open()
        try:
            channel.meet(address.signer)
            await channel.reach()
            result = await channel.request(
                "connect",
                address.signer,
                address.secret,
                ",".join(permissions),
                timeout=limits.REMOTE_APPROVAL_SECONDS,
            )
            if result not in ("ack", address.secret):
                raise SignerFailed("the remote signer gives another answer than is due")
            return await cls._begin(channel, address.signer, timeout)
        except BaseException:
            await channel.close()
            raise

    @classmethod
    async def accept(
        cls,
        offer: ConnectOffer,
        *,
        on_page: OpenPage | None = None,
        timeout: float = limits.REMOTE_SECONDS,
        patience: float = limits.REMOTE_APPROVAL_SECONDS,
        now: Callable[[], float] = time.time,
        timing: Timing | None = None,
    ) -> Self:
        """Wait up to `patience` seconds for a signer that was shown the offer; it is then open.

        Raises SignerFailed.
        """
        channel = RemoteChannel(offer.client, offer.relays, on_page=on_page, now=now, timing=timing)
        found: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def on_event(event: Event, _url: str) -> None:
            try:
                key = offer.client.conversation_key(event.pubkey)
                text = nip44.decrypt(event.content, key)
            except nip44.InvalidPayload:
                channel.dropped["unreadable"] += 1
                return
            if not nip46.echoes_secret(text, offer):
                channel.dropped["wrong secret"] += 1
            elif not found.done():
                found.set_result(event.pubkey)

        channel.open()
        try:
            channel.subscribe(on_event)
            await channel.reach()
            async with asyncio.timeout(patience):
                signer = await found
            channel.meet(signer)
            return await cls._begin(channel, signer, timeout)
        except TimeoutError:
            await channel.close()
            raise SignerFailed("no remote signer has answered") from None
        except BaseException:
            await channel.close()
            raise

    @classmethod
    async def _begin(cls, channel: RemoteChannel, signer: str, timeout: float) -> Self:
        user = await channel.request("get_public_key", timeout=timeout)
        if not nip46.is_pubkey(user):
            raise SignerFailed("the remote signer names a public key that is none")
        self = cls.__new__(cls)
        self._take(channel, RemoteSession(channel.client, signer, channel.relays, user), timeout)
        return self

    def open(self) -> None:
        """Begin to connect; requests may be made at once."""
        self._channel.open()

    async def close(self) -> None:
        """End the connections; requests under way fail."""
        await self._channel.close()

    @property
    def pubkey(self) -> str:
        """The public key (hex) that the signer signs for."""
        return self.session.user

    async def sign(self, draft: Draft) -> Event:
        """The draft as a signed event; raises InvalidEvent, SignerFailed."""
        wanted = event_id(self.pubkey, draft.created_at, draft.kind, draft.tags, draft.content)
        asked = nip46.encode_draft(draft, self.pubkey)
        try:
            event = decode_event(await self._request("sign_event", asked))
        except SignerFailed:
            raise
        except InvalidEvent:
            raise SignerFailed("the remote signer answers with something else") from None
        # The id covers author, time, kind, tags and content.
        if event.id != wanted:
            raise SignerFailed("the remote signer has signed another event than it was asked to")
        if not signature_ok(event):
            raise SignerFailed("the remote signer's signature is not valid")
        return event

    async def encrypt(self, recipient: str, text: str) -> str:
        """A NIP-44 v2 payload for a public key (hex); raises nip44.InvalidPayload, SignerFailed."""
        size = nip44.payload_size(text)
        if not nip46.is_pubkey(recipient):
            raise nip44.InvalidPayload("not a public key")
        payload = await self._request("nip44_encrypt", recipient, text)
        try:
            fits = len(nip44.payload_bytes(payload)) == size
        except nip44.InvalidPayload:
            fits = False
        if not fits:
            raise SignerFailed("the remote signer answers with something else")
        return payload

    async def decrypt(self, sender: str, payload: str) -> str:
        """The text of a NIP-44 v2 payload from a public key (hex).

        Raises nip44.InvalidPayload, SignerFailed.
        """
        nip44.payload_bytes(payload)  # the signer, and its owner, need not see what cannot be one
        if not nip46.is_pubkey(sender):
            raise nip44.InvalidPayload("not a public key")
        return await self._request("nip44_decrypt", sender, payload)

    async def ping(self) -> None:
        """Ask whether the signer is there; raises SignerFailed."""
        if await self._request("ping") != "pong":
            raise SignerFailed("the remote signer answers with something else")

    async def _request(self, method: str, *params: str) -> str:
        return await self._channel.request(method, *params, timeout=self._timeout)

    def __repr__(self) -> str:
        return f"RemoteSigner(public={self.pubkey!r})"
