"""What is in the files of a recording."""

from pathlib import Path

import av
import numpy as np

WINDOW = 4_800


def decoded(path: Path) -> np.ndarray:
    """What is in a file so far; nothing while not even its head is there."""
    try:
        with av.open(str(path)) as container:
            frames = [frame.to_ndarray()[0] for frame in container.decode(audio=0)]
    except (av.FFmpegError, OSError):
        frames = []
    return np.concatenate([np.zeros(0, np.float32), *frames])


def seconds_of(path: Path, hertz: float, *, since: float = 0.0) -> float:
    """How many seconds hold this tone, alone or beside another, in windows of 100 ms."""
    sound = decoded(path)[int(since * 48_000) :]
    windows = sound[: len(sound) // WINDOW * WINDOW].reshape(-1, WINDOW)
    power = np.abs(np.fft.rfft(windows * np.hanning(WINDOW), axis=1)) ** 2
    near = np.abs(np.fft.rfftfreq(WINDOW, 1 / 48_000) - hertz) <= 30
    share = power[:, near].sum(axis=1) / (power.sum(axis=1) + 1e-9)
    return float(((share > 0.1) & (np.sqrt((windows**2).mean(axis=1)) > 0.02)).sum()) / 10


def length(path: Path) -> float:
    return len(decoded(path)) / 48_000
