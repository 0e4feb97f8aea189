"""Who plays: names and voices of the simulated people."""

import random

import msgspec

SPARE = 4
"""People beyond those that are always there; they come and go, and visit the user's own spaces."""

_NAMES = (
    "Abeni Adaeze Aiko Alejandra Amara Amir Anahera Anders Anjali Anouk Arjun "
    "Astrid Bahar Beatriz Bongani Carlos Catalina Chidi Daniela Darko Dilnoza "
    "Ebba Ekaterina Emeka Esra Farid Fatou Fiona Giulia Goran Hana Hemi Hiroshi "
    "Ines Ingrid Ismail Ivana Jamal Jiwon Joaquin Kahu Kalinda Kamal Katarzyna "
    "Kofi Lan Leila Linh Lucas Maeve Malik Marit Mateo Mei Milan Nadia Naoko Nils "
    "Noor Olena Omar Paloma Petra Priya Rafael Ravi Rosa Salma Samir Sofia Tamsin "
    "Tariq Thandiwe Tomas Uma Valentina Wanjiru Xiulan Yara Yusuf Zanele Zofia "
)

_LOW, _HIGH = 95.0, 260.0  # hertz; where speaking voices have their pitch


class Person(msgspec.Struct, frozen=True):
    """One simulated person; `pitch` is the voice's, in hertz."""

    name: str
    pitch: float


def choose_cast(people: int, rng: random.Random) -> list[Person]:
    """`people` who are always there, the host first, and `SPARE` others; no name occurs twice."""
    count = people + SPARE
    names = rng.sample(_NAMES.split(), count)
    # Neighbours talk with one another, so their pitches should lie far apart.
    steps = [(number * 0.618) % 1.0 for number in range(count)]
    return [Person(name, _LOW + (_HIGH - _LOW) * s) for name, s in zip(names, steps, strict=True)]
