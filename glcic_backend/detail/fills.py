"""Blended fills in; fills of the photograph's own texture out, hole by hole, with bounded memory."""

from collections.abc import Callable, Sequence

import numpy as np

from glcic_backend.detail import FAITHFUL, FREE, Task, transfer_texture
from glcic_backend.detail.lines import Line, paint
from glcic_backend.detail.options import DetailOptions, beside
from glcic_backend.detail.window import detail_levels, detail_window
from glcic_backend.errors import CancelledError, InvalidInputError
from glcic_backend.network.level import is_followed, rough_level
from glcic_backend.scene.fill import Fill, paste
from glcic_backend.scene.holes import Hole, pieces
from glcic_backend.scene.photograph import Photograph
from glcic_backend.scene.rectangles import slices
from glcic_backend.scene.scene import Scene
from glcic_backend.wire.geometry import Rectangle

_NETWORK_BLUR = 10.0
"""How blurred the network paints at its own scale: sigma of a Gaussian, pixels (docs/workshop/detail-transfer.md)."""

_SAMPLED = 4


def add_details(
    photograph: Photograph,
    holes: Sequence[Hole],
    fills: Sequence[Fill],
    lines: Sequence[Sequence[Line]],
    options: DetailOptions,
    progress: Callable[[float], None],
    cancelled: Callable[[], bool] | None,
    *,
    are_many: bool = False,
) -> list[Fill]:
    """Fill holes with texture of the photograph.

    Args:
        fills: the blended completions of all the holes.
        lines: that go on through each hole, in the photograph's pixels (`hole_lines.py`).
        progress: told the finished share, 0..1.
        cancelled: polled several times a second.
        are_many: each hole is many small ones, which no line and no piece of the photograph passes through together.

    Returns:
        What replaces `fills`, and after it `fills`, for the pixels that details were found for, and for the others.

    Raises:
        CancelledError: `cancelled` returned True.
        InvalidInputError: where texture may come from is restricted, and too little is left.
    """

    def check() -> None:
        if cancelled is not None and cancelled():
            raise CancelledError("The completion was cancelled before details were transferred.")

    parts = [(hole, of_hole, part) for hole, of_hole in zip(holes, lines, strict=True) for part in pieces(hole)]
    work = np.cumsum([0.0] + [float(np.count_nonzero(part.mask)) for _, _, part in parts])
    work /= work[-1]
    detailed: list[Fill] = []
    previous: list[Fill] = []
    for number, (hole, of_hole, part) in enumerate(parts):
        if number == 0 or parts[number - 1][0] is not hole:
            previous = []
        check()
        window = detail_window(
            photograph.width, photograph.height, part.box, part.thickness, options.context, options.distance
        )
        check()
        scene = _scene(photograph, part, window, fills, previous, options.sample_from, check)
        check()
        seen = [line.seen_from(window.x, window.y) for line in of_hole]
        paint(seen, scene.picture, scene.hole)
        recipe = FAITHFUL if is_followed(hole.thickness, options.largest) else FREE
        begin, end = float(work[number]), float(work[number + 1])
        blur = _NETWORK_BLUR * 2 ** rough_level(hole.thickness, options.largest)
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
        sources = known & beside(place, known.shape, sample_from)
        if photograph.sources is not None:
            sources &= photograph.sources[slices(window)]
        paste(previous, window, picture, sources)
    return Scene(picture, known, hole, sources)
