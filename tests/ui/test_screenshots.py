import re

import pytest

from tui.devtools import screenshots


@pytest.mark.parametrize("picture", screenshots.pictures(), ids=lambda picture: picture.name)
async def test_pictures_are_what_the_screens_draw(picture) -> None:
    drawn = await screenshots.draw(picture)
    path = screenshots.FOLDER / f"{picture.name}.svg"
    assert path.read_text() == drawn, "run: python -m tui.devtools.screenshots"
    assert not re.search(r"url\(['\"]?http", drawn)


def test_check_finds_what_is_stale(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(screenshots, "FOLDER", tmp_path / "new")
    monkeypatch.setattr(screenshots, "pictures", lambda: [screenshots.Picture("one", _view())])
    assert screenshots.main(["--check"]) == 1
    assert not (tmp_path / "new").exists()
    assert screenshots.main([]) == 0
    assert screenshots.main(["--check"]) == 0
    (tmp_path / "new" / "one.svg").write_text("<svg/>")
    assert screenshots.main(["--check"]) == 1
    assert "one.svg" in capsys.readouterr().out


def _view():
    return screenshots.samples.lobby()
