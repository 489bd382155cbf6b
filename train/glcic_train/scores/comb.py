"""Comb scores: patterns of a short period, which networks leave that double their resolution (checkerboards, plaid)."""

from collections.abc import Sequence

import numpy as np

_LENGTH = 16
_NEIGHBOURS = {2: (8, (6,)), 4: (4, (2, 6))}
"""Period in pixels -> its frequency in a line of `_LENGTH` pixels, and frequencies beside it that it does not reach."""


def line_spectrum(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Energy of the brightness by frequency, over all lines of 16 pixels across and down that lie in a hole.

    Args:
        image: uint8 [H, W, 3], RGB.
        hole: bool [H, W].

    Returns:
        float64 [9]: frequencies of 0 to 8 cycles in 16 pixels, under a Hann window. Zero where no line fits.
    """
    brightness = image.mean(axis=2)
    window = np.hanning(_LENGTH + 1)[:-1]
    total = np.zeros(_LENGTH // 2 + 1)
    for values, inside in ((brightness, hole), (brightness.T, hole.T)):
        if values.shape[1] < _LENGTH:
            continue
        lines = np.lib.stride_tricks.sliding_window_view(values, _LENGTH, axis=1)
        fits = np.lib.stride_tricks.sliding_window_view(inside, _LENGTH, axis=1).all(axis=2)
        chosen = lines[fits]
        chosen = (chosen - chosen.mean(axis=1, keepdims=True)) * window
        total += np.square(np.abs(np.fft.rfft(chosen, axis=1))).sum(axis=0)
    return total


def comb_scores(spectra: Sequence[np.ndarray], truths: Sequence[np.ndarray]) -> dict[int, float | None]:
    """How far periods of 2 and of 4 pixels stand out from the frequencies beside them, relative to photographs.

    Args:
        spectra, truths: `line_spectrum` of fills and of what was there, any number.

    Returns:
        Period -> score: 1 as in the photographs, above 1 more. None where there is nothing to compare.
    """
    fill, truth = np.sum(spectra, axis=0), np.sum(truths, axis=0)
    scores: dict[int, float | None] = {}
    for period, (frequency, beside) in _NEIGHBOURS.items():
        prominences = []
        for spectrum in (fill, truth):
            neighbours = np.exp(np.mean([np.log(max(spectrum[one], 1e-9)) for one in beside]))
            prominences.append(spectrum[frequency] / neighbours)
        scores[period] = float(prominences[0] / prominences[1]) if prominences[1] > 0 and fill.sum() > 0 else None
    return scores
