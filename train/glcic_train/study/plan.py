"""Which version of which picture a participant sees, and in which order."""

import random
from typing import NamedTuple

from glcic_train.study.pictures import REAL, StudyPictures


class Trial(NamedTuple):
    """One picture that is shown once."""

    picture: str
    """Name of the photograph."""
    method: str
    """Whose version is shown."""


def plan(pictures: StudyPictures, seed: int, participant: str, count: int | None = None) -> list[Trial]:
    """All trials of a participant: every photograph once, about half of them real, the methods equally often.

    Nobody sees two versions of one photograph, which would give the completed one away. The order and the choice of
    versions are random, and depend on the seed and the participant's name alone.

    Args:
        count: photographs, at most, chosen at random; None = all.
    """
    generator = random.Random(f"{seed} {participant}")
    methods = pictures.methods
    share = {method: len(methods) - 1 if method == REAL else 1 for method in methods}
    shown = dict.fromkeys(methods, 0)
    names = pictures.names
    generator.shuffle(names)
    trials = []
    for name in names[:count]:
        order = pictures.methods_of(name)
        generator.shuffle(order)
        method = min(order, key=lambda one: (shown[one] + 1) / share[one])
        shown[method] += 1
        trials.append(Trial(name, method))
    # The choice above goes round the methods; in that order it could be guessed.
    generator.shuffle(trials)
    return trials
