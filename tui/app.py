"""The terminal application: paints first, attaches then, and shows what the controller tells.

It owns the link to the controller and nothing else; ending it leaves the space as it is.
"""

import os
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from datetime import tzinfo
from pathlib import Path, PurePath
from typing import ClassVar

from textual import constants, events
from textual.app import App
from textual.binding import Binding, BindingType
from textual.theme import Theme as TextualTheme
from textual.timer import Timer
from textual.worker import Worker, WorkerError

from tui.commands.permissions import present_space
from tui.config import limits
from tui.config.themes import Theme, load_themes, shipped_themes
from tui.controller.link import Link
from tui.controller.messages import (
    AnyMessage,
    Denied,
    IntentRefused,
    Levels,
    Reacted,
    Removed,
    RoleChanged,
    SpaceClosed,
    SpaceScheduled,
    SpeechRequested,
    ViewChanged,
)
from tui.controller.views import (
    Role,
)
from tui.screens import notices
from tui.screens.attachment import Attachment
from tui.screens.base import SpacesScreen
from tui.screens.desk import EVERYTHING, Changed, Desk
from tui.screens.lobby import LobbyScreen
from tui.widgets.glyphs import needs_ascii, to_ascii
from tui.widgets.own_state import name_of, window_title

_COLOR_SYSTEMS = (None, "auto", "standard", "256", "truecolor", "windows")
_TICK_SECONDS = 15.0  # how late a text that says "3 min" may change; nothing is written otherwise


