"""What is said to one relay and what comes of it, from connection to connection.

What has to reach a relay is kept as state (the subscriptions that are wanted, the events without
an answer) and is said anew on each connection. A subscription that the relay ends is asked for
again after a pause, a few times; what it refuses to strangers is repeated once it knows us.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from tui.config import limits
from tui.nostr.auth import REQUIRED, Authentication, auth_draft
from tui.nostr.event import Event, InvalidEvent
from tui.nostr.filter import Filter
from tui.nostr.information import Limitation
from tui.nostr.keys import Signer
from tui.nostr.memory import Memory
from tui.nostr.messages import (
    AuthMessage,
    ClosedMessage,
    EoseMessage,
    EventMessage,
    NoticeMessage,
    OkMessage,
    RelayMessage,
    encode_auth,
)
from tui.nostr.outbox import Outbox
from tui.nostr.requests import Request, Requests
from tui.nostr.status import Published
from tui.nostr.timing import Timing

log = logging.getLogger(__name__)

# Refusals that stay: asking for the same again would get the same answer.
_FINAL = (REQUIRED, "restricted:", "blocked:", "invalid:", "unsupported:")


class Listener(Protocol):
    """Who hears what a relay sends for a subscription; `url` says which relay."""

    @property
    def signer(self) -> Signer | None:
        """Who we are, if a relay asks."""

    def on_event(self, url: str, subscription: str, event: Event) -> str:
        """An event, its signature not checked; why it was dropped, "" if it was not."""

    def on_eose(self, url: str, subscription: str) -> None:
        """The stored events have all been sent."""

    def on_closed(self, url: str, subscription: str, reason: str) -> None:
        """The relay has ended or refused the subscription; it may yet be asked again."""


class Conversation:
    """Requests, publications and authentication at one relay; returns at once throughout.

    `send` takes messages for the relay, `show` changes of its status; `now` is in unix seconds.
    """

    def __init__(
        self,
        url: str,
        *,
        listener: Listener,
        send: Callable[[str], None],
        show: Callable[..., None],
        rng: random.Random,
        now: Callable[[], float],
        timing: Timing,
    ) -> None:
        self.url = url
        self.heard = 0.0  # when the relay last said something, in unix seconds
        self._listener = listener
        self._send = send
        self._show = show
        self._rng = rng
        self._now = now
        self._timing = timing
        self._rules = Limitation()
        self._requests = Requests(send, self._too_long)
        self._outbox = Outbox(send)
        self._auth = Authentication()
        self._signing: asyncio.Task[None] | None = None
        self._memory = Memory()
        self._refusals: dict[int, str] = {}
        self._notices = 0
        self._timers: set[asyncio.TimerHandle] = set()

    # --- what we want ----------------------------------------------------------------------------

    def subscribe(self, subscription: str, filters: Sequence[Filter], page: bool = False) -> None:
        """Ask for events now and after each reconnect; with `page` the whole past of them."""
        self._requests.add(subscription, filters, page)

    def unsubscribe(self, subscription: str) -> None:
        """Ask for these events no longer."""
        self._requests.remove(subscription)

    def publish(self, event: Event, message: str) -> asyncio.Future[Published]:
        """Send an event, also after a reconnect, until the relay answers or `forget` is called."""
        if reason := self._rules.refusal(event, message, self._now()):
            refused: asyncio.Future[Published] = asyncio.get_running_loop().create_future()
            refused.set_result(Published(False, reason))
            self._note(event.kind, reason)
            return refused
        return self._outbox.publish(event, message)

    def forget(self, event_id: str, future: asyncio.Future[Published]) -> None:
        """Nobody waits for this answer any longer."""
        self._outbox.forget(event_id, future)

    def held(self, event_id: str) -> str:
        """Why the relay has not taken an event yet, "" if it did not say."""
        return self._outbox.held(event_id)

    def obey(self, rules: Limitation) -> None:
        """Keep to the limits that the relay has stated."""
        self._rules = rules
        self._requests.obey(rules)

    def identify(self) -> None:
        """We are somebody else now: say so, if the relay has ever asked."""
        if self._signing is not None:
            self._signing.cancel()
            self._signing = None
        if self._auth.challenge and self._listener.signer is not None:
            self._auth.state = "asked"
            self._authenticate()

    # --- the connection --------------------------------------------------------------------------

    def begin(self) -> None:
        """A connection is there: say all that the relay has to know."""
        self._notices = 0
        self._auth.begin()
        self._show(auth="")
        self._requests.connected()
        self._outbox.connected()

    def end(self) -> list[asyncio.Task[None]]:
        """The connection is gone; some of what was said will be said again on the next.

        Returns the tasks that have been cancelled.
        """
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        signing = [] if self._signing is None else [self._signing]
        for task in signing:
            task.cancel()
        self._signing = None
        self._memory.disconnected()
        for request in [each for each in self._requests if self._memory.asks(each.id)]:
            self._requests.remove(request.id)
        self._requests.disconnected(self.heard)
        return signing

    def close(self) -> None:
        """The relay is no longer in use."""
        self._outbox.fail_all("the relay is no longer in use")

    # --- what the relay says ---------------------------------------------------------------------

    def handle(self, message: RelayMessage) -> str:
        """Take in a message; why it was dropped, "" if it was not."""
        match message:
            case EventMessage():
                return self._on_event(message)
            case OkMessage():
                return self._on_ok(message)
            case EoseMessage() | ClosedMessage():
                request = self._requests.find(message.subscription)
                if request is None:
                    return "unsolicited"
                if isinstance(message, ClosedMessage):
                    self._on_closed(request, message)
                elif self._requests.ended(request, message.subscription):
                    self._past_is_whole(request)
                return ""
            case NoticeMessage():
                self._notices += 1
                if self._notices > limits.RELAY_NOTICES:
                    return "notice"
                self._show(notice=message.reason)
                return ""
            case AuthMessage():
                if not self._auth.challenged(message.challenge):
                    return "challenge"
                self._show(auth="asked")
                self._authenticate()
                return ""

    def _on_event(self, message: EventMessage) -> str:
        id_ = message.subscription
        request = self._requests.find(id_)
        if request is None:
            return "unsolicited"  # as a rule late: sent before our CLOSE arrived
        if not request.live:
            if self._memory.asks(id_):
                if not request.filters[0].matches(message.event):
                    return "unmatched"
                self._memory.answered(id_, kept=True)
                self._requests.remove(id_)
                return ""
            self._requests.saw(request, id_, message.event)
        return self._listener.on_event(self.url, request.id, message.event)

    def _past_is_whole(self, request: Request) -> None:
        if self._memory.asks(request.id):
            self._requests.remove(request.id)
            if self._memory.answered(request.id, kept=False):
                self._show(forgets=self._memory.forgets)
        else:
            self._listener.on_eose(self.url, request.id)

    def _on_closed(self, request: Request, message: ClosedMessage) -> None:
        if self._memory.asks(request.id):
            self._requests.remove(request.id)
            self._memory.answered(request.id, kept=True)  # as far as we can know
            return
        reason = message.reason
        self._requests.refused(request, message.subscription, reason, self.heard)
        if reason.startswith(REQUIRED) and self._listener.signer is not None:
            if self._auth.state == "asked":
                return
            final = self._auth.state == "refused" or request.refusals > 2
        else:
            final = reason.startswith(_FINAL) or request.refusals > limits.CLOSED_RETRIES
        if not final:
            self._ask_again_later(request)
        elif self._requests.give_up(request):  # only the past, which stays as it is
            self._past_is_whole(request)
            return
        if message.subscription == request.id:
            self._listener.on_closed(self.url, request.id, reason)

    def _ask_again_later(self, request: Request) -> None:
        longest = self._timing.retry_longest
        pause = min(self._timing.retry_first * 2 ** (request.refusals - 1), longest)
        pause = self._rng.uniform(pause / 2, pause)
        self._later(pause, lambda: self._requests.again(request.id))

    def _too_long(self, request: Request) -> None:
        """A question that the relay would not read, and that might cost us the connection."""
        reason = f"takes at most {self._rules.max_message_length} bytes"
        self._later(0, lambda: self._listener.on_closed(self.url, request.id, reason))

    def _on_ok(self, message: OkMessage) -> str:
        id_, reason = message.event_id, message.reason
        if self._auth.heard(id_, message.accepted):
            self._authenticated(reason)
            return ""
        event = self._outbox.find(id_)
        if event is None:
            return "unsolicited"
        if not message.accepted and reason.startswith(REQUIRED) and self._hold(id_, reason):
            return ""
        self._outbox.answer(id_, Published(message.accepted, reason))
        self._note(event.kind, "" if message.accepted else reason)
        if message.accepted and self._memory.accepted(event):
            self._later(self._timing.memory, lambda: self._read_back(event))
        return ""

    def _note(self, kind: int, refusal: str) -> None:
        """Keep what the relay said last about events of this kind."""
        if refusal.startswith("duplicate:") or refusal == self._refusals.get(kind, ""):
            return
        if not refusal:
            del self._refusals[kind]
        elif kind in self._refusals or len(self._refusals) < limits.REMEMBERED_KINDS:
            self._refusals[kind] = refusal
        self._show(refusals=dict(self._refusals))

    def _read_back(self, event: Event) -> None:
        id_, question = self._memory.question(event)
        self._requests.add(id_, [question])

    def _later(self, seconds: float, act: Callable[[], Any]) -> None:
        """Do something in a while, if this connection is still there."""

        def run() -> None:
            self._timers.discard(timer)
            act()

        timer = asyncio.get_running_loop().call_later(seconds, run)
        self._timers.add(timer)

    # --- who we are ------------------------------------------------------------------------------

    def _authenticate(self) -> None:
        signer = self._listener.signer
        if signer is not None and self._signing is None:
            self._signing = asyncio.create_task(self._sign(signer), name=f"auth {self.url}")
            self._signing.add_done_callback(self._signed)

    async def _sign(self, signer: Signer) -> None:
        challenge = ""
        while self._auth.state == "asked" and challenge != self._auth.challenge:
            challenge = self._auth.challenge  # another may come while a remote signer thinks
            try:
                event = await signer.sign(auth_draft(self.url, challenge, int(self._now())))
            except InvalidEvent as error:
                self._auth.state = "refused"
                self._authenticated(f"{REQUIRED} not signed: {error}")
                return
        self._auth.answered(event)
        self._send(encode_auth(event))

    def _signed(self, task: asyncio.Task[None]) -> None:
        if self._signing is task:
            self._signing = None
        if not task.cancelled() and (error := task.exception()):
            log.error("authentication at %s failed", self.url, exc_info=error)

    def _hold(self, event_id: str, reason: str) -> bool:
        """Keep an event until the relay knows us; false if that would not help."""
        if self._listener.signer is None or self._auth.state == "refused":
            return False
        if self._outbox.hold(event_id, reason) > 2:
            return False
        if self._auth.state == "accepted":  # it was refused just before
            self._outbox.release()
        return True

    def _authenticated(self, reason: str) -> None:
        """The relay has accepted who we are, or refused."""
        self._show(auth=self._auth.state)
        if self._auth.state == "accepted":
            self._requests.again(prefix=REQUIRED)
            self._outbox.release()
            return
        self._show(notice=reason)
        self._outbox.fail_held()
        for request in [*self._requests]:
            if request.state == "refused" and request.reason.startswith(REQUIRED):
                self._listener.on_closed(self.url, request.id, reason)
