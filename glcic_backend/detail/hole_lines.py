"""A photograph and its holes in; the lines that go on through each hole out: those drawn, and those it interrupts.

They need only what is known, so they can be found before the holes are completed.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from glcic_backend.detail.drawn_lines import drawn_lines, goes_on_as
from glcic_backend.detail.line_pairs import interrupted_lines
from glcic_backend.detail.lines import Line, Path, crosses
from glcic_backend.detail.options import DetailOptions, beside
from glcic_backend.errors import InvalidInputError
from glcic_backend.scene.holes import Hole
from glcic_backend.scene.photograph import Photograph
from glcic_backend.scene.rectangles import grown, slices
from glcic_backend.scene.scene import Scene
from glcic_backend.wire.geometry import Rectangle

_MARGIN = 80
"""Pixels round a hole in which straight edges are looked for."""

_MOST_PIXELS, _MOST_SIDE = 2_000_000, 32_000
"""In a larger surrounding they are not: it would take longer than a cancel may, and OpenCV has a limit."""


def hole_lines(
    photograph: Photograph, holes: Sequence[Hole], options: DetailOptions, check: Callable[[], None]
) -> list[list[Line]]:
    """By hole, the lines that go on through it, in the photograph's pixels.

    Args:
        check: called several times a second; may raise.

    Raises:
        InvalidInputError: a drawn line leads into no hole, or is too long.
    """
    result = []
    for hole, drawn in zip(holes, _drawn(photograph, holes, options, check), strict=True):
        check()
        result.append(_lines(photograph, hole, options, drawn, check))
    return result


def _drawn(
    photograph: Photograph, holes: Sequence[Hole], options: DetailOptions, check: Callable[[], None]
) -> list[list[Line]]:
    """By hole, the lines that were drawn across it, in the photograph's pixels."""
    result: list[list[Line]] = [[] for _ in holes]
    leads_nowhere = dict(enumerate(options.lines, 1))
    for hole, lines in zip(holes, result, strict=True):
        box = _surroundings(photograph, hole, options)
        near = [number for number, corners in enumerate(options.lines, 1) if _is_near(corners, hole.box)]
        scene = _seen(photograph, hole, box) if near else None
        for number in near:
            check()
            assert scene is not None
            found = drawn_lines(scene, options.lines[number - 1] - (box.x, box.y))
            lines += [line.seen_from(-box.x, -box.y) for line in found]
            if found:
                leads_nowhere.pop(number, None)
    for number in leads_nowhere:
        raise InvalidInputError(
            f"Line {number} leads into no hole from what is known and may be looked at. Begin it 10 pixels or more "
            "before the hole, and end it as far beyond."
        )
    return result


def _is_near(corners: Path, box: Rectangle) -> bool:
    """Whether a line may lead through a box."""
    low, high = corners.min(axis=0), corners.max(axis=0)
    return bool((high >= (box.x, box.y)).all() and (low <= (box.right, box.bottom)).all())


def _lines(
    photograph: Photograph, hole: Hole, options: DetailOptions, drawn: list[Line], check: Callable[[], None]
) -> list[Line]:
    """The lines that a hole interrupts, in the photograph's pixels: those of the whole hole, also where it has pieces.

    Those that were drawn, and before them no other that crosses them or goes on from where they do. Of the others only
    those in what may be copied from: who wants the texture from above and below wants no line from the sides.
    """
    box = _surroundings(photograph, hole, options)
    if box.width * box.height > _MOST_PIXELS or max(box.width, box.height) > _MOST_SIDE:
        return drawn
    scene = _seen(photograph, hole, box)
    place = hole.box._replace(x=hole.box.x - box.x, y=hole.box.y - box.y)
    known = scene.known & beside(place, scene.known.shape, options.sample_from)
    if photograph.sources is not None:
        known &= photograph.sources[slices(box)]
    found = [line.seen_from(-box.x, -box.y) for line in interrupted_lines(replace(scene, known=known), check)]
    return [*drawn, *(line for line in found if not any(goes_on_as(line, one) or crosses(line, one) for one in drawn))]


def _surroundings(photograph: Photograph, hole: Hole, options: DetailOptions) -> Rectangle:
    """Where lines are looked for."""
    margin = min(options.distance, _MARGIN) if options.distance else _MARGIN
    return grown(hole.box, margin, photograph.width, photograph.height, 1)


def _seen(photograph: Photograph, hole: Hole, box: Rectangle) -> Scene:
    """A hole and what is known of its surroundings."""
    masked = np.zeros((box.height, box.width), np.bool_)
    masked[slices(hole.box._replace(x=hole.box.x - box.x, y=hole.box.y - box.y))] = hole.mask
    return Scene(photograph.rgb(box), photograph.known[slices(box)] & ~masked, masked)
