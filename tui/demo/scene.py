"""What the simulated people see, and what they do: the two ends of the script."""

import msgspec

from tui.controller.intents import AnyIntent
from tui.controller.view import (
    View,
)
from tui.controller.views import (
    SPEAKING_ROLES,
)


class Sight(msgspec.Struct, frozen=True):
    """What one person sees; `space` is the ref of the space joined, empty while in none.

    The others are pubkeys: who is `present`, on `stage`, `talking`, and whose `hands` are up, the
    first to be asked first.
    """

    space: str = ""
    on_stage: bool = False
    microphone_open: bool = False
    present: frozenset[str] = frozenset()
    stage: frozenset[str] = frozenset()
    talking: frozenset[str] = frozenset()
    hands: tuple[str, ...] = ()


class Cue(msgspec.Struct, frozen=True):
    """`who` (a pubkey) is to do something now."""

    who: str
    intent: AnyIntent


NOTHING = Sight()


def look(view: View) -> Sight:
    """What a controller's view amounts to for the person behind it."""
    space = view.space
    if space is None or space.stage != "joined":
        return NOTHING
    people = [person for person in view.participants.values() if person.present]
    hands = sorted((person for person in people if person.queue), key=lambda p: p.queue)
    return Sight(
        space=space.ref,
        on_stage=space.role in SPEAKING_ROLES,
        microphone_open=space.microphone in ("open", "unavailable"),
        present=frozenset(person.pubkey for person in people),
        stage=frozenset(p.pubkey for p in people if p.role in SPEAKING_ROLES),
        talking=frozenset(person.pubkey for person in people if person.speaking),
        hands=tuple(person.pubkey for person in hands),
    )
