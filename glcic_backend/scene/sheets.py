"""Specks in, sheets out: small photographs on which specks lie side by side, each with what is round it.

What is done to a hole costs some time however small it is, and what is done to a picture costs by its pixels, however
few of them are holes. On a sheet hundreds of specks are one hole in a picture that is not much larger than they are.
Long thin holes are cut into pieces, which are treated as specks (`strands.py`).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from glcic_backend.scene.fill import Fill, FillIndex, paste
from glcic_backend.scene.holes import Hole
from glcic_backend.scene.photograph import Photograph
from glcic_backend.scene.rectangles import grown, slices
from glcic_backend.scene.strands import AROUND, ROUNDS, strand_pieces
from glcic_backend.wire.geometry import Rectangle

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
        is_sheet: it is a sheet, and its one hole is many.
    """

    photograph: Photograph
    holes: list[Hole]
    fills: list[Fill]
    begin: float
    end: float
    spread: Callable[[Sequence[Fill]], list[Fill]]
    is_sheet: bool

    def scaled(self, progress: Callable[[float], None]) -> Callable[[float], None]:
        """What is to be told of the finished share of this part, so that `progress` hears of that of all."""
        return lambda share: progress(self.begin + share * (self.end - self.begin))


def batches(
    photograph: Photograph,
    holes: Sequence[Hole],
    fills: Sequence[Fill],
    around: int = AROUND,
    *,
    on_sheets: bool = True,
) -> Iterator[Sequence[Callable[[], Part]]]:
    """The photograph with the holes that are not thin, then sheets with those that are.

    The parts of one batch do not need each other. Each must be spread before the next batch is asked for: pieces of a
    hole that are finished are known to those beside them.

    Args:
        fills: of all the holes.
        around: pixels of the photograph round each speck on a sheet.
        on_sheets: false leaves all holes in the photograph.

    Returns:
        What makes the parts, batch by batch: a sheet takes memory from when it is made.
    """
    total, index = _pixels(holes), FillIndex(fills)
    others, *rounds = _sorted_out(holes, on_sheets)
    done = _pixels(others)
    if others:
        yield [partial(Part, photograph, others, _of_holes(others, index), 0.0, done / total, list, is_sheet=False)]
    finished: list[Fill] = []
    for number, members in enumerate(rounds):
        before, batch = FillIndex(finished), []
        for specks, places in _laid_out(photograph, _by_place(members), around):
            begin, done = done, done + _pixels(specks)
            share = begin / total, done / total
            # Specks are whole, and nothing lies beside them that is to meet them.
            remembers = finished if number else []
            batch.append(partial(_sheet, photograph, around, index, before, specks, places, share, remembers))
        yield batch


def in_place(holes: Sequence[Hole], *, on_sheets: bool = True) -> list[Hole]:
    """The holes that are finished in the photograph itself."""
    return _sorted_out(holes, on_sheets)[0]


def _sorted_out(holes: Sequence[Hole], on_sheets: bool) -> list[list[Hole]]:
    """The holes that stay in the photograph; specks; and the pieces of others, round by round."""
    result: list[list[Hole]] = [[] for _ in range(2 + ROUNDS)]
    for hole in holes:
        pieces = strand_pieces(hole) if on_sheets else []
        if not pieces:
            result[int(on_sheets and hole.is_speck)].append(hole)
        for members, mine in zip(result[2:], pieces, strict=False):
            members += mine
    return result


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


def _laid_out(photograph: Photograph, specks: list[Hole], around: int) -> Iterator[tuple[list[Hole], list[Rectangle]]]:
    """Specks that share a sheet, and the places of their surroundings on it, row by row."""
    members: list[Hole] = []
    places: list[Rectangle] = []
    x = y = row = 0
    for speck in specks:
        width, height = grown(speck.box, around, photograph.width, photograph.height)[2:]
        if x + width > _SIDE:
            x, y, row = 0, y + row + _GUTTER, 0
        if y + height > _SIDE:
            yield members, places
            members, places, x, y, row = [], [], 0, 0, 0
        members.append(speck)
        places.append(Rectangle(x, y, width, height))
        x, row = x + width + _GUTTER, max(row, height)
    if members:
        yield members, places


def _sheet(
    photograph: Photograph,
    around: int,
    index: FillIndex,
    before: FillIndex,
    specks: list[Hole],
    places: list[Rectangle],
    share: tuple[float, float],
    finished: list[Fill],
) -> Part:
    """A sheet.

    Args:
        before: what is finished, and known from now on.
        finished: receives what is spread.
    """
    width, height = max(place.right for place in places), max(place.bottom for place in places)
    picture = np.zeros((height, width, 3), np.float32)
    known, hole = np.zeros((height, width), np.bool_), np.zeros((height, width), np.bool_)
    colour = np.zeros((height, width, 3), np.float32)
    boxes = []
    for speck, place in zip(specks, places, strict=True):
        window = grown(speck.box, around, photograph.width, photograph.height)
        picture[slices(place)] = photograph.rgb(window)
        known[slices(place)] = photograph.known[slices(window)]
        paste(before.within(window), window, picture[slices(place)], known[slices(place)])
        box = speck.box._replace(x=place.x + speck.box.x - window.x, y=place.y + speck.box.y - window.y)
        boxes.append(box)
        hole[slices(box)] = speck.mask
        paste(index.within(speck.box), speck.box, colour[slices(box)])
    whole = Rectangle(0, 0, width, height)
    thickness = max(speck.thickness for speck in specks)

    def spread(fills: Sequence[Fill]) -> list[Fill]:
        filled = np.zeros((height, width, 3), np.float32)
        paste(reversed(fills), whole, filled)  # the first has the last word
        result = [
            Fill(speck.box, speck.mask, filled[slices(box)].copy()) for speck, box in zip(specks, boxes, strict=True)
        ]
        finished.extend(result)
        return result

    return Part(
        Photograph(picture, known, linear=False),
        [Hole(whole, hole, thickness)],
        [Fill(whole, hole, colour)],
        *share,
        spread,
        is_sheet=True,
    )
