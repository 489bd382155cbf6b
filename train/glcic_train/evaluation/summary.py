"""Means and standard errors, and how they are shown."""

import math
from typing import Any, NamedTuple

import numpy as np

from glcic_train.evaluation.cases import sloppy_kind
from glcic_train.evaluation.evaluate import Measured
from glcic_train.evaluation.sloppy import OFFSETS
from glcic_train.scores.comb import comb_scores
from glcic_train.scores.distances import frechet_distance, kernel_distance
from glcic_train.training.features import LITE0, LITE2

_RESAMPLES = 500
_MIN_VECTORS = 3


class Score(NamedTuple):
    """One score of one method. None: not measured, or no standard error."""

    value: float | None
    error: float | None


NOT_MEASURED = Score(None, None)

COLUMNS = {
    "l1": ("L1", "lower is better, 0..255"),
    "psnr": ("PSNR", "higher is better, dB"),
    "ssim": ("SSIM", "higher is better, at most 1"),
    "perceptual": ("perceptual", "lower is better"),
    "frechet": ("Frechet", "lower is better"),
    "kernel": ("kernel", "lower is better, x 1000"),
    "perceptual_lite2": ("perceptual Lite2", "lower is better; as perceptual, by a second network"),
    "frechet_lite2": ("Frechet Lite2", "lower is better; as Frechet, by a second network"),
    "kernel_lite2": ("kernel Lite2", "lower is better, x 1000; as kernel, by a second network"),
    "lpips": ("LPIPS", "lower is better"),
    "fid": ("FID", "lower is better"),
    "kid": ("KID", "lower is better, x 1000"),
    "sharpness": ("sharpness", "1 is as sharp as the truth, median"),
    "beside": ("L1 beside", "0..255; of the 8 pixels round the hole, which no method writes: what the mask has left"),
    "comb2": ("comb 2", "pattern of a period of 2 pixels, 1 as in photographs"),
    "comb4": ("comb 4", "pattern of a period of 4 pixels, 1 as in photographs"),
}
"""Score -> its heading, and how to read it."""

_ON_REQUEST = ("lpips", "fid", "kid", "beside", "comb2", "comb4")
"""Scores that the table shows only where they were measured."""

_SET_SCORES = {
    LITE0: ("frechet", "kernel"),
    LITE2: ("frechet_lite2", "kernel_lite2"),
    "inception": ("fid", "kid"),
}
"""Network -> the scores of its vectors: Frechet distance, kernel distance."""


def summarise(measured: dict[str, dict[str, Measured]]) -> dict[str, dict[str, dict[str, Score]]]:
    """Kind of hole -> method -> score (a key of `COLUMNS`) -> value and standard error."""
    return {kind: {name: _scores(one) for name, one in by_method.items()} for kind, by_method in measured.items()}


def _scores(measured: Measured) -> dict[str, Score]:
    scores = dict.fromkeys(COLUMNS, NOT_MEASURED)
    for name in ("l1", "psnr", "ssim", "perceptual", "perceptual_lite2", "lpips"):
        if name in measured.values:
            scores[name] = mean_score(measured.values[name])
    scores["sharpness"] = median_score(measured.values["sharpness"])
    if any(measured.values["beside"]):
        scores["beside"] = mean_score(measured.values["beside"])
    for period, value in comb_scores(measured.spectra, measured.truth_spectra).items():
        scores[f"comb{period}"] = Score(value, None)
    for network, (frechet, kernel) in _SET_SCORES.items():
        if len(measured.vectors.get(network, ())) >= _MIN_VECTORS:
            vectors, truths = np.stack(measured.vectors[network]), np.stack(measured.truth_vectors[network])
            scores[frechet] = Score(frechet_distance(vectors, truths), None)
            distance, error = kernel_distance(vectors, truths)
            scores[kernel] = Score(1000 * distance, 1000 * error)
    return scores


def mean_score(values: list[float]) -> Score:
    """Mean and its standard error, from the standard deviation with n - 1; one value has no error."""
    count = len(values)
    error = float(np.std(values, ddof=1) / math.sqrt(count)) if count > 1 else None
    return Score(float(np.mean(values)), error)


def median_score(values: list[float]) -> Score:
    """Median of the numbers that are not NaN, and its standard error from resampling with a fixed seed."""
    known = np.array([value for value in values if not math.isnan(value)])
    if len(known) == 0:
        return NOT_MEASURED
    resamples = np.random.default_rng(0).choice(known, (_RESAMPLES, len(known)))
    error = float(np.median(resamples, axis=1).std()) if len(known) > 1 else None
    return Score(float(np.median(known)), error)


def table(scores: dict[str, dict[str, dict[str, Score]]], counts: dict[str, int]) -> str:
    """The scores as text: one block per kind of hole, one line per method.

    Args:
        scores: from `summarise`.
        counts: kind of hole -> number of cases.
    """
    names = max(len(name) for by_method in scores.values() for name in by_method)
    methods = [method for by_method in scores.values() for method in by_method.values()]
    columns = [
        score
        for score in COLUMNS
        if score not in _ON_REQUEST or any(method[score].value is not None for method in methods)
    ]
    blocks = []
    for kind, by_method in scores.items():
        heading = "".join(f"{COLUMNS[score][0]:>18}" for score in columns)
        rows = [
            f"{name:{names}}" + "".join(f"{_cell(method[score]):>18}" for score in columns)
            for name, method in by_method.items()
        ]
        blocks.append("\n".join([f"{kind}, {counts[kind]} photographs", f"{'':{names}}{heading}", *rows]))
    reading = "\n".join(f"{COLUMNS[score][0]}: {COLUMNS[score][1]}" for score in columns)
    return "\n\n".join([*blocks, *_by_offset(scores), reading])


def _by_offset(scores: dict[str, dict[str, dict[str, Score]]]) -> list[str]:
    """The L1 of masks that are tight and loose side by side, as one more block; none without such masks."""
    kinds = [kind for kind in map(sloppy_kind, OFFSETS) if kind in scores]
    if not kinds:
        return []
    lines = {name: [scores[kind][name]["l1"] for kind in kinds] for name in scores[kinds[0]]}
    lines["left outside"] = [next(iter(scores[kind].values()))["beside"] for kind in kinds]
    names = max(map(len, lines))
    heading = f"{'':{names}}" + "".join(f"{kind:>18}" for kind in kinds)
    rows = [f"{name:{names}}" + "".join(f"{_cell(score):>18}" for score in line) for name, line in lines.items()]
    return ["\n".join(["L1 by how many pixels the mask is larger than the thing", heading, *rows])]


def _cell(score: Score) -> str:
    if score.value is None:
        return "not measured"
    digits = max(0, min(3, 2 - math.floor(math.log10(abs(score.value))))) if score.value else 3
    error = "" if score.error is None else f" +- {score.error:.{digits}f}"
    return f"{score.value:.{digits}f}{error}"


def as_json(scores: dict[str, dict[str, dict[str, Score]]]) -> dict[str, Any]:
    """The scores as plain values; a NaN or infinity never occurs."""
    return {
        kind: {
            name: {score: {"value": value, "standard_error": error} for score, (value, error) in method.items()}
            for name, method in by_method.items()
        }
        for kind, by_method in scores.items()
    }
