"""Classical methods that a model has to beat."""

import importlib
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np

from glcic_backend.errors import InvalidInputError

Method = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(image, hole) -> completed image: uint8 [H, W, 3], RGB, and bool [H, W]. What the image shows in the hole is void."""

_RADIUS = 5  # pixels round a pixel that OpenCV's methods look at
_PATCH_RADIUS = 3  # PatchMatch compares patches of 7 x 7

_ON_REQUEST = ("gmic",)
"""Baselines that run only when they are named: this one takes seconds for a picture."""


def mean_fill(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """The mean colour of the known pixels."""
    result = image.copy()
    result[hole] = image[~hole].mean(axis=0).round()
    return result


def telea(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Fast marching, as OpenCV has it."""
    return cv2.inpaint(image, hole.astype(np.uint8), _RADIUS, cv2.INPAINT_TELEA)


def navier_stokes(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Navier-Stokes equations, as OpenCV has them."""
    return cv2.inpaint(image, hole.astype(np.uint8), _RADIUS, cv2.INPAINT_NS)


def gmic(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """G'MIC's multi-scale patch matching, by its command line.

    Raises:
        InvalidInputError: G'MIC failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        names = [str(Path(folder) / name) for name in ("image.png", "mask.png", "result.png")]
        for name, pixels in zip(names, (image[..., ::-1], hole.astype(np.uint8) * 255), strict=False):
            cv2.imwrite(name, pixels)
        command = ["gmic", "-v", "-", *names[:2], "inpaint_matchpatch[0]", "[1]", "keep[0]", "output[0]", names[2]]
        ended = subprocess.run(command, capture_output=True, text=True)
        result = cv2.imread(names[2])
    if ended.returncode or result is None:
        raise InvalidInputError(f"G'MIC ended with code {ended.returncode}: {ended.stderr.strip()[-300:]}")
    return result[..., ::-1]


def _gmic() -> Method:
    if shutil.which("gmic") is None:
        raise InvalidInputError(
            "The program gmic is not installed. Install it (Debian: apt-get install gmic), or do not name it."
        )
    return gmic


def _patchmatch(seed: int) -> Method:
    library = _patchmatch_library()
    if library is None:
        raise InvalidInputError(
            "PatchMatch needs the package pypatchmatch with its compiled library, which is not installed. "
            "Run: pip install pypatchmatch, or leave it out of --baselines."
        )

    def complete(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
        library.set_random_seed(seed)
        return library.inpaint(image, hole, patch_size=_PATCH_RADIUS)

    return complete


def _patchmatch_library() -> ModuleType | None:
    try:
        library = importlib.import_module("patchmatch")
    except ImportError:
        return None
    return library if library.patchmatch_available else None


def baselines(names: tuple[str, ...] | None, seed: int) -> dict[str, Method]:
    """The baselines of these names; None for all that are installed, but without gmic.

    Args:
        names: mean, telea, navier-stokes, patchmatch, gmic.
        seed: of PatchMatch's random search.

    Raises:
        InvalidInputError: there is no such baseline, or it is named and not installed.
    """
    makers: dict[str, Callable[[], Method]] = {
        "mean": lambda: mean_fill,
        "telea": lambda: telea,
        "navier-stokes": lambda: navier_stokes,
        "patchmatch": lambda: _patchmatch(seed),
        "gmic": _gmic,
    }
    if names is None:
        left_out = _ON_REQUEST if _patchmatch_library() is not None else (*_ON_REQUEST, "patchmatch")
        names = tuple(name for name in makers if name not in left_out)
    for name in names:
        if name not in makers:
            raise InvalidInputError(f"There is no baseline {name!r}. The baselines are {', '.join(makers)}.")
    return {name: makers[name]() for name in names}
