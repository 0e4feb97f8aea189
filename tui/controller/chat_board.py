"""The chat of a space or room as clients see it."""

from collections.abc import Callable, Iterable

from tui.config import limits
from tui.controller.board import Board
from tui.controller.messages import ChatReceived, Reacted
from tui.controller.views import ChatLine
from tui.people.book import People
from tui.spaces.chat import Chat
from tui.spaces.messages import ChatMessage


class ChatBoard:
    """Puts the lines of one chat on the board; says what is written from now on."""

    def __init__(
        self,
        board: Board,
        *,
        me: str,
        people: People,
        name_of: Callable[[str], str],
        now: Callable[[], float],
    ) -> None:
        self._board = board
        self._people = people
        self._me = me
        self._name_of = name_of
        self._since = int(now())
        self._told: dict[str, None] = {}  # the newest that were said, in their order

    def show(self, chat: Chat, ids: Iterable[str]) -> None:
        """Look again at these lines."""
        for id_ in ids:
            message = chat.line(id_)
            if message is not None:
                self._people.want([message.pubkey])  # who writes need not be in the space
            self._board.set_chat(id_, self._line(message) if message is not None else None)
            if message is not None and not message.reaction:
                self._tell(message)

    def reacted(self, pubkey: str, emoji: str) -> None:
        """Somebody has sent an emoji."""
        self._board.occurred(Reacted(pubkey, emoji))

    def renamed(self, chat: Chat, pubkey: str) -> None:
        """What to call somebody has changed."""
        self.show(chat, [id_ for id_, line in chat.lines.items() if line.pubkey == pubkey])

    def _tell(self, message: ChatMessage) -> None:
        """Say what was written since we came, once; our own when a relay has it."""
        own = message.pubkey == self._me
        if (
            message.at < self._since
            or message.id in self._told
            or (own and message.state != "sent")
        ):
            return
        self._told[message.id] = None
        if len(self._told) > 2 * limits.SHOWN_CHAT_LINES:
            del self._told[next(iter(self._told))]
        self._board.occurred(ChatReceived(message.pubkey, message.text))

    def _line(self, message: ChatMessage) -> ChatLine:
        return ChatLine(
            id=message.id,
            pubkey=message.pubkey,
            name=self._name_of(message.pubkey),
            text=message.text,
            at=message.at,
            state=message.state,
            reaction=message.reaction,
            mentions_me=self._me in message.mentions,
        )
