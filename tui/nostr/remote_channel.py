"""The line to a remote signer (NIP-46): requests out, answers in, over relays of its own."""

import asyncio
import secrets
from collections import Counter
from collections.abc import Callable

from tui.config import limits
from tui.nostr import nip44, nip46
from tui.nostr.event import Draft, Event
from tui.nostr.filter import Filter
from tui.nostr.keys import LocalSigner, SecretKey, SignerFailed
from tui.nostr.nip46 import Answer
from tui.nostr.pool import Pool, Subscription
from tui.nostr.relay import RelayStatus, Timing

OpenPage = Callable[[str], None]
"""Told of a page (https or http) where the signer wants its owner to approve."""


class _Waiting:
    """A request without an answer so far."""

    def __init__(self, request: str, limit: asyncio.Timeout) -> None:
        self.request = request
        self.limit = limit
        self.answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.sending: set[asyncio.Task[None]] = set()
        self.page_shown = False

    def fail(self, reason: str) -> None:
        """End the wait without an answer."""
        if not self.answer.done():
            self.answer.set_exception(SignerFailed(reason))


class RemoteChannel:
    """Requests to one signer and its answers, in any order; runs from `open` to `close`."""

    def __init__(
        self,
        client: SecretKey,
        relays: tuple[str, ...],
        *,
        on_page: OpenPage | None,
        now: Callable[[], float],
        timing: Timing | None,
    ) -> None:
        self.client = client
        self.relays = relays
        self.dropped: Counter[str] = Counter()
        self._signer = LocalSigner(client)
        self._on_page = on_page
        self._now = now
        self._pool = Pool(relays, now=now, timing=timing)
        self._pool.on_status = self._on_status
        self._pool.signer = self._signer  # for relays that ask who we are (NIP-42)
        self._met: set[str] = set()  # relays that were connected once
        self._lost: set[str] = set()  # those of them that are not connected now
        self._running: asyncio.Task[None] | None = None
        self._subscription: Subscription | None = None
        self._peer = ""
        self._key = b""
        self._waiting: dict[str, _Waiting] = {}

    def open(self) -> None:
        """Begin to connect."""
        self._running = asyncio.create_task(self._run(), name="remote signer")

    async def close(self) -> None:
        """End the connections; whoever still waits for an answer is told."""
        for waiting in self._waiting.values():
            waiting.fail("the remote signer is no longer in use")
        self.unsubscribe()
        running, self._running = self._running, None
        if running is not None:
            running.cancel()
            await asyncio.wait([running])

    async def reach(self) -> None:
        """Wait until a relay is connected; raises SignerFailed."""
        if not await self._pool.wait_connected(limits.RELAY_OPEN_SECONDS):
            raise SignerFailed(self._why_silent())

    def meet(self, peer: str) -> None:
        """Talk to this signer (public key, hex) from now on."""
        self._peer, self._key = peer, self.client.conversation_key(peer)
        self.subscribe(self._on_event, authors=(peer,))

    def subscribe(
        self, on_event: Callable[[Event, str], None], authors: tuple[str, ...] | None = None
    ) -> None:
        """Hear what is addressed to us, new messages only."""
        self.unsubscribe()
        to_us = Filter(
            kinds=(nip46.KIND,), authors=authors, tags={"p": (self.client.public,)}, limit=0
        )
        self._subscription = self._pool.subscribe([to_us], on_event)

    def unsubscribe(self) -> None:
        """Hear no more."""
        if self._subscription is not None:
            self._subscription.close()

    async def request(
        self, method: str, *params: str, timeout: float = limits.REMOTE_SECONDS
    ) -> str:
        """Ask and return the result; raises SignerFailed, after `timeout` seconds at the latest.

        A signer that wants its owner to approve on a page has more time, once.
        """
        if self._running is None:
            raise SignerFailed("the remote signer is no longer in use")
        if len(self._waiting) >= limits.REMOTE_REQUESTS:
            raise SignerFailed("too many requests wait for the remote signer")
        id_ = secrets.token_hex(8)
        request = nip46.encode_request(id_, method, params)
        try:
            async with asyncio.timeout(timeout) as limit:
                waiting = self._waiting[id_] = _Waiting(request, limit)
                self._send(waiting)
                answer = await waiting.answer
        except TimeoutError:
            raise SignerFailed(self._why_silent()) from None
        finally:
            if (ended := self._waiting.pop(id_)).sending:
                for task in ended.sending:
                    task.cancel()
                await asyncio.wait(ended.sending)
        if answer.error or answer.result is None:
            raise SignerFailed(nip46.complaint(answer))
        return answer.result

    async def _run(self) -> None:
        async with self._pool:
            await asyncio.Event().wait()

    def _send(self, waiting: _Waiting, relays: tuple[str, ...] | None = None) -> None:
        task = asyncio.create_task(self._publish(waiting, relays or self.relays))
        waiting.sending.add(task)
        task.add_done_callback(waiting.sending.discard)

    async def _publish(self, waiting: _Waiting, relays: tuple[str, ...]) -> None:
        try:
            # Encrypted anew each time: a relay would drop the same event as a duplicate.
            content = nip44.encrypt(waiting.request, self._key)
            draft = Draft(nip46.KIND, content, (("p", self._peer),), int(self._now()))
            event = await self._signer.sign(draft)
        except ValueError:
            waiting.fail("too large for a remote signer")
            return
        # Returns before the request's own time is over only if every relay has answered.
        results = await self._pool.publish(
            event, relays=relays, timeout=limits.REMOTE_APPROVAL_SECONDS
        )
        if relays == self.relays and not any(result.ok for result in results.values()):
            url, result = next(iter(results.items()))
            waiting.fail(f"{url} does not pass the request on: {result.reason}")

    def _on_event(self, event: Event, _url: str) -> None:
        try:
            answer = nip46.decode_answer(nip44.decrypt(event.content, self._key))
        except nip44.InvalidPayload:
            self.dropped["unreadable"] += 1
            return
        if answer is None:
            self.dropped["malformed"] += 1
        elif (waiting := self._waiting.get(answer.id)) is None:
            self.dropped["unasked"] += 1
        elif (page := nip46.page_to_open(answer)) is not None:
            self._show_page(waiting, page)
        elif not waiting.answer.done():
            waiting.answer.set_result(answer)

    def _show_page(self, waiting: _Waiting, page: str) -> None:
        if not page:
            waiting.fail("the remote signer wants a page opened whose address is not valid")
        elif waiting.page_shown:  # once: it must not keep us waiting for ever
            self.dropped["repeated page"] += 1
        else:
            waiting.page_shown = True
            later = asyncio.get_running_loop().time() + limits.REMOTE_APPROVAL_SECONDS
            waiting.limit.reschedule(later)
            if self._on_page is not None:
                self._on_page(page)

    def _on_status(self, status: RelayStatus) -> None:
        """Ask again over a relay that comes back: what it heard or said meanwhile is lost."""
        connected = status.state == "connected"
        if connected and status.url in self._lost:
            for waiting in self._waiting.values():
                self._send(waiting, (status.url,))
        if connected:
            self._lost.discard(status.url)
            self._met.add(status.url)
        elif status.url in self._met:
            self._lost.add(status.url)

    def _why_silent(self) -> str:
        states = self._pool.status().values()
        if any(status.state == "connected" for status in states):
            return "the remote signer does not answer"
        reasons = [f"{status.url}: {status.reason or 'does not answer'}" for status in states]
        return f"cannot reach the remote signer: {'; '.join(reasons)}"
