"""Blended fills in; fills of the photograph's own texture out, hole by hole, with bounded memory."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from glcic_backend.detail import FAITHFUL, FREE, Task, transfer_texture
from glcic_backend.detail.drawn_lines import drawn_lines, goes_on_as
from glcic_backend.detail.line_pairs import interrupted_lines
from glcic_backend.detail.lines import Line, Path, crosses, paint
from glcic_backend.detail.pyramid import PATCH
from glcic_backend.detail.window import detail_levels, detail_window
from glcic_backend.errors import CancelledError, InvalidInputError
from glcic_backend.network.level import network_level
from glcic_backend.scene.fill import Fill, paste
from glcic_backend.scene.holes import Hole, pieces
from glcic_backend.scene.photograph import Photograph
from glcic_backend.scene.rectangles import grown, slices
from glcic_backend.scene.scene import Scene
from glcic_backend.wire.geometry import Rectangle

_NETWORK_BLUR = 10.0
"""How blurred the network paints at its own scale: sigma of a Gaussian, pixels (docs/workshop/detail-transfer.md)."""

_FAITHFUL_SHARE = 5 / 6
"""Share of the thickness that the network fills at full size up to which its completion is followed: what it paints in
the largest of these holes is a mean of what could be there, too (docs/workshop/detail-transfer.md)."""

_LINE_MARGIN = 80
"""Pixels round a hole in which straight edges are looked for."""

_MOST_PIXELS, _MOST_SIDE = 2_000_000, 32_000
"""In a larger surrounding they are not: it would take longer than a cancel may, and OpenCV has a limit."""

_SAMPLED = 4


@dataclass(frozen=True)
class DetailOptions:
    """Attributes:
    context: one of `wire.messages.CONTEXTS`.
    seed: of the random numbers.
    largest: thickness up to which the network fills holes at full size, pixels.
    sample_from: one of `wire.messages.SIDES`.
    distance: how far from a hole texture may come from, pixels; 0 leaves it to `context`.
    lines: that were drawn to be continued.
    """

    context: str
    seed: int
    largest: int
    sample_from: str = "automatic"
    distance: int = 0
    lines: Sequence[Path] = ()

    @property
    def is_restricted(self) -> bool:
        """Whether it says where texture or a line comes from."""
        from_anywhere = self.context == "automatic" and self.sample_from == "automatic" and self.distance == 0
        return not from_anywhere or len(self.lines) > 0


def add_details(
    photograph: Photograph,
    holes: Sequence[Hole],
    fills: Sequence[Fill],
    options: DetailOptions,
    progress: Callable[[float], None],
    cancelled: Callable[[], bool] | None,
    *,
    are_many: bool = False,
) -> list[Fill]:
    """Fill holes with texture of the photograph.

    Args:
        fills: the blended completions of all the holes.
        progress: told the finished share, 0..1.
        cancelled: polled several times a second.
        are_many: each hole is many small ones, which no line and no piece of the photograph passes through together.

    Returns:
        What replaces `fills`, and after it `fills`, for the pixels that details were found for, and for the others.

    Raises:
        CancelledError: `cancelled` returned True.
        InvalidInputError: where texture may come from is restricted, and too little is left; or a drawn line leads
            into no hole, or is too long.
    """

    def check() -> None:
        if cancelled is not None and cancelled():
            raise CancelledError("The completion was cancelled before details were transferred.")

    drawn = dict(zip(map(id, holes), _drawn(photograph, holes, options, check), strict=True))
    parts = [(hole, part) for hole in holes for part in pieces(hole)]
    work = np.cumsum([0.0] + [float(np.count_nonzero(part.mask)) for _, part in parts])
    work /= work[-1]
    detailed: list[Fill] = []
    previous: list[Fill] = []
    lines: list[Line] = []
    for number, (hole, part) in enumerate(parts):
        if number == 0 or parts[number - 1][0] is not hole:
            previous = []
            check()
            lines = [] if are_many else _lines(photograph, hole, options, drawn[id(hole)])
        window = detail_window(
            photograph.width, photograph.height, part.box, part.thickness, options.context, options.distance
        )
        check()
        scene = _scene(photograph, part, window, fills, previous, options.sample_from, check)
        check()
        seen = [line.seen_from(window.x, window.y) for line in lines]
        paint(seen, scene.picture, scene.hole)
        halvings = network_level(hole.thickness, options.largest)
        recipe = FAITHFUL if hole.thickness <= _FAITHFUL_SHARE * options.largest else FREE
        begin, end = float(work[number]), float(work[number + 1])
        blur = _NETWORK_BLUR * 2**halvings
        filled = transfer_texture(
            Task(scene, detail_levels(part.thickness), blur, recipe, options.seed, seen, are_many),
            lambda share, begin=begin, end=end: progress(begin + share * (end - begin)),  # type: ignore[misc]
            cancelled,
        )
        if filled:
            place = slices(part.box._replace(x=part.box.x - window.x, y=part.box.y - window.y))
            previous.append(Fill(part.box, part.mask, scene.picture[place].copy()))
            detailed.append(previous[-1])
        elif scene.sources is not None:
            raise InvalidInputError(
                f"Of where texture may be copied from, {np.count_nonzero(scene.sources)} pixels lie near the hole at "
                f"{part.box.x}, {part.box.y}, which are too few. Allow more of the picture, or a larger distance."
            )
        progress(end)
    return [*detailed, *fills]


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


def _lines(photograph: Photograph, hole: Hole, options: DetailOptions, drawn: list[Line]) -> list[Line]:
    """The lines that a hole interrupts, in the photograph's pixels: those of the whole hole, also where it has pieces.

    Those that were drawn, and before them no other that crosses them or goes on from where they do. Of the others only
    those in what may be copied from: who wants the texture from above and below wants no line from the sides.
    """
    box = _surroundings(photograph, hole, options)
    if box.width * box.height > _MOST_PIXELS or max(box.width, box.height) > _MOST_SIDE:
        return drawn
    scene = _seen(photograph, hole, box)
    place = hole.box._replace(x=hole.box.x - box.x, y=hole.box.y - box.y)
    known = scene.known & _beside(place, scene.known.shape, options.sample_from)
    if photograph.sources is not None:
        known &= photograph.sources[slices(box)]
    found = [line.seen_from(-box.x, -box.y) for line in interrupted_lines(replace(scene, known=known))]
    return [*drawn, *(line for line in found if not any(goes_on_as(line, one) or crosses(line, one) for one in drawn))]


def _surroundings(photograph: Photograph, hole: Hole, options: DetailOptions) -> Rectangle:
    """Where lines are looked for."""
    margin = min(options.distance, _LINE_MARGIN) if options.distance else _LINE_MARGIN
    return grown(hole.box, margin, photograph.width, photograph.height, 1)


def _seen(photograph: Photograph, hole: Hole, box: Rectangle) -> Scene:
    """A hole and what is known of its surroundings."""
    masked = np.zeros((box.height, box.width), np.bool_)
    masked[slices(hole.box._replace(x=hole.box.x - box.x, y=hole.box.y - box.y))] = hole.mask
    return Scene(photograph.rgb(box), photograph.known[slices(box)] & ~masked, masked)


def _scene(
    photograph: Photograph,
    part: Hole,
    window: Rectangle,
    fills: Sequence[Fill],
    previous: Sequence[Fill],
    sample_from: str,
    check: Callable[[], None],
) -> Scene:
    """A piece of a hole and its surroundings; the pieces before it count as known, so that it continues them."""
    picture = photograph.rgb(window)
    check()
    known = photograph.known[slices(window)].copy()
    # What stands where nothing is known matters little: a few pixels tell.
    sample = picture[::_SAMPLED, ::_SAMPLED][known[::_SAMPLED, ::_SAMPLED]]
    picture[~known] = sample.mean(axis=0) if len(sample) else 0
    check()
    paste(fills, window, picture)
    check()
    paste(previous, window, picture, known)
    hole = np.zeros(known.shape, np.bool_)
    place = part.box._replace(x=part.box.x - window.x, y=part.box.y - window.y)
    hole[slices(place)] = part.mask
    sources = None
    if photograph.sources is not None or sample_from != "automatic":
        sources = known & _beside(place, known.shape, sample_from)
        if photograph.sources is not None:
            sources &= photograph.sources[slices(window)]
        paste(previous, window, picture, sources)
    return Scene(picture, known, hole, sources)


def _beside(box: Rectangle, shape: tuple[int, ...], sample_from: str) -> NDArray[np.bool_]:
    """Pixels on some sides of a box, bool of a shape: as high as it, or as wide, and a patch more."""
    band = np.zeros(shape, np.bool_)
    if sample_from == "sides":
        band[max(0, box.y - PATCH) : box.bottom + PATCH] = True
    elif sample_from == "above-and-below":
        band[:, max(0, box.x - PATCH) : box.right + PATCH] = True
    else:
        band[:] = True
    return band
