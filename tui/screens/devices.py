"""The microphones and speakers to choose from; one is changed while the space goes on."""

from collections.abc import Iterable

from textual.widget import Widget

from tui.commands.sounding import device_of, devices, in_use, key_of
from tui.controller.intents import ListDevices
from tui.screens.base import SpacesScreen, bindings_of
from tui.screens.desk import Changed
from tui.widgets.glyphs import SPEAKING
from tui.widgets.own_state import audio_problem
from tui.widgets.painted import Lines
from tui.widgets.row_list import RowList
from tui.widgets.text import Parts, clean, fit, wrap

_KIND_CELLS = 13
_PROBLEM_ROWS = 3


class DevicesScreen(SpacesScreen, inherit_bindings=False):
    """A list; what is in use has a mark."""

    PLACE = "devices"
    BINDINGS = bindings_of("devices")

    def body(self) -> Iterable[Widget]:
        """The devices, and what is wrong with those in use."""
        yield RowList(self._row, id="list")
        yield Lines(id="problem")

    def on_mount(self) -> None:
        """Look what is there now: devices come and go."""
        self.desk.ask(ListDevices())

    def view_changed(self, changed: Changed) -> None:
        """Show what differs."""
        view = self.desk.view
        looking = "" if view.devices is not None else "  looking for devices…"
        self.query_one("#bar", Lines).show_line(
            [("spaces", "strong"), ("  devices", "muted"), (looking, "muted")]
        )
        keys = [key_of(device) for device in devices(view)]
        rows = self.query_one(RowList)
        rows.show_keys(keys, keys)
        rows.touch_visible()
        found = view.devices.problem if view.devices is not None else ""
        problem = audio_problem(view) or clean(found)
        lines = self.query_one("#problem", Lines)
        told = wrap(problem, self.size.width - 2, _PROBLEM_ROWS)
        lines.styles.height = max(1, len(told))
        lines.show(lambda _width: [[(row, "warn")] for row in told])
        super().view_changed(changed)

    @property
    def target(self) -> str:
        """What is under the cursor."""
        return self.query_one(RowList).cursor

    def on_row_list_chosen(self) -> None:
        """A double click is an enter."""
        self.action_run("devices.choose")

    def do_devices_choose(self) -> None:
        """The mark follows once the controller has taken it."""
        if (device := device_of(self.desk.view, self.target)) is not None:
            self.say(f"{device.kind}: {clean(device.label)}", "muted")

    def _row(self, key: str, _width: int) -> Parts:
        device = device_of(self.desk.view, key)
        if device is None:
            return ()
        used = in_use(self.desk.view, device)
        return [
            (f"{SPEAKING if used else ' '} ", "good"),
            (fit(device.kind, _KIND_CELLS), "muted"),
            (clean(device.label), "strong" if used else ""),
            ("  in use" if used else "", "muted"),
        ]
