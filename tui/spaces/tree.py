"""Whom to listen to: the choice of a parent, from the local graph and nothing else.

For now parents are people on the stage, so every path to the host has one hop and only the load
tells candidates apart. Ties break by a hash of both pubkeys, so that joiners spread.
"""

import hashlib
from collections import Counter
from collections.abc import Collection

from tui.spaces.state import SpaceState


def choose_parent(
    state: SpaceState, me: str, now: float, avoid: Collection[str] = (), *, full: bool = False
) -> str | None:
    """The pubkey of the best parent for `me`, or `None` when nobody on stage has an output free.

    `avoid` holds those who refused or did not answer lately. With `full`, those who seem to have
    no output free will do: what they have confirmed may never have been used.
    """
    consumers = Counter(
        edge.asked for edge in state.edges(now) if edge.type == "consumer" and edge.asking != me
    )
    best: tuple[float, bytes, str] | None = None
    for candidate in state.speaking:
        peer = state.peer(candidate)
        if (
            candidate == me
            or candidate in avoid
            or not state.is_present(candidate, now)
            or not peer
        ):
            continue
        outputs = peer.metrics.max_audio_outputs
        if outputs == 0 or (consumers[candidate] >= outputs and not full):
            continue
        load = (outputs - consumers[candidate]) / outputs
        tie = hashlib.sha256(f"{me}{candidate}".encode()).digest()
        best = max(best or (load, b"", ""), (load, tie, candidate))
    return best[2] if best else None
