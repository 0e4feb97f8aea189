"""The tables of the README that say what the program itself knows: keys and exit statuses.

`python -m tui.devtools.readme` writes them, with `--check` it only compares.
"""

import sys
from pathlib import Path

from tui.cli.status import MEANINGS
from tui.commands.actions import ACTIONS, key_word

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


def fill(text: str) -> str:
    """The README with its tables made anew; raises `ValueError` where their place is gone."""
    for name, table in (("keys", keys()), ("statuses", statuses())):
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
