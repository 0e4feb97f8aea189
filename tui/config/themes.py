"""Themes as files: one TOML file a theme, with defaults for whatever it does not say.

```toml
dark = true
[colors]
background = "#14161b"
[styles]
cursor = "bold"
```
"""

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import msgspec

from tui.config import limits

DARK: Mapping[str, str] = {
    "background": "#14161b", "foreground": "#d7dae0", "raised": "#1c1f26", "cursor": "#272c37",
    "muted": "#8a919e", "faint": "#4d535f", "accent": "#7fb4ca", "good": "#87c095",
    "warn": "#e0b56c", "bad": "#e67e80", "tab": "#303746", "tab-text": "#ffffff",
    "open": "#c34043", "open-text": "#ffffff", "shut": "#303746", "shut-text": "#d7dae0",
}  # fmt: skip
"""What each colour is for, with the values of a dark theme."""

LIGHT: Mapping[str, str] = {
    "background": "#fafaf7", "foreground": "#2b2d33", "raised": "#eeeee9", "cursor": "#dfe7ec",
    "muted": "#6a6f78", "faint": "#b4b8bd", "accent": "#1f6f8b", "good": "#33763f",
    "warn": "#8f5e00", "bad": "#b3261e", "tab": "#d3dde3", "tab-text": "#14161b",
    "open": "#b3261e", "open-text": "#ffffff", "shut": "#dcdcd6", "shut-text": "#2b2d33",
}  # fmt: skip

STYLES: Mapping[str, str] = {
    "cursor": "bold", "tab": "bold", "open": "bold", "shut": "none", "muted": "none",
    "faint": "none", "accent": "none",
}  # fmt: skip
"""Inks that may also have a text style."""

_TEXT_STYLES = frozenset(["none", "bold", "dim", "reverse", "underline", "italic"])
_COLOR = re.compile(r"#[0-9a-fA-F]{6}|ansi_(default|(bright_)?[a-z]{3,7})")
_ANSI = frozenset(
    ["default", "black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"]
)
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


class Theme(msgspec.Struct, frozen=True):
    """One theme, complete. `ansi` leaves the terminal's own colours alone."""

    name: str = "dark"
    dark: bool = True
    ansi: bool = False
    colors: Mapping[str, str] = msgspec.field(default_factory=lambda: DARK)
    styles: Mapping[str, str] = msgspec.field(default_factory=lambda: STYLES)


def shipped_themes() -> Path:
    """The folder of our own themes: inside the package, or beside it in a checkout."""
    package = Path(__file__).parents[1]
    inside = package / "themes"
    return inside if inside.is_dir() else package.parent / "themes"


def load_themes(folders: Iterable[Path]) -> tuple[dict[str, Theme], list[str]]:
    """All themes of these folders, later ones winning, and a notice for everything wrong in them.

    There is always a theme called `dark`.
    """
    themes = {"dark": Theme()}
    notices: list[str] = []
    for folder in folders:
        for path in sorted(folder.glob("*.toml"))[: limits.THEME_FILES]:
            try:
                theme = _read(path, notices)
            except (OSError, ValueError, RecursionError) as error:
                notices.append(f"theme {path.name} is left out: {error}")
            else:
                themes[theme.name] = theme
    return themes, notices


def _read(path: Path, notices: list[str]) -> Theme:
    if not _NAME.fullmatch(path.stem):
        raise ValueError("its name may have small letters, digits and dashes only")
    with path.open("rb") as file:
        data = file.read(limits.THEME_FILE_BYTES + 1)
    if len(data) > limits.THEME_FILE_BYTES:
        raise ValueError(f"it is larger than {limits.THEME_FILE_BYTES} bytes")
    table = tomllib.loads(data.decode())
    dark, ansi = table.pop("dark", True), table.pop("ansi", False)
    if not isinstance(dark, bool) or not isinstance(ansi, bool):
        raise ValueError("dark and ansi are true or false")
    colors = _checked(table.pop("colors", {}), DARK if dark else LIGHT, _is_color, path, notices)
    styles = _checked(table.pop("styles", {}), STYLES, _TEXT_STYLES.__contains__, path, notices)
    notices.extend(f"theme {path.name}: there is no setting {key!r}" for key in table)
    return Theme(path.stem, dark, ansi, colors, styles)


def _is_color(text: str) -> bool:
    if not _COLOR.fullmatch(text):
        return False
    return text.startswith("#") or text.removeprefix("ansi_").removeprefix("bright_") in _ANSI


def _checked(
    table: object,
    defaults: Mapping[str, str],
    is_good: Callable[[str], bool],
    path: Path,
    notices: list[str],
) -> dict[str, str]:
    if not isinstance(table, dict):
        raise ValueError("colors and styles are tables")
    chosen = dict(defaults)
    for key, value in table.items():
        if key not in defaults:
            notices.append(f"theme {path.name}: there is nothing called {key!r}")
        elif not isinstance(value, str) or not is_good(value):
            notices.append(f"theme {path.name}: {key} cannot be {value!r}")
        else:
            chosen[key] = value
    return chosen
