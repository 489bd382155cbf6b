"""Pictures with an edge or a thin line that turns within a hole, and how well it goes on where it is drawn.

`python -m tests.backend.detail.drawn_scenes` prints how well.
"""

import cv2
import numpy as np

from glcic_backend import Inpainter

from .line_scenes import Broken, broken, foliage, noise, sky

_FINE = 4

Corners = list[tuple[float, float]]


def _filled(height: int, width: int, corners: Corners, thickness: float) -> np.ndarray:
    """How much of each pixel a line of some thickness covers."""
    big = np.zeros((height * _FINE, width * _FINE), np.uint8)
    cv2.polylines(big, [_big(corners)], False, 255, round(thickness * _FINE), shift=4)
    return cv2.resize(big, (width, height), interpolation=cv2.INTER_AREA) / 255.0


def _below(height: int, width: int, corners: Corners) -> np.ndarray:
    """How much of each pixel lies below a line from side to side."""
    big = np.zeros((height * _FINE, width * _FINE), np.uint8)
    cv2.fillPoly(big, [_big([*corners, (width + 9, height + 9), (-9, height + 9)])], 255, shift=4)
    return cv2.resize(big, (width, height), interpolation=cv2.INTER_AREA) / 255.0


def _big(corners: Corners) -> np.ndarray:
    return np.rint(np.array(corners) * _FINE * 16).astype(np.int32)


def kink(random: np.random.Generator) -> tuple[Broken, Corners]:
    """A dark line of two pixels before a sky, that turns by 60 degrees in the hole."""
    corners = [(-9, 50.0), (160.3, 140.3), (329, 60.0)]
    thing = _filled(240, 320, corners, 2)
    return broken(sky(240, 320, random), thing, np.full(3, 0.15), (120, 70, 80, 100)), corners


def shore(random: np.random.Generator) -> tuple[Broken, Corners]:
    """A shore that climbs and falls in the hole."""
    height, width = 240, 360
    corners = [(-9, 150.0), (120, 150), (180, 95), (240, 110), (369, 110)]
    sea = np.array([0.1, 0.25, 0.35]) + noise((height, width), 1.5, 0.05, random)
    thing = _below(height, width, corners)
    return broken(sky(height, width, random), thing, sea, (130, 70, 100, 110)), corners


def cable(random: np.random.Generator) -> tuple[Broken, Corners]:
    """A light cable of three pixels that hangs before leaves, lowest in the hole."""
    across = np.arange(-9, 370, 4.0)
    corners = list(zip(across.tolist(), (190 - 0.0042 * (across - 180) ** 2).tolist(), strict=True))
    thing = _filled(240, 360, corners, 3)
    return broken(foliage(240, 360, random), thing, np.full(3, 0.85), (140, 90, 80, 120)), corners


def flat(corners: Corners, aside: float = 0.0) -> list[float]:
    """Corners as a line that is given to the engine, which may lie some pixels too low."""
    return [value for x, y in corners for value in (x, y + aside)]


def main() -> None:
    """Print how well the scenes are continued without a line, with it, and with one that is 2 pixels off."""
    engine = Inpainter.load("shipped", device="cpu")
    for scene in (kink, shore, cable):
        kept: list[list[float]] = [[], [], []]
        for seed in range(3):
            made, corners = scene(np.random.default_rng(seed))
            for found, lines in zip(kept, ([], [flat(corners)], [flat(corners, 2)]), strict=True):
                found.append(made.kept(engine.complete(made.image, made.hole, lines=lines, seed=seed)))
        without, drawn, beside = (f"{np.mean(each):.2f}" for each in kept)
        print(f"{scene.__name__}: kept {without} without, {drawn} drawn, {beside} drawn 2 px off", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
