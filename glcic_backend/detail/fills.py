"""Blended fills in; fills of the photograph's own texture out, hole by hole, with bounded memory."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from glcic_backend.detail import FAITHFUL, FREE, Task, transfer_texture
from glcic_backend.detail.window import detail_levels, detail_window
from glcic_backend.errors import CancelledError
from glcic_backend.network.level import network_level
from glcic_backend.scene.fill import Fill, paste
from glcic_backend.scene.holes import Hole, pieces
from glcic_backend.scene.photograph import Photograph
from glcic_backend.scene.rectangles import slices
from glcic_backend.scene.scene import Scene
from glcic_backend.wire.geometry import Rectangle

_NETWORK_BLUR = 10.0
"""How blurred the network paints at its own scale: sigma of a Gaussian, pixels (docs/workshop/detail-transfer.md)."""

_FAITHFUL_SHARE = 5 / 6
"""Share of the thickness that the network fills at full size up to which its completion is followed: what it paints in
the largest of these holes is a mean of what could be there, too (docs/workshop/detail-transfer.md)."""

_SAMPLED = 4


@dataclass(frozen=True)
class DetailOptions:
    """Attributes:
    context: one of `wire.messages.CONTEXTS`.
    seed: of the random numbers.
    largest: thickness up to which the network fills holes at full size, pixels.
    """

    context: str
    seed: int
    largest: int


def add_details(
    photograph: Photograph,
    holes: Sequence[Hole],
    fills: Sequence[Fill],
    options: DetailOptions,
    progress: Callable[[float], None],
    cancelled: Callable[[], bool] | None,
) -> list[Fill]:
    """Fill holes with texture of the photograph.

    Args:
        fills: the blended completions of all the holes.
        progress: told the finished share, 0..1.
        cancelled: polled several times a second.

    Returns:
        What replaces `fills`, and after it `fills`, for the pixels that details were found for, and for the others.

    Raises:
        CancelledError: `cancelled` returned True.
    """
    parts = [(hole, part) for hole in holes for part in pieces(hole)]
    work = np.cumsum([0.0] + [float(np.count_nonzero(part.mask)) for _, part in parts])
    work /= work[-1]
    detailed: list[Fill] = []
    previous: list[Fill] = []
    for number, (hole, part) in enumerate(parts):
        if number and parts[number - 1][0] is not hole:
            previous = []
        window = detail_window(photograph.width, photograph.height, part.box, part.thickness, options.context)
        if cancelled is not None and cancelled():
            raise CancelledError("The completion was cancelled before details were transferred.")
        scene = _scene(photograph, part, window, fills, previous)
        halvings = network_level(hole.thickness, options.largest)
        recipe = FAITHFUL if hole.thickness <= _FAITHFUL_SHARE * options.largest else FREE
        begin, end = float(work[number]), float(work[number + 1])
        filled = transfer_texture(
            Task(scene, detail_levels(part.thickness), _NETWORK_BLUR * 2**halvings, recipe, options.seed),
            lambda share, begin=begin, end=end: progress(begin + share * (end - begin)),  # type: ignore[misc]
            cancelled,
        )
        if filled:
            place = slices(part.box._replace(x=part.box.x - window.x, y=part.box.y - window.y))
            previous.append(Fill(part.box, part.mask, scene.picture[place].copy()))
            detailed.append(previous[-1])
        progress(end)
    return [*detailed, *fills]


def _scene(
    photograph: Photograph, part: Hole, window: Rectangle, fills: Sequence[Fill], previous: Sequence[Fill]
) -> Scene:
    """A piece of a hole and its surroundings; the pieces before it count as known, so that it continues them."""
    picture = photograph.rgb(window)
    known = photograph.known[slices(window)].copy()
    # What stands where nothing is known matters little: a few pixels tell.
    sample = picture[::_SAMPLED, ::_SAMPLED][known[::_SAMPLED, ::_SAMPLED]]
    picture[~known] = sample.mean(axis=0) if len(sample) else 0
    paste(fills, window, picture)
    paste(previous, window, picture, known)
    hole = np.zeros(known.shape, np.bool_)
    hole[slices(part.box._replace(x=part.box.x - window.x, y=part.box.y - window.y))] = part.mask
    return Scene(picture, known, hole)
