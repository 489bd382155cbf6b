"""Holes of all kinds in; the seconds that a user waits for each, beside other programs on the same picture, out."""

import importlib
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
from numpy.typing import NDArray

from glcic_backend.image_files import read_picture
from glcic_backend.inpainter import Inpainter
from glcic_backend.scene.rectangles import bounding_box, slices

Bytes = NDArray[np.uint8]

GMIC_COMMANDS = {
    "gmic -inpaint, patches of 7": ["-inpaint[0]", "[1],7"],
    "gmic -inpaint_matchpatch": ["-inpaint_matchpatch[0]", "[1]"],
}
_TELEA_RADIUS = 5
_PATCH_RADIUS = 3


@dataclass(frozen=True)
class Case:
    """A picture with holes.

    Attributes:
        name: for people.
        width, height: of the picture, pixels.
        draw: marks the holes in a mask of zeros, uint8 [height, width].
        is_large: it is compared with what copies patches, else with OpenCV's Telea.
    """

    name: str
    width: int
    height: int
    draw: Callable[[Bytes], None]
    is_large: bool

    def image_and_mask(self) -> tuple[Bytes, Bytes]:
        """uint8 [H, W, 3] and [H, W]: the sample photograph, enlarged, with noise."""
        small = read_picture(Path(str(resources.files("glcic_backend") / "sample" / "photograph.jpg"))).pixels
        large = cv2.resize(small, (self.width, self.height), interpolation=cv2.INTER_CUBIC)
        noise = np.random.default_rng(0).normal(0, 4, large.shape)
        mask = np.zeros((self.height, self.width), np.uint8)
        self.draw(mask)
        return np.asarray(np.clip(large + noise, 0, 255), np.uint8), mask


def specks(count: int, scratches: int = 0) -> Callable[[Bytes], None]:
    """Ellipses of 3 to 17 pixels all over the picture, and straight scratches of 2 to 4."""

    def draw(mask: Bytes) -> None:
        random = np.random.default_rng(1)
        height, width = mask.shape
        for x, y in random.integers((0, 0), (width, height), (count, 2)).tolist():
            axes = (random.integers(3, 18, 2) // 2).tolist()
            cv2.ellipse(mask, (x, y), axes, random.uniform(0, 180), 0, 360, 255, -1)
        for x, y in random.integers((0, 0), (width, height), (scratches, 2)).tolist():
            end = random.integers((0, 0), (width, height)).tolist()
            cv2.line(mask, (x, y), end, 255, int(random.integers(2, 5)))

    return draw


def square(side: int) -> Callable[[Bytes], None]:
    """A square in the middle, off the grid of 4, as a user's selection is."""

    def draw(mask: Bytes) -> None:
        y, x = ((size - side) // 2 + 1 for size in mask.shape)
        mask[y : y + side, x : x + side] = 255

    return draw


def _frame(mask: Bytes) -> None:
    mask[:] = 255
    mask[20:-20, 20:-20] = 0


def _all_but_a_rim(mask: Bytes) -> None:
    height, width = (round(size * 0.9**0.5) for size in mask.shape)
    y, x = (mask.shape[0] - height) // 2, (mask.shape[1] - width) // 2
    mask[y : y + height, x : x + width] = 255


CASES = (
    Case("60 x 60 in 600 x 400", 600, 400, square(60), False),
    Case("130 specks in 3 megapixels", 2000, 1500, specks(130), False),
    Case("525 specks, 4 scratches in 12 megapixels", 4000, 3000, specks(525, 4), False),
    Case("frame 20 wide round 600 x 400", 600, 400, _frame, False),
    Case("90 % of 600 x 400", 600, 400, _all_but_a_rim, True),
    Case("200 x 200 in 12 megapixels", 4000, 3000, square(200), True),
    Case("800 x 800 in 12 megapixels", 4000, 3000, square(800), True),
)


@dataclass(frozen=True)
class Wait:
    """Medians of one method on one case: seconds by the clock, and of all processors."""

    case: str
    method: str
    clock_s: float
    processor_s: float


def measure_waits(engine: Inpainter, rounds: int, tell: Callable[[str], None]) -> list[Wait]:
    """Time every method on every case; they take turns. What is not installed is left out.

    Args:
        engine: the model and device to measure.
        rounds: measured rounds; one on the first case is run before and dropped.
        tell: receives one line before each step.
    """
    waits = []
    with tempfile.TemporaryDirectory() as folder:
        for case in CASES:
            tasks = _tasks(engine, case, Path(folder))
            if case is CASES[0]:
                for task in tasks.values():
                    task()
            times: dict[str, list[tuple[float, float]]] = {name: [] for name in tasks}
            for number in range(rounds):
                for name, task in tasks.items():
                    tell(f"{case.name}, round {number + 1} of {rounds}: {name}")
                    begin, used = time.perf_counter(), _processor_seconds()
                    task()
                    times[name].append((time.perf_counter() - begin, _processor_seconds() - used))
            waits += [
                Wait(case.name, name, *(statistics.median(column) for column in zip(*seconds, strict=True)))
                for name, seconds in times.items()
            ]
    return waits


def _tasks(engine: Inpainter, case: Case, folder: Path) -> dict[str, Callable[[], object]]:
    image, mask = case.image_and_mask()
    tasks: dict[str, Callable[[], object]] = {
        quality: lambda quality=quality: engine.complete(image, mask, quality=quality)  # type: ignore[misc]
        for quality in ("fast", "best")
    }
    if not case.is_large:
        tasks["OpenCV's Telea"] = lambda: cv2.inpaint(image, mask, _TELEA_RADIUS, cv2.INPAINT_TELEA)
        return tasks
    # The others get the part of the picture that this engine looks at, not all of it.
    hole = bounding_box(mask > 0)
    assert hole is not None
    crop = slices(engine.context(case.width, case.height, hole))
    part, part_mask = np.ascontiguousarray(image[crop]), np.ascontiguousarray(mask[crop])
    patchmatch = _patchmatch()
    if patchmatch is not None:
        tasks["PatchMatch"] = lambda: patchmatch.inpaint(part, part_mask > 0, patch_size=_PATCH_RADIUS)
    if shutil.which("gmic") is not None:
        paths = [str(folder / name) for name in ("image.png", "mask.png", "result.png")]
        for path, picture in zip(paths, (part, part_mask), strict=False):
            cv2.imwrite(path, picture)
        for name, command in GMIC_COMMANDS.items():
            line = ["gmic", "-v", "-1", *paths[:2], *command, "-keep[0]", "-o", paths[2]]
            tasks[name] = lambda line=line: subprocess.run(line, check=True, capture_output=True)  # type: ignore[misc]
    return tasks


def _patchmatch() -> ModuleType | None:
    try:
        library = importlib.import_module("patchmatch")
    except ImportError:
        return None
    return library if library.patchmatch_available else None


def _processor_seconds() -> float:
    """Of this process and of those that it has waited for."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )
