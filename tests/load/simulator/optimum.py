"""The flattest tree that the same capacities allow."""

from collections.abc import Iterable


def best_levels(stage_outputs: int, outputs: Iterable[int]) -> list[int]:
    """How far from the stage each listener would be: who serves most comes first."""
    levels: list[int] = []
    waiting = sorted(outputs, reverse=True)
    room, level = stage_outputs, 1
    while waiting and room:
        served, waiting = waiting[:room], waiting[room:]
        levels += [level] * len(served)
        room, level = sum(served), level + 1
    return levels
