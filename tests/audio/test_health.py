import asyncio
import threading

import pytest

from tui.audio import health
from tui.audio.errors import AudioUnavailable
from tui.audio.health import Health
from tui.audio.threads import in_thread


async def test_only_changes_are_told():
    told = []
    state = Health(told.append)
    for problem in (None, None, "gone", "gone", "still gone", None):
        state.report(AudioUnavailable(problem) if problem else None)
    assert [problem and problem.reason for problem in told] == [None, "gone", "still gone", None]
    assert state.available


async def test_driver_that_fails_is_a_problem():
    async def driver():
        raise ValueError("what nobody foresaw")

    state = Health()
    async with state.watching(driver()):
        assert "what nobody foresaw" in state.problem.reason
        assert not state.available


async def test_driver_that_does_not_answer_holds_nobody_up(monkeypatch):
    monkeypatch.setattr(health, "_OPENING_SECONDS", 0.01)
    state, tasks = Health(), asyncio.all_tasks()
    async with state.watching(asyncio.sleep(1000)):
        assert "does not answer" in state.problem.reason
        state.report(None)
        assert state.problem is None
    assert asyncio.all_tasks() == tasks


async def test_error_of_the_user_passes_through_and_ends_the_driver():
    ended = asyncio.Event()

    async def driver():
        state.report(None)
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    state = Health()
    with pytest.raises(KeyError):
        async with state.watching(driver()):
            raise KeyError
    assert ended.is_set()


async def test_thread_hands_back_what_its_call_does():
    assert await in_thread(lambda: threading.current_thread().name, "worker") == "worker"
    with pytest.raises(ZeroDivisionError):
        await in_thread(lambda: 1 / 0, "worker")


async def test_cancelling_leaves_a_stuck_call_alone():
    stuck = threading.Event()
    waiting = asyncio.create_task(in_thread(stuck.wait, "stuck"))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    stuck.set()
