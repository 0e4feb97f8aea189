"""Which events the relay takes. A kind of event with rules of its own is judged here."""

from tui.nostr.auth import AUTH_KIND
from tui.nostr.event import Event, expiration, signature_ok
from tui.relay.limits import RelayLimits
from tui.relay.visitor import Visitor


def refusal(event: Event, visitor: Visitor, limits: RelayLimits, now: float) -> str:
    """Why an event of valid shape and id is refused, with its NIP-01 prefix; "" if it is not."""
    if len(event.tags) > limits.max_event_tags:
        return f"invalid: more than {limits.max_event_tags} tags"
    if len(event.content) > limits.max_content_length:
        return f"invalid: content is longer than {limits.max_content_length} characters"
    if event.created_at > now + limits.created_at_upper_limit:
        return f"invalid: dated more than {limits.created_at_upper_limit} s ahead"
    expires_at = expiration(event)
    if expires_at is not None and expires_at <= now:
        return "invalid: the event has expired"
    if event.kind == AUTH_KIND:  # meant for one relay, never passed on
        return "blocked: authentication is not for others to see"
    if reason := visitor.may_write(event):
        return reason
    # Last, because it costs more than all the rest.
    if not signature_ok(event):
        return "invalid: the signature is wrong"
    return ""
