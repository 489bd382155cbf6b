"""Scores of one completed photograph against the truth. Only pixels in the hole count, but for those of `beside`."""

import cv2
import numpy as np

MAX_PSNR = 100.0
"""PSNR of a perfect result, in dB, where the definition gives infinity."""

BAND = 8
"""Pixels round a hole in which it is measured what was left beside it."""

_SSIM_SIGMA, _SSIM_WINDOW = 1.5, 11
_SSIM_C1, _SSIM_C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def l1(result: np.ndarray, truth: np.ndarray, hole: np.ndarray) -> float:
    """Mean absolute difference over the hole's pixels and channels, 0..255.

    Args:
        result, truth: uint8 [H, W, 3], RGB. So for all functions of this module.
        hole: bool [H, W], with at least one pixel.
    """
    return float(np.abs(result[hole].astype(np.float64) - truth[hole]).mean())


def beside(result: np.ndarray, truth: np.ndarray, hole: np.ndarray) -> float:
    """Mean absolute difference over the pixels at most `BAND` outside the hole, 0..255; 0 where there are none.

    No method may write there, so it tells the mask and not the method: what was left of the thing.
    """
    near = cv2.dilate(hole.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * BAND + 1,) * 2)) > 0
    band = near & ~hole
    return l1(result, truth, band) if band.any() else 0.0


def psnr(result: np.ndarray, truth: np.ndarray, hole: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB: 10 log10(255^2 / mean squared difference in the hole), at most `MAX_PSNR`."""
    error = np.square(result[hole].astype(np.float64) - truth[hole]).mean()
    return MAX_PSNR if error == 0 else min(MAX_PSNR, float(10 * np.log10(255**2 / error)))


def ssim(result: np.ndarray, truth: np.ndarray, hole: np.ndarray) -> float:
    """Structural similarity, -1..1, mean over the hole's pixels and the three channels.

    The statistics at a pixel are means weighted by a Gaussian of 1.5 pixels (window 11 x 11) that is cut off at the
    hole's outline and normalised, so that the known pixels, which are right in every result, count nowhere.
    """
    x, y, width, height = cv2.boundingRect(hole.astype(np.uint8))
    box = slice(y, y + height), slice(x, x + width)
    inside = hole[box]
    weight = _blurred(inside.astype(np.float64))[inside][:, None]

    def local_mean(values: np.ndarray) -> np.ndarray:
        return _blurred(np.where(inside[..., None], values, 0.0))[inside] / weight

    a, b = result[box].astype(np.float64), truth[box].astype(np.float64)
    mean_a, mean_b = local_mean(a), local_mean(b)
    variance_a, variance_b = local_mean(a * a) - mean_a**2, local_mean(b * b) - mean_b**2
    covariance = local_mean(a * b) - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + _SSIM_C1) / (mean_a**2 + mean_b**2 + _SSIM_C1)
    structure = (2 * covariance + _SSIM_C2) / (variance_a + variance_b + _SSIM_C2)
    return float((luminance * structure).mean())


def sharpness(result: np.ndarray, truth: np.ndarray, hole: np.ndarray) -> float:
    """Root of the gradient energy in the hole, result over truth: 1 is as sharp as the truth, 0 is flat.

    The gradient energy is the sum of squared differences of neighbouring pixels that both lie in the hole, over the
    three channels. Steps across the outline do not count: a visible seam is no detail. NaN where the truth is flat.
    """
    energy = _gradient_energy(truth, hole)
    return float(np.sqrt(_gradient_energy(result, hole) / energy)) if energy > 0 else float("nan")


def _gradient_energy(image: np.ndarray, hole: np.ndarray) -> float:
    values = image.astype(np.float64)
    across = np.square(np.diff(values, axis=1))[hole[:, 1:] & hole[:, :-1]]
    down = np.square(np.diff(values, axis=0))[hole[1:] & hole[:-1]]
    return float(across.sum() + down.sum())


def _blurred(values: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(values, (_SSIM_WINDOW, _SSIM_WINDOW), _SSIM_SIGMA, borderType=cv2.BORDER_CONSTANT)
