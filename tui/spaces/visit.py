"""Our own being in a space: the JOIN that others see, kept alive and dated after earlier visits."""

from collections.abc import Callable

from tui.config import limits
from tui.nostr.event import Draft
from tui.nostr.pool import NO_ANSWER
from tui.spaces.access import AccessKey
from tui.spaces.events import PeerJoined, PeerLeft
from tui.spaces.settings import SessionSettings, SpaceCreation
from tui.spaces.state import SpaceState
from tui.spaces.wire import Wire

JOIN_EVERY = 60.0  # seconds between two JOINs of ours
AGAIN_EVERY = 5.0  # the same, while others do not see us
DELIVERIES = 6  # of five seconds each, to relays that are too busy to answer


class Visit:
    """Writes our JOINs: `draft` for the first one, `look` says when another is due."""

    def __init__(
        self,
        state: SpaceState,
        wire: Wire,
        settings: SessionSettings,
        access: AccessKey | None,
        *,
        monotonic: Callable[[], float],
    ) -> None:
        self._state = state
        self._wire = wire
        self._settings = settings
        self._seal = access.seal if access is not None else None
        self._monotonic = monotonic
        self._joined_at = self._seen_at = 0
        self._said = 0.0
        self.recording = 0
        """Since when we record, for the next JOIN to say (unix seconds); 0 if we do not."""
        self.unrecorded = False
        """Whether the next JOIN asks to leave our voice out of recordings."""

    def draft(self) -> Draft:
        """Our JOIN, dated after all that is known of earlier visits, and a removal from them."""
        wire, settings, now = self._wire, self._settings, self._wire.now()
        act = self._state.last_act(wire.me)
        pardoned = min(act.at, now + limits.ACTED_AHEAD_SECONDS) if act is not None else 0
        at = max(now, self._seen_at + 1, pardoned + 1)
        draft = wire.writer.join(
            at,
            settings.name,
            settings.metrics,
            self._seal,
            recording=self.recording,
            unrecorded=self.unrecorded,
        )
        self._joined_at = draft.created_at
        self._said = self._monotonic()
        return draft

    def draft_create(self, create: SpaceCreation) -> Draft:
        """The creation of our space."""
        keys = ("image", "starts", "language", "topics", "access")
        return self._wire.writer.create(
            self._wire.now(),
            create.name,
            self._settings.metrics,
            create.summary,
            create.relays,
            **{key: getattr(create, key) for key in keys},
        )

    async def deliver(self, draft: Draft) -> str:
        """Say what one must have said to be here; why no relay has taken it, or nothing."""
        for _ in range(DELIVERIES):
            results = await self._wire.deliver(draft)
            if any(result.ok for result in results.values()):
                return ""
            if not any(result.reason == NO_ANSWER for result in results.values()):
                break
        reasons = "; ".join(f"{url}: {result.reason}" for url, result in results.items())
        return f"no relay takes our events: {reasons or 'none is connected'}"

    def heard(self, event: PeerJoined | PeerLeft) -> None:
        """A JOIN or LEAVE of ours, maybe of another visit."""
        self._seen_at = max(self._seen_at, event.at)
        if isinstance(event, PeerLeft) and 0 < self._joined_at <= event.at:
            self.say_again()  # not we have left, an earlier visit of ours

    def look(self) -> None:
        """Say JOIN again if it is time, or if it does not count as it should."""
        counts = self._state.is_present(self._wire.me, self._wire.now())
        if self._monotonic() - self._said > (JOIN_EVERY if counts else AGAIN_EVERY):
            self.say_again()

    def say_again(self) -> None:
        """Say JOIN again, if it was said before: a relay may not have it any more."""
        if self._joined_at:
            self._wire.say(self.draft(), instead="join")
