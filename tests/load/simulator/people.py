"""Who comes, drawn from these distributions.

Outputs: 30 % of the listeners serve nobody, 20 % two, 40 % eight (what the program sets), 10 %
sixteen; those on stage eight. Upload: lognormal, median 10 Mbit/s, sigma 1. One way from somebody
to the net: lognormal, median 10 ms, sigma 0.6; across it up to 80 ms, by places drawn evenly on a
square; to the relay, which stands in its middle, the same, and 5 ms in it.
"""

from math import hypot
from random import Random
from typing import NamedTuple

STAGE_OUTPUTS = 8
OUTPUTS = (0, 2, 8, 16)
SHARES = (0.3, 0.2, 0.4, 0.1)
ACROSS = 0.080 / hypot(1, 1)  # seconds
RELAY_SECONDS = 0.005


class Person(NamedTuple):
    """One of them; seconds one way, and places on a square of size one."""

    pubkey: str
    speaks: bool
    outputs: int
    upload_kbps: float
    access: float
    x: float
    y: float

    def delay(self, other: "Person") -> float:
        """One way to somebody, in seconds."""
        return self.access + other.access + ACROSS * hypot(self.x - other.x, self.y - other.y)

    @property
    def to_relay(self) -> float:
        """One way to a relay, in seconds."""
        return self.access + ACROSS * hypot(self.x - 0.5, self.y - 0.5) + RELAY_SECONDS


def draw(rng: Random, *, speaks: bool = False) -> Person:
    """Somebody new."""
    outputs = STAGE_OUTPUTS if speaks else rng.choices(OUTPUTS, SHARES)[0]
    return Person(
        pubkey=f"{rng.getrandbits(256):064x}",
        speaks=speaks,
        outputs=outputs,
        upload_kbps=10_000 * rng.lognormvariate(0, 1),
        access=0.010 * rng.lognormvariate(0, 0.6),
        x=rng.random(),
        y=rng.random(),
    )
