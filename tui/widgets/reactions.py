"""Who sent an emoji just now: for a few seconds beside the name, and counted for all."""

from collections import Counter

from tui.config import limits
from tui.widgets.text import clean, fit, width_of

_CELLS = 4  # of one emoji; what is longer is text that somebody wrote in place of one


class Reactions:
    """Remembers each person's last emoji until it fades; bounded."""

    def __init__(self) -> None:
        self._shown: dict[str, tuple[str, float]] = {}

    def add(self, pubkey: str, emoji: str, now: float) -> None:
        """Somebody reacted; `now` in unix seconds."""
        emoji = clean(emoji).strip()
        emoji = {"+": "👍", "-": "👎", "": "👍"}.get(emoji, emoji)  # NIP-25
        if (cells := width_of([(emoji, "")])) > _CELLS:
            emoji = fit(emoji, min(cells, _CELLS))
        self._shown.pop(pubkey, None)
        self._shown[pubkey] = (emoji, now + limits.REACTION_SECONDS)
        while len(self._shown) > limits.SHOWN_REACTIONS:
            del self._shown[next(iter(self._shown))]

    def of(self, pubkey: str) -> str:
        """The emoji beside a name, "" for none."""
        return self._shown.get(pubkey, ("", 0.0))[0]

    def fade(self, now: float) -> list[str]:
        """Forget what was shown long enough; returns whose it was."""
        faded = [pubkey for pubkey, (_, until) in self._shown.items() if until <= now]
        for pubkey in faded:
            del self._shown[pubkey]
        return faded

    def __bool__(self) -> bool:
        return bool(self._shown)

    def summary(self, kinds: int = 4) -> str:
        """All that are shown, counted, the most frequent first: `👏3 🔥1`."""
        counted = Counter(emoji for emoji, _ in self._shown.values())
        return " ".join(f"{emoji}{count}" for emoji, count in counted.most_common(kinds))
