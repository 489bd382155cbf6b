"""Classical methods that a model has to beat."""

import importlib
from collections.abc import Callable
from types import ModuleType

import cv2
import numpy as np

from glcic_backend.errors import InvalidInputError

Method = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(image, hole) -> completed image: uint8 [H, W, 3], RGB, and bool [H, W]. What the image shows in the hole is void."""

_RADIUS = 5  # pixels round a pixel that OpenCV's methods look at
_PATCH_RADIUS = 3  # PatchMatch compares patches of 7 x 7


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
    """The baselines of these names; None for all that are installed.

    Args:
        names: mean, telea, navier-stokes, patchmatch.
        seed: of PatchMatch's random search.

    Raises:
        InvalidInputError: there is no such baseline, or it is named and not installed.
    """
    makers: dict[str, Callable[[], Method]] = {
        "mean": lambda: mean_fill,
        "telea": lambda: telea,
        "navier-stokes": lambda: navier_stokes,
        "patchmatch": lambda: _patchmatch(seed),
    }
    if names is None:
        names = tuple(name for name in makers if name != "patchmatch" or _patchmatch_library() is not None)
    for name in names:
        if name not in makers:
            raise InvalidInputError(f"There is no baseline {name!r}. The baselines are {', '.join(makers)}.")
    return {name: makers[name]() for name in names}
