"""The tables of the README that say what the program itself knows: settings, keys, exit
statuses, the link.

`python -m tui.devtools.readme` writes them, with `--check` it only compares.
"""

import sys
from pathlib import Path
from typing import get_args

from msgspec import inspect, structs
from msgspec.json import encode

from tui.cli.status import MEANINGS
from tui.commands.actions import ACTIONS, key_word
from tui.config.schema import Settings, describe
from tui.controller.intents import AnyIntent
from tui.controller.messages import AnyMessage, Levels, ViewChanged

README = Path(__file__).parents[2] / "README.md"


def keys() -> str:
    """Every key, by the screens where it works."""
    rows = [
        f"| {' '.join(f'`{key_word(key)}`' for key in action.keys)} "
        f"| {action.help} | {', '.join(action.places)} |"
        for action in ACTIONS
    ]
    return "\n".join(["| key | what it does | where |", "|---|---|---|", *rows])


def statuses() -> str:
    """Every exit status."""
    rows = [f"| {status:d} | {meaning} |" for status, meaning in MEANINGS.items()]
    return "\n".join(["| status | meaning |", "|---|---|", *rows])


def settings() -> str:
    """Every setting with its default."""
    rows = [
        f"| `{field}` | {describe(field)} | {_toml(default)} |"
        for field, default in structs.asdict(Settings()).items()
    ]
    return "\n".join(["| setting | meaning | default |", "|---|---|---|", *rows])


def _toml(value: object) -> str:
    text = encode(list(value) if isinstance(value, tuple) else value).decode()
    return f"`{text}`" if value not in ("", ()) else ""


def link() -> str:
    """All intents, then all objects, with their fields as the classes have them."""
    asked = [_line("do", kind) for kind in get_args(AnyIntent)]
    told = [_line("event", kind) for kind in get_args(AnyMessage) if kind not in _FOR_SCREENS]
    return "\n".join(["| line | further fields | meaning |", "|---|---|---|", *asked, *told])


_FOR_SCREENS = (ViewChanged, Levels)


def _line(tag_field: str, kind: type) -> str:
    shape = inspect.type_info(kind)
    assert isinstance(shape, inspect.StructType)
    fields = ", ".join(map(_field, shape.fields))
    first, _, _ = (kind.__doc__ or "").partition("\n\n")
    return f'| `"{tag_field}": "{shape.tag}"` | {fields} | {" ".join(first.split())} |'


def _field(field: inspect.Field) -> str:
    name = f"`{field.encode_name}`" + ("" if field.required else "?")
    if isinstance(field.type, inspect.LiteralType):
        name += f" ({', '.join(f'`{value}`' for value in field.type.values if value)})"
    return name


def fill(text: str) -> str:
    """The README with its tables made anew; raises `ValueError` where their place is gone."""
    tables = {"settings": settings(), "keys": keys(), "statuses": statuses(), "link": link()}
    for name, table in tables.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->\n"
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not found or not closed:
            raise ValueError(f"the README has no place for its {name}")
        text = f"{before}{begin}{table}\n{end}{after}"
    return text


def main() -> int:
    """Write the README, or with `--check` say whether it is as it should be."""
    now = README.read_text(encoding="utf-8")
    filled = fill(now)
    if "--check" not in sys.argv[1:]:
        README.write_text(filled, encoding="utf-8")
    elif filled != now:
        print("README.md is not up to date: python -m tui.devtools.readme", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