class SpacesApp(App[None], inherit_bindings=False):
    """`connect` attaches to a controller and may fail or be called again at any time.

    `start_demo` makes `connect` lead to a demo; after it the app attaches anew. A demo ends with
    the app, another controller does not: `controller_stays` decides what is said at the end.
    `theme` is the name of a theme from our own folder or from `theme_folders`; NO_COLOR in the
    environment wins.
    """

    TITLE = "spaces"
    ENABLE_COMMAND_PALETTE = False
    # All at once: Textual parses every style sheet anew when a screen brings one of its own.
    CSS_PATH: ClassVar[list[str | PurePath]] = [
        f"screens/{name}.tcss"
        for name in (
            "base",
            "lobby",
            "room",
            "login",
            "space",
            "journal",
            "palette",
            "start",
            "form",
            "help",
            "log",
            "devices",
            "connections",
        )
    ]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", "say_how_to_quit", show=False, system=True)
    ]

    def __init__(
        self,
        connect: Callable[[], Awaitable[Link]],
        *,
        first_run: bool = False,
        theme: str = "dark",
        start_demo: Callable[[], Awaitable[None]] | None = None,
        controller_stays: bool = True,
        theme_folders: Iterable[Path] = (),
        now: Callable[[], float] = time.time,
        zone: tzinfo | None = None,
        ascii_only: bool | None = None,
    ) -> None:
        if constants.COLOR_SYSTEM not in _COLOR_SYSTEMS:
            constants.COLOR_SYSTEM = "auto"  # type: ignore[misc]  # else Textual does not start
        # Textual chooses its way of removing colours here, before any theme can be set.
        super().__init__(ansi_color=True if "NO_COLOR" in os.environ else None)
        self._attachment = Attachment(connect, self._received, self._troubled)
        self.desk = Desk(
            self._attachment.send,
            now=now,
            start_demo=self._demo_starter(start_demo),
            zone=zone,
        )
        self.desk.controller_stays = controller_stays
        self._attaching: Worker[None] | None = None
        self._first_run = first_run
        self._changed = Changed()
        self._refresh_timer: Timer | None = None
        self._meter_timer: Timer | None = None
        self._fall_timer: Timer | None = None
        self._fade_timer: Timer | None = None
        self._in_space = False
        self._role: Role = "listener"
        self._hand_up = False
        self._role_by = ""
        self._asks = ("", "")  # who asks to speak, and what was said of it
        self._why_out = ""
        self._removed = False
        self._shown_title = ""
        self.animation_level = "none"
        self.set_class(needs_ascii() if ascii_only is None else ascii_only, "-ascii")
        self._notices = self._load_theme("mono" if self.no_color else theme, theme_folders)

    @property
    def settled(self) -> bool:
        """Whether everything received so far has been drawn."""
        nothing_waits = self._refresh_timer is None and self._meter_timer is None
        top = self._top()
        return nothing_waits and top is not None and top.is_up

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Themes of Textual's own lack our colours."""
        return _variables(Theme())

    def on_mount(self) -> None:
        """Show the first screen, and attach in the background once it is to be seen."""
        if self._first_run:
            from tui.screens.start import StartScreen

            self.push_screen(StartScreen(self.desk, first_run=True))
        else:
            self.push_screen(LobbyScreen(self.desk))
        self.set_interval(_TICK_SECONDS, self._time_passed)
        self.call_after_refresh(self._begin)

    async def on_unmount(self) -> None:
        """Detach, and give the terminal its own title back."""
        if self._attaching is not None:
            self._attaching.cancel()
            with suppress(WorkerError):
                await self._attaching.wait()
        if self._shown_title and self._driver is not None:
            self._driver.write("\x1b]2;\x07\x1b[23;0t")

    def on_key(self, event: events.Key) -> None:
        """A letter that nothing has taken: text if a field has just been opened, else a command."""
        top, letter = self._top(), event.character if event.is_printable else None
        if letter and top is not None and top.takes_text(letter):
            event.prevent_default()

    def action_say_how_to_quit(self) -> None:
        """Tell those who press ctrl+c, which is not ours to take, how to get out."""
        self._say("Q quits, and a space that you are in goes on; esc leaves a field first")

    def _begin(self) -> None:
        for notice in self._notices[:1]:
            self._say(notice)
        self._set_title()
        self._attaching = self.run_worker(self._attachment.run(), name="attachment")

    def _demo_starter(
        self, start: Callable[[], Awaitable[None]] | None
    ) -> Callable[[], Awaitable[None]] | None:
        if start is None:
            return None

        async def start_and_attach() -> None:
            await start()
            self.desk.controller_stays = False
            self._attachment.attach_again()

        return start_and_attach

    def _received(self, message: AnyMessage) -> None:
        """One message from the controller; drawing waits for more of them."""
        match message:
            case ViewChanged():
                self._apply(message)
            case Levels():
                self.desk.levels = message.levels
                if self._meter_timer is None:
                    self._meter_timer = self.set_timer(limits.METER_SECONDS, self._refresh_meters)
            case IntentRefused():
                self._refused(message)
            case SpaceClosed() if not self._removed:
                self._why_out = message.reason
            case Removed() if message.pubkey == self.desk.view.me.pubkey:
                name = name_of(self.desk.view.participants.get(message.by), message.by)
                because = f": {message.reason}" if message.reason else ""
                self._why_out, self._removed = f"removed by {name}{because}", True
            case RoleChanged() if message.pubkey == self.desk.view.me.pubkey:
                self._role_by = message.by
            case Reacted():
                self.desk.reactions.add(message.origin, message.emoji, self.desk.now())
                self._refresh_reactions([message.origin])
            case SpaceScheduled() if (top := self._top()) is not None and top.PLACE == "create":
                top.leave()  # the form is done; the lobby shows what was announced
            case Denied():
                self._hand_up = False  # the notice says more than that it is down
        if (notice := notices.notice_of(message, self.desk.view)) is not None:
            self._say(*notice)
            if isinstance(message, SpeechRequested):
                self._asks = (message.pubkey, notice[0])

    def _apply(self, change: ViewChanged) -> None:
        new = self.desk.apply(change)
        self._changed.add(change)
        if self._refresh_timer is None:
            self._refresh_timer = self.set_timer(limits.REFRESH_SECONDS, self._refresh_screen)
        notice = notices.of_chat(new)
        if notice is not None and (top := self._top()) is not None and not top.shows_chat:
            self._say(*notice)

    def _refused(self, refused: IntentRefused) -> None:
        self.desk.refused()
        space = self.desk.view.space
        if space is not None and space.stage == "joining":
            self._why_out = refused.reason
        if refused.intent == "chat" and (top := self._top()) is not None:
            top.give_back_chat()

    def _refresh_reactions(self, people: Iterable[str]) -> None:
        if (top := self._top()) is not None:
            top.reactions_changed(people)
        if self.desk.reactions and self._fade_timer is None:
            self._fade_timer = self.set_timer(limits.REACTION_SECONDS / 3, self._fade_reactions)

    def _fade_reactions(self) -> None:
        self._fade_timer = None
        self._refresh_reactions(self.desk.reactions.fade(self.desk.now()))

    def _refresh_screen(self) -> None:
        self._refresh_timer = None
        changed, self._changed = self._changed, Changed()
        self._follow_space()
        self._forget_hand(changed)
        self._tell(changed)
        self._set_title()

    def _refresh_meters(self) -> None:
        self._meter_timer = None
        if (top := self._top()) is not None:
            top.levels_changed()
        if self._fall_timer is not None:
            self._fall_timer.stop()
        if self.desk.levels:
            self._fall_timer = self.set_timer(limits.METER_FALL_SECONDS, self._silence)

    def _silence(self) -> None:
        """No news of levels: nobody is heard, so the meters must not claim it."""
        self._fall_timer = None
        self._received(Levels({}))

    def _follow_space(self) -> None:
        """Show the space when we get into one, the lobby when we are out of it."""
        space = present_space(self.desk.view)
        if space is not None and self._in_space and space.role != self._role:
            self._say(*notices.of_role(self.desk.view, space, self._role, self._role_by))
            self._role_by = ""
        elif self._hand_up and space is not None and not space.hand_since:
            self._say("your hand is down", "muted")
        self._hand_up = space is not None and bool(space.hand_since)
        self._role = space.role if space is not None else "listener"
        if (space is not None) is self._in_space:
            return
        self._in_space = space is not None
        while len(self.screen_stack) > 2:  # the lowest is an empty one of Textual's own
            self.pop_screen()
        if not isinstance(self.screen, LobbyScreen):
            self.switch_screen(LobbyScreen(self.desk))
        if space is not None:
            from tui.screens.space import SpaceScreen

            self.push_screen(SpaceScreen(self.desk))
        else:
            last = self.desk.view.space
            why = self._why_out or (last.reason if last is not None else "")
            text, ink = notices.of_end(why)
            self._say(text, ink, stays=ink == "bad")
        self._why_out, self._removed = "", False

    def _forget_hand(self, changed: Changed) -> None:
        """Nobody is asked to look at a hand that is down again: invited people go up at once."""
        pubkey, text = self._asks
        person = self.desk.view.participants.get(pubkey)
        if pubkey in changed.people and (person is None or not person.hand_since):
            self._asks = ("", "")
            if (top := self._top()) is not None:
                top.unsay(text)

    def _troubled(self, trouble: str) -> None:
        self.desk.trouble = trouble
        if trouble:
            self._received(Levels({}))
        self._tell(EVERYTHING)
        self._set_title()

    def _time_passed(self) -> None:
        self._tell(EVERYTHING)

    def _top(self) -> SpacesScreen | None:
        """The screen to be seen; none any more while the app ends."""
        top = self.screen_stack[-1] if self.screen_stack else None
        return top if isinstance(top, SpacesScreen) else None

    def _say(self, text: str, ink: str = "warn", *, stays: bool = False) -> None:
        if (top := self._top()) is not None:
            top.say(text, ink, stays=stays)

    def _tell(self, changed: Changed) -> None:
        if (top := self._top()) is not None:
            top.tell(changed)

    def _set_title(self) -> None:
        """Tell the terminal's title bar, where the microphone shows even behind other windows."""
        title = window_title(self.desk.view, in_touch=not self.desk.trouble)
        title = to_ascii(title) if self.has_class("-ascii") else title
        if title != self._shown_title and self._driver is not None:
            # 22 and 23 keep the title that was there before, where the terminal can.
            save = "" if self._shown_title else "\x1b[22;0t"
            self._driver.write(f"{save}\x1b]2;{title}\x07")
            self._shown_title = title

    def _load_theme(self, name: str, folders: Iterable[Path]) -> list[str]:
        themes, notices = load_themes([shipped_themes(), *folders])
        for theme in themes.values():
            self.register_theme(_as_textual(theme))
        if name not in themes:
            notices.append(f"there is no theme {name!r}; there are {', '.join(sorted(themes))}")
            name = "dark"
        self.theme = name
        return notices


def _variables(theme: Theme) -> dict[str, str]:
    terminal = {"ansi-background": "ansi_default", "ansi-foreground": "ansi_default"}
    return {
        **terminal,
        **theme.colors,
        **{f"{ink}-style": style for ink, style in theme.styles.items()},
    }


def _as_textual(theme: Theme) -> TextualTheme:
    colors = theme.colors
    return TextualTheme(
        name=theme.name,
        dark=theme.dark,
        ansi=theme.ansi,
        primary=colors["accent"],
        secondary=colors["accent"],
        accent=colors["accent"],
        foreground=colors["foreground"],
        background=colors["background"],
        surface=colors["background"],
        panel=colors["raised"],
        success=colors["good"],
        warning=colors["warn"],
        error=colors["bad"],
        variables=_variables(theme),
    )
