import pytest

from tui.rtc import media
from tui.rtc.selftest import hooks_work


async def test_the_hooks_work_with_the_installed_library() -> None:
    assert await hooks_work()


async def test_a_library_that_moved_a_hook_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media.Media, "take_over", lambda self, transceiver, slot: None)
    monkeypatch.setattr("tui.rtc.selftest.DEADLINE_SECONDS", 2.0)
    assert not await hooks_work()
