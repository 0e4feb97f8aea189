import argparse
import asyncio
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from tui.cli.arguments import _parser
from tui.devtools.readme import fill

SELF_EVIDENT = ("-h", "--help", "--version")
README = Path(__file__).parents[2] / "README.md"


def test_its_tables_say_what_the_program_does() -> None:
    text = README.read_text(encoding="utf-8")
    assert fill(text) == text, "python -m tui.devtools.readme"


def test_every_command_and_option_is_in_it() -> None:
    text = README.read_text(encoding="utf-8")
    missing = []

    def look(parser: argparse.ArgumentParser, name: str) -> None:
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                for command, below in action.choices.items():
                    if f"`{command}`" not in text and f"{name} {command}" not in text:
                        missing.append(f"{name} {command}")
                    look(below, f"{name} {command}")
            elif "account" not in name:  # whose options its own help has
                options = [one for one in action.option_strings if one not in SELF_EVIDENT]
                missing.extend(one for one in options if one not in text)

    look(_parser(), "spaces")
    assert missing == []


@pytest.mark.timeout(90)
async def test_the_bot_of_the_readme_lets_people_speak(stage: Any, tmp_path: Path) -> None:
    relay, _ = await stage.relay()
    example = re.search(r"```sh\n(mkfifo .*?)```", README.read_text(), re.DOTALL)
    assert example
    assert len(example[1].strip().splitlines()) <= 11
    command = tmp_path / "bin" / "spaces"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m tui --relay {relay} "$@"\n')
    command.chmod(0o755)
    bot = await asyncio.create_subprocess_exec(
        "sh",
        "-c",
        example[1],
        cwd=tmp_path,
        env={
            **os.environ,
            "PATH": f"{command.parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(README.parent),
        },
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        assert bot.stderr is not None
        ref = ""
        while not ref:
            line = (await asyncio.wait_for(bot.stderr.readline(), 20)).decode()
            assert line, "the bot ended"
            if '"event":"joined"' in line:
                break
            if found := re.search(r'"ref":"([^"]+)"', line):
                ref = found[1]
        guest = await stage.node("guest", "join", ref, "--mic", "tone:1000", relays=(relay,))
        her = await guest.pubkey()
        await guest.until("joined")
        await guest.until("connection", state="connected")
        await guest.do("request_speech")
        await guest.until("participant", pubkey=her, role="speaker")
    finally:
        os.killpg(bot.pid, 15)
        await asyncio.wait_for(bot.wait(), 20)
