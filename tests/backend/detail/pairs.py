"""How two evaluations of the same cases differ, case by case.

`python -m tests.backend.detail.pairs BEFORE/results.json AFTER/results.json`

prints for each kind of hole the mean difference of quality *best* and its standard error: photographs differ far more
from each other than two states of the program do on one. The results are those of `glcic-train evaluate --out` or
`tests.backend.detail.trial`.
"""

import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np

SCORES = ("l1", "perceptual", "perceptual_lite2")


def difference(before: list[float], after: list[float]) -> tuple[float, float]:
    """Mean of the differences and its standard error.

    Raises:
        ValueError: there are not as many of one as of the other, or fewer than two.
    """
    if len(before) != len(after) or len(before) < 2:
        raise ValueError(f"{len(before)} and {len(after)} values are no pairs. Evaluate the same cases in both.")
    change = np.subtract(after, before)
    return float(change.mean()), float(change.std(ddof=1) / math.sqrt(len(change)))


def differences(before: dict[str, Any], after: dict[str, Any]) -> dict[str, dict[str, tuple[float, float]]]:
    """Kind of hole -> score -> difference of two results.

    Raises:
        ValueError: they are not of the same cases.
    """
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for kind, one in before["cases"].items():
        other = after["cases"].get(kind)
        if other is None or one["photographs"] != other["photographs"]:
            raise ValueError(f"The two are not of the same photographs with {kind} holes.")
        values, others = one["methods"]["best"], other["methods"]["best"]
        found[kind] = {score: difference(values[score], others[score]) for score in SCORES if score in values}
    return found


def main() -> None:
    results = [json.loads(Path(name).read_text(encoding="utf-8")) for name in sys.argv[1:3]]
    for kind, scores in differences(*results).items():
        line = "  ".join(f"{score} {mean:+.4f} +- {error:.4f}" for score, (mean, error) in scores.items())
        sys.stdout.write(f"{kind}  {line}\n")


if __name__ == "__main__":
    main()
