"""The order of the chat, and which of it was not read yet. No screen, only ids."""

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping

from tui.controller.views import (
    ChatLine,
)


class ChatLog:
    """Keeps the messages in the order of their dates; reactions are no part of it.

    What is older than `since` (unix seconds) was said before we came, and others' messages that are
    newer are unread until `read` is called.
    """

    def __init__(self) -> None:
        self._order: list[tuple[int, str]] = []
        self._known: dict[str, int] = {}
        self._unread: set[str] = set()
        self._mentions: set[str] = set()

    @property
    def keys(self) -> list[str]:
        """The ids, oldest first."""
        return [id_ for _, id_ in self._order]

    @property
    def unread(self) -> int:
        """How many messages of others were not on the screen yet."""
        return len(self._unread)

    @property
    def mentioned(self) -> bool:
        """Whether one of them speaks to us."""
        return bool(self._mentions)

    def read(self) -> None:
        """All of it is on the screen now."""
        self._unread.clear()
        self._mentions.clear()

    def rebuild(self, chat: Mapping[str, ChatLine]) -> None:
        """Forget everything and take `chat` as read."""
        self.__init__()  # type: ignore[misc]
        self._known = {line.id: line.at for line in chat.values() if not line.reaction}
        self._order = sorted((at, id_) for id_, at in self._known.items())

    def update(
        self, chat: Mapping[str, ChatLine], changed: Iterable[str], *, me: str, since: float
    ) -> list[ChatLine]:
        """Take over what `changed`; returns the messages of others that are new and unread."""
        new: list[ChatLine] = []
        for id_ in changed:
            line, at = chat.get(id_), self._known.get(id_)
            gone = line is None or line.reaction
            if at is not None and (gone or (line is not None and line.at != at)):
                del self._known[id_]
                del self._order[bisect_left(self._order, (at, id_))]
            if line is None or gone:
                self._unread.discard(id_)
                self._mentions.discard(id_)
                continue
            if id_ not in self._known:
                self._known[id_] = line.at
                insort(self._order, (line.at, id_))
            if at is None and line.pubkey != me and line.at >= since:
                new.append(line)
                self._unread.add(id_)
                if line.mentions_me:
                    self._mentions.add(id_)
        return new
