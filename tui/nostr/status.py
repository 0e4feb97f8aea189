"""A relay as people see it."""

from typing import Literal

import msgspec

from tui.nostr.auth import AuthState
from tui.nostr.information import Limitation

State = Literal["connecting", "connected", "waiting", "closed"]


class Published(msgspec.Struct, frozen=True):
    """Whether a relay took an event, and its reason or ours if not."""

    ok: bool
    reason: str = ""


class RelayStatus(msgspec.Struct, frozen=True):
    """`reason` is that of the last failure, `notice` what the relay last had to say.

    `auth` tells how NIP-42 stands, `name` and `limits` come from NIP-11. `refusals` are by kind of
    event, the last one of each; `forgets` are kinds that it accepted and did not give back.
    `retry_at` is when a relay that waits is tried again, in unix seconds; 0 for all others.
    """

    url: str
    state: State
    reason: str = ""
    notice: str = ""
    auth: AuthState = ""
    name: str = ""
    limits: Limitation = Limitation()
    refusals: dict[int, str] = {}
    forgets: tuple[int, ...] = ()
    retry_at: float = 0.0
