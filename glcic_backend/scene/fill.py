"""Fills, the colours for a hole's pixels, on their way through the engine; fills in, pasted into a crop out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from glcic_backend.scene.rectangles import Boxes, slices
from glcic_backend.wire.geometry import Rectangle


@dataclass
class Fill:
    """Colours for some of the pixels of a rectangle.

    Attributes:
        region: the rectangle, in the image.
        where: bool [height, width], the pixels that it fills.
        colour: float32 [height, width, 3], RGB, perceptual, 0..1; void elsewhere.
    """

    region: Rectangle
    where: NDArray[np.bool_]
    colour: NDArray[np.float32]

    def moved(self, across: int, down: int) -> "Fill":
        """The same fill in a picture that begins so many pixels farther left and up."""
        return replace(self, region=self.region._replace(x=self.region.x + across, y=self.region.y + down))


class FillIndex:
    """Fills that are asked for by place many times."""

    def __init__(self, fills: Sequence[Fill]) -> None:
        self._fills, self._boxes = fills, Boxes([fill.region for fill in fills])

    def within(self, part: Rectangle) -> list[Fill]:
        """Those that have pixels of a rectangle in theirs, in their order."""
        return [self._fills[number] for number in np.flatnonzero(self._boxes.meet(part)).tolist()]


def paste(
    fills: Iterable[Fill], crop: Rectangle, colour: NDArray[np.float32], where: NDArray[np.bool_] | None = None
) -> None:
    """Write fills into a crop of the image, and mark their pixels.

    Args:
        crop: the crop's place in the image.
        colour: float32 [crop.height, crop.width, 3], changed in place.
        where: bool [crop.height, crop.width], changed in place: true where a fill was written.
    """
    for fill in fills:
        x, y = max(crop.x, fill.region.x), max(crop.y, fill.region.y)
        right, bottom = min(crop.right, fill.region.right), min(crop.bottom, fill.region.bottom)
        if x >= right or y >= bottom:
            continue
        source = slices(Rectangle(x - fill.region.x, y - fill.region.y, right - x, bottom - y))
        target = slices(Rectangle(x - crop.x, y - crop.y, right - x, bottom - y))
        inside = fill.where[source]
        colour[target][inside] = fill.colour[source][inside]
        if where is not None:
            where[target] |= inside
