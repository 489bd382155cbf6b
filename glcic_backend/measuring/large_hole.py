"""Measured speed of a large hole, 800 x 800 pixels in 12 megapixels, beside G'MIC on the same part of the picture."""

import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from glcic_backend.image_files import read_picture
from glcic_backend.inpainter import Inpainter
from glcic_backend.measuring.benchmark import Scene

LARGE_HOLE = Scene(4000, 3000, 800)

GMIC_COMMANDS = {
    "gmic -inpaint, patches of 7": ["-inpaint[0]", "[1],7"],
    "gmic -inpaint_matchpatch": ["-inpaint_matchpatch[0]", "[1]"],
}


def measure_large_hole(engine: Inpainter, rounds: int, tell: Callable[[str], None]) -> dict[str, float]:
    """Seconds of each method, medians; all take turns. G'MIC's are left out where it is not installed.

    Args:
        engine: the model and device to measure.
        rounds: measured rounds.
        tell: receives one line before each step.
    """
    image, mask = _photograph(), np.zeros((LARGE_HOLE.height, LARGE_HOLE.width), np.uint8)
    hole = LARGE_HOLE.hole_rectangle()
    mask[hole.y : hole.bottom, hole.x : hole.right] = 255
    crop = engine.context(LARGE_HOLE.width, LARGE_HOLE.height, hole)
    with tempfile.TemporaryDirectory() as folder:
        paths = [str(Path(folder, name)) for name in ("image.png", "mask.png", "result.png")]
        for path, picture in zip(paths, (image, mask), strict=False):
            cv2.imwrite(path, picture[crop.y : crop.bottom, crop.x : crop.right])
        tasks: dict[str, Callable[[], object]] = {
            quality: lambda quality=quality: engine.complete(image, mask, quality=quality)  # type: ignore[misc]
            for quality in ("fast", "best")
        }
        if shutil.which("gmic") is not None:
            for name, command in GMIC_COMMANDS.items():
                line = ["gmic", "-v", "-1", *paths[:2], *command, "-keep[0]", "-o", paths[2]]
                tasks[name] = lambda line=line: subprocess.run(line, check=True, capture_output=True)  # type: ignore[misc]
        times: dict[str, list[float]] = {name: [] for name in tasks}
        for number in range(rounds):
            for name, task in tasks.items():
                tell(f"round {number + 1} of {rounds}: {name}")
                begin = time.perf_counter()
                task()
                times[name].append(time.perf_counter() - begin)
    return {name: statistics.median(seconds) for name, seconds in times.items()}


def _photograph() -> NDArray[np.uint8]:
    """The sample photograph, enlarged, with noise: uint8 [H, W, 3]."""
    small = read_picture(Path(str(resources.files("glcic_backend") / "sample" / "photograph.jpg"))).pixels
    large = cv2.resize(small, (LARGE_HOLE.width, LARGE_HOLE.height), interpolation=cv2.INTER_CUBIC)
    noise = np.random.default_rng(0).normal(0, 4, large.shape)
    return np.asarray(np.clip(large + noise, 0, 255), np.uint8)
