import os
import stat
from pathlib import Path

import pytest

from tui.controller.export import write_lines
from tui.controller.refusal import Refusal


async def test_the_file_is_new_and_private(tmp_path: Path) -> None:
    os.umask(0o022)
    path = tmp_path / "journal.jsonl"
    assert await write_lines(str(path), iter(['{"a":1}', '{"b":"é"}'])) == (str(path), 2)
    assert path.read_text(encoding="utf-8") == '{"a":1}\n{"b":"é"}\n'
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_the_home_folder_may_be_named_by_its_sign(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert await write_lines("~/journal", ["x"]) == (str(tmp_path / "journal"), 1)


async def test_nothing_is_overwritten_not_even_through_a_link(tmp_path: Path) -> None:
    there, link = tmp_path / "there", tmp_path / "link"
    there.write_text("mine")
    link.symlink_to(tmp_path / "nowhere")
    for path in (there, link):
        with pytest.raises(Refusal, match="exists"):
            await write_lines(str(path), ["x"])
    assert there.read_text() == "mine"
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    "path", ["journal", "", "/nowhere/journal", "/", "/tmp/\0", "~nobody-knows/x"]
)
async def test_what_cannot_be_written_is_refused(path: str) -> None:
    with pytest.raises(Refusal) as caught:
        await write_lines(path, ["x"])
    assert "\n" not in str(caught.value)
