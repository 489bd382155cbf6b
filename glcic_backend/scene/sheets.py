"""Specks in, sheets out: small photographs on which specks lie side by side, each with what is round it.

What is done to a hole costs some time however small it is, and what is done to a picture costs by its pixels, however
few of them are holes. On a sheet hundreds of specks are one hole in a picture that is not much larger than they are.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from glcic_backend.scene.fill import Fill, FillIndex, paste
from glcic_backend.scene.holes import Hole
from glcic_backend.scene.photograph import Photograph
from glcic_backend.scene.rectangles import grown, slices
from glcic_backend.wire.geometry import Rectangle

AROUND = 32
"""Pixels of the photograph round a speck: texture to copy, and room for a piece of its grain."""

_GUTTER = 12
"""Pixels between two specks' surroundings, of which nothing is known, so that neither looks into the other's."""

_SIDE = 512


@dataclass(frozen=True)
class Part:
    """Holes that are finished together.

    Attributes:
        photograph: what they lie in: the photograph itself, or a sheet.
        holes: in it.
        fills: of these holes, in it.
        begin, end: 0..1, their share of all holes' pixels.
        spread: takes finished fills back to where they belong in the photograph itself.
    """

    photograph: Photograph
    holes: list[Hole]
    fills: list[Fill]
    begin: float
    end: float
    spread: Callable[[Sequence[Fill]], list[Fill]]

    def scaled(self, progress: Callable[[float], None]) -> Callable[[float], None]:
        """What is to be told of the finished share of this part, so that `progress` hears of that of all."""
        return lambda share: progress(self.begin + share * (self.end - self.begin))


def parts(
    photograph: Photograph, holes: Sequence[Hole], fills: Sequence[Fill], *, on_sheets: bool = True
) -> Iterator[Part]:
    """The photograph with the holes that are no specks, then the sheets with those that are.

    Args:
        fills: of all the holes.
        on_sheets: false leaves the specks in the photograph.
    """
    total = _pixels(holes)
    others = [hole for hole in holes if not (on_sheets and hole.is_speck)]
    done = _pixels(others)
    if others:
        yield Part(photograph, others, _of_holes(others, FillIndex(fills)), 0.0, done / total, list)
    index = FillIndex(fills)
    specks_of_all = [hole for hole in holes if on_sheets and hole.is_speck]
    for specks, places, height in _laid_out(photograph, _by_place(specks_of_all)):
        begin, done = done, done + _pixels(specks)
        yield _sheet(photograph, index, specks, places, height, (begin / total, done / total))


def _pixels(holes: Sequence[Hole]) -> int:
    return sum(int(np.count_nonzero(hole.mask)) for hole in holes)


def _of_holes(holes: Sequence[Hole], index: FillIndex) -> list[Fill]:
    found: dict[int, Fill] = {}
    for hole in holes:
        found |= {id(fill): fill for fill in index.within(hole.box)}
    return list(found.values())


def _by_place(specks: list[Hole]) -> list[Hole]:
    """Square by square, so that those near to each other share a sheet; beginning where they do, whatever the crop."""
    left, top = (min((speck.box[axis] for speck in specks), default=0) for axis in (0, 1))
    return sorted(specks, key=lambda speck: ((speck.box.y - top) // _SIDE, (speck.box.x - left) // _SIDE))


def _laid_out(photograph: Photograph, specks: list[Hole]) -> Iterator[tuple[list[Hole], list[Rectangle], int]]:
    """Specks that share a sheet, the places of their surroundings on it, and its height, row by row."""
    members: list[Hole] = []
    places: list[Rectangle] = []
    x = y = row = 0
    for speck in specks:
        width, height = grown(speck.box, AROUND, photograph.width, photograph.height)[2:]
        if x + width > _SIDE:
            x, y, row = 0, y + row + _GUTTER, 0
        if y + height > _SIDE:
            yield members, places, y - _GUTTER
            members, places, x, y, row = [], [], 0, 0, 0
        members.append(speck)
        places.append(Rectangle(x, y, width, height))
        x, row = x + width + _GUTTER, max(row, height)
    if members:
        yield members, places, y + row


def _sheet(
    photograph: Photograph,
    index: FillIndex,
    specks: list[Hole],
    places: list[Rectangle],
    height: int,
    share: tuple[float, float],
) -> Part:
    width = max(place.right for place in places)
    image = np.zeros((height, width, *photograph.image.shape[2:]), photograph.image.dtype)
    known, hole = np.zeros((height, width), np.bool_), np.zeros((height, width), np.bool_)
    colour = np.zeros((height, width, 3), np.float32)
    boxes = []
    for speck, place in zip(specks, places, strict=True):
        window = grown(speck.box, AROUND, photograph.width, photograph.height)
        image[slices(place)] = photograph.image[slices(window)]
        known[slices(place)] = photograph.known[slices(window)]
        box = speck.box._replace(x=place.x + speck.box.x - window.x, y=place.y + speck.box.y - window.y)
        boxes.append(box)
        hole[slices(box)] = speck.mask
        completion = colour[slices(box)]
        paste(index.within(speck.box), speck.box, completion)
    whole = Rectangle(0, 0, width, height)
    thickness = max(speck.thickness for speck in specks)

    def spread(fills: Sequence[Fill]) -> list[Fill]:
        filled = np.zeros((height, width, 3), np.float32)
        paste(reversed(fills), whole, filled)  # the first has the last word
        return [
            Fill(speck.box, speck.mask, filled[slices(box)].copy()) for speck, box in zip(specks, boxes, strict=True)
        ]

    return Part(
        Photograph(image, known, photograph.linear),
        [Hole(whole, hole, thickness)],
        [Fill(whole, hole, colour)],
        *share,
        spread,
    )
