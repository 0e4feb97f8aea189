from pathlib import Path

import pytest
from textual.color import Color

from tui.config import limits
from tui.config.themes import DARK, LIGHT, STYLES, Theme, load_themes, shipped_themes
from tui.devtools import samples

SHIPPED = sorted(path.stem for path in shipped_themes().glob("*.toml"))


def load(folder: Path, text: str, name: str = "mine.toml") -> tuple[dict[str, Theme], list[str]]:
    (folder / name).write_text(text)
    return load_themes([folder])


def test_shipped_themes_are_complete_and_without_fault() -> None:
    themes, notices = load_themes([shipped_themes()])
    assert notices == []
    assert {"dark", "light", "high-contrast", "ansi", "mono"} <= set(themes)
    assert dict(themes["dark"].colors) == DARK
    assert dict(themes["light"].colors) == LIGHT
    for theme in themes.values():
        assert set(theme.colors) == set(DARK) and set(theme.styles) == set(STYLES)


def test_the_package_shows_the_themes_of_a_wheel_too(tmp_path: Path, monkeypatch) -> None:
    inside = tmp_path / "tui" / "themes"
    inside.mkdir(parents=True)
    monkeypatch.setattr(
        "tui.config.themes.__file__", str(tmp_path / "tui" / "config" / "themes.py")
    )
    assert shipped_themes() == inside


def test_missing_values_have_defaults(tmp_path: Path) -> None:
    themes, notices = load(tmp_path, 'dark = false\n[colors]\naccent = "#123456"\n')
    assert notices == []
    assert themes["mine"].colors == {**LIGHT, "accent": "#123456"}
    assert not themes["mine"].dark


@pytest.mark.parametrize(
    "text",
    [
        "dark = ",
        "dark = 1",
        "colors = 3",
        "[styles]\n[[styles.x]]\n" + "\x00",
        "#" + "x" * limits.THEME_FILE_BYTES,
    ],
)
def test_a_bad_file_is_one_notice_and_dark_remains(tmp_path: Path, text: str) -> None:
    themes, notices = load(tmp_path, text)
    assert set(themes) == {"dark"}
    assert len(notices) == 1 and "mine.toml" in notices[0]


def test_bad_values_are_named_and_replaced(tmp_path: Path) -> None:
    text = """
    sparkle = true
    [colors]
    accent = "blue-ish"
    good = 7
    warn = "ansi_mauve"
    glitter = "#ffffff"
    [styles]
    cursor = "blink"
    """
    themes, notices = load(tmp_path, text)
    assert themes["mine"].colors == DARK
    assert themes["mine"].styles == STYLES
    for word in ("sparkle", "blue-ish", "good", "ansi_mauve", "glitter", "blink"):
        assert any(word in notice for notice in notices), word


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_bytes(b"\xff\xfe")
    assert len(load_themes([tmp_path])[1]) == 1


def test_names_that_are_no_names(tmp_path: Path) -> None:
    assert load(tmp_path, "dark = true", "UPPER case.toml")[0].keys() == {"dark"}


def test_one_s_own_theme_wins(tmp_path: Path) -> None:
    (tmp_path / "dark.toml").write_text('[colors]\naccent = "#010203"\n')
    themes, _ = load_themes([shipped_themes(), tmp_path])
    assert themes["dark"].colors["accent"] == "#010203"


def _ratio(one: str, other: str) -> float:
    def light(text: str) -> float:
        parts = [value / 255 for value in Color.parse(text).rgb]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    brighter, darker = sorted((light(one), light(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


GROUNDED = [("tab-text", "tab"), ("open-text", "open"), ("shut-text", "shut")]


@pytest.mark.parametrize(
    ("name", "least", "faint"), [("dark", 4.5, 1.5), ("light", 4.5, 1.5), ("high-contrast", 7, 7)]
)
def test_texts_stand_out_from_their_ground(name: str, least: float, faint: float) -> None:
    colors = load_themes([shipped_themes()])[0][name].colors
    for ink in ("foreground", "muted", "accent", "good", "warn", "bad"):
        assert _ratio(colors[ink], colors["background"]) >= least, ink
    for ink in ("foreground", "accent"):
        assert _ratio(colors[ink], colors["cursor"]) >= min(least, 4.5), ink
    for text, ground in GROUNDED:
        assert _ratio(colors[text], colors[ground]) >= 4.5, text
    assert _ratio(colors["faint"], colors["background"]) >= faint


@pytest.mark.parametrize("theme", SHIPPED)
async def test_every_theme_draws_every_screen(start, theme: str) -> None:
    async with start(samples.space("host"), theme=theme) as ui:
        assert ui.app.current_theme.name == theme
        for key in ("2", "question_mark", "escape", "g", "escape", "escape"):
            await ui.press(key)
        await ui.until(lambda: ui.place == "lobby")
        ui.put(samples.lobby())
        await ui.see("5 live", "you are out of the space")
        await ui.press("n")
        await ui.see("What it is about")


async def test_an_unknown_theme_is_said(start) -> None:
    async with start(samples.lobby(), theme="neon") as ui:
        await ui.see("there is no theme 'neon'")
        assert ui.app.current_theme.name == "dark"


async def test_a_bad_theme_of_one_s_own_is_said(start, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("dark = maybe")
    async with start(samples.lobby(), theme_folders=[tmp_path]) as ui:
        await ui.see("theme mine.toml is left out")


async def test_no_color_means_none(start, monkeypatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with start(samples.space("speaker"), theme="light") as ui:
        assert ui.app.current_theme.name == "mono"
        reversed_rows = 0
        for strip in ui.app.screen._compositor.render_strips():
            for segment in strip:
                style = segment.style
                if style is None:
                    continue
                for color in (style.color, style.bgcolor):
                    assert color is None or color.is_default
                reversed_rows += bool(style.reverse)
        assert reversed_rows  # the cursor is seen without colours


async def test_ascii_where_the_locale_has_no_more(start) -> None:
    async with start(samples.space(), ascii_only=True, size=(120, 40)) as ui:
        for key in ("q", "escape", "g", "escape", "n"):
            assert ui.text().isascii(), ui.text()
            await ui.press(key)
