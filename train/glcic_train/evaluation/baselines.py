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
_GMIC_COMMANDS = {"gmic-inpaint": ["-inpaint[0]", "[1],7"], "gmic-matchpatch": ["-inpaint_matchpatch[0]", "[1]"]}
"""G'MIC's pattern-based inpainting with patches of 7 x 7, and its multi-scale one; other options as by default."""


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


def _gmic(name: str) -> Method:
    if shutil.which("gmic") is None:
        raise InvalidInputError(
            f"{name} needs the program gmic, which is not installed. Run: apt-get install gmic, or get it from "
            "https://gmic.eu, or leave it out of --baselines."
        )

    def complete(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
        with tempfile.TemporaryDirectory() as folder:
            paths = [str(Path(folder, file)) for file in ("image.png", "hole.png", "result.png")]
            cv2.imwrite(paths[0], image[..., ::-1])
            cv2.imwrite(paths[1], hole.astype(np.uint8) * 255)
            command = [
                "gmic",
                "-v",
                "-1",
                *paths[:2],
                *_GMIC_COMMANDS[name],
                "-keep[0]",
                "-round",
                "-cut",
                "0,255",
                "-o",
                paths[2],
            ]
            try:
                subprocess.run(command, capture_output=True, text=True, check=True)
            except subprocess.CalledProcessError as error:
                raise InvalidInputError(f"{name} failed: {error.stderr.strip()[-500:]}. Leave it out.") from error
            return np.ascontiguousarray(cv2.imread(paths[2])[..., ::-1])

    return complete


def baselines(names: tuple[str, ...] | None, seed: int) -> dict[str, Method]:
    """The baselines of these names; None for all that are installed, but without G'MIC's, which take seconds each.

    Args:
        names: mean, telea, navier-stokes, patchmatch, gmic-inpaint, gmic-matchpatch.
        seed: of PatchMatch's random search.

    Raises:
        InvalidInputError: there is no such baseline, or it is named and not installed.
    """
    makers: dict[str, Callable[[], Method]] = {
        "mean": lambda: mean_fill,
        "telea": lambda: telea,
        "navier-stokes": lambda: navier_stokes,
        "patchmatch": lambda: _patchmatch(seed),
        "gmic-inpaint": lambda: _gmic("gmic-inpaint"),
        "gmic-matchpatch": lambda: _gmic("gmic-matchpatch"),
    }
    if names is None:
        left_out = (*_GMIC_COMMANDS, *(("patchmatch",) if _patchmatch_library() is None else ()))
        names = tuple(name for name in makers if name not in left_out)
    for name in names:
        if name not in makers:
            raise InvalidInputError(f"There is no baseline {name!r}. The baselines are {', '.join(makers)}.")
    return {name: makers[name]() for name in names}
