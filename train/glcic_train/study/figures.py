"""What the answers of a study say: naturalness (Fig. 11) and the share detected by time (Fig. 14)."""

import fnmatch
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from glcic_train.study.answers import Answer

_Z = 1.959964  # 95 % of a normal distribution


@dataclass(frozen=True)
class MethodFigures:
    """Figures of one method.

    Attributes:
        answers: how many count.
        naturalness: share judged real, 0..1.
        interval: 95 % confidence interval of it (Wilson), as if all answers were independent.
        by_participant: each participant's own share judged real.
        seconds: median time of an answer.
        detected: steps of the curve of Fig. 14: (seconds, share of all answers that said "completed" by then). For real
            pictures these are false alarms.
    """

    answers: int
    naturalness: float
    interval: tuple[float, float]
    by_participant: dict[str, float]
    seconds: float
    detected: list[tuple[float, float]]

    @property
    def median(self) -> float:
        """Median of the participants' shares, the number that the paper gives (Fig. 11)."""
        return statistics.median(self.by_participant.values())

    def detected_within(self, seconds: float) -> float:
        """Share that had been judged completed after so many seconds."""
        return max((share for time, share in self.detected if time <= seconds), default=0.0)


def figures(answers: Sequence[Answer], methods: Sequence[str], pictures: str = "*") -> dict[str, MethodFigures]:
    """Figures of every method that has answers.

    Answers during which the page was hidden do not count.

    Args:
        methods: in the order wanted.
        pictures: pattern of the pictures' names, such as `blob-*`: the paper shows a subset beside the whole.
    """
    counted = [a for a in answers if not a.disturbed and fnmatch.fnmatchcase(a.picture, pictures)]
    by_method = {method: [a for a in counted if a.method == method] for method in methods}
    return {method: _figures(group) for method, group in by_method.items() if group}


def _figures(answers: list[Answer]) -> MethodFigures:
    count = len(answers)
    natural = sum(a.judged_real for a in answers)
    participants = dict.fromkeys(a.participant for a in answers)
    shares = {name: statistics.fmean(a.judged_real for a in answers if a.participant == name) for name in participants}
    times = sorted(a.seconds for a in answers if not a.judged_real)
    return MethodFigures(
        answers=count,
        naturalness=natural / count,
        interval=wilson_interval(natural, count),
        by_participant=shares,
        seconds=statistics.median(a.seconds for a in answers),
        detected=[(time, number / count) for number, time in enumerate(times, start=1)],
    )


def wilson_interval(hits: int, count: int) -> tuple[float, float]:
    """95 % confidence interval of a share, after Wilson: within 0..1 also for few answers."""
    share, square = hits / count, _Z**2 / count
    middle = (share + square / 2) / (1 + square)
    half = _Z / (1 + square) * math.sqrt(share * (1 - share) / count + square / (4 * count))
    return max(0.0, middle - half), min(1.0, middle + half)
