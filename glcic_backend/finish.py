"""What the network painted in, finished fills out: stage by stage, the specks on sheets and the other holes in place.

Of fills for the same pixel, the first has the last word.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

import numpy as np
import torch

from glcic_backend.blending.calm_rims import continue_calm_rims
from glcic_backend.blending.colourless import without_colour
from glcic_backend.blending.fills import blend_fills
from glcic_backend.blending.grain import add_grain
from glcic_backend.compiled import meanwhile, side_by_side
from glcic_backend.detail.fills import add_details
from glcic_backend.detail.hole_lines import hole_lines
from glcic_backend.detail.lines import Line
from glcic_backend.detail.options import DetailOptions
from glcic_backend.errors import CancelledError
from glcic_backend.network.memory import is_out_of_memory
from glcic_backend.scene.fill import Fill
from glcic_backend.scene.holes import Hole
from glcic_backend.scene.photograph import Photograph
from glcic_backend.scene.pixels import to_perceptual_rgb
from glcic_backend.scene.rectangles import slices
from glcic_backend.scene.sheets import Part, batches, in_place
from glcic_backend.wire.geometry import Rectangle

Progress = Callable[[float], None]
"""Told the finished share, 0..1."""

Cancelled = Callable[[], bool] | None
"""Polled several times a second; True ends the stage by CancelledError."""

_BLEND_AROUND, _DETAIL_AROUND = 16, 24
"""Pixels round a speck that its blending looks at, and those that give it texture; for grain it is `AROUND`."""


def _in_parts(
    steps: Iterable[Sequence[Callable[[], Part]]],
    finish: Callable[[Part, Progress, Cancelled], Sequence[Fill]],
    progress: Progress,
    cancelled: Cancelled,
) -> list[Fill]:
    """The fills of all parts, which threads share where there are several.

    Args:
        finish: gives the finished fills of a part.
    """
    result: list[Fill] = []
    for batch in steps:

        def run(make: Callable[[], Part], is_mine: bool, poll: Callable[[], bool]) -> list[Fill]:
            part = make()
            # Whoever is told of the progress is told by one thread.
            return part.spread(finish(part, part.scaled(progress) if is_mine else _untold, poll))

        tasks = [partial(run, make) for make in batch]
        for fills in side_by_side(tasks, torch.get_num_threads(), cancelled or _never):
            result += fills
    progress(1.0)
    return result


def _untold(_share: float) -> None:
    """Progress of which nobody is told."""


def _never() -> bool:
    return False


def blended(
    photograph: Photograph, holes: list[Hole], fills: list[Fill], progress: Progress, cancelled: Cancelled
) -> list[Fill]:
    """Completions as they fit into their surroundings.

    Those in black and white lose their colour, calm rims are continued, then the colours are fitted.
    """

    def finish(part: Part, progress: Progress, cancelled: Cancelled) -> list[Fill]:
        def check() -> None:
            if cancelled is not None and cancelled():
                raise CancelledError("The completion was cancelled before it was blended.")

        grey = without_colour(part.photograph, part.fills, check)
        fitted = continue_calm_rims(part.photograph, part.holes, grey, cancelled)
        blend_fills(part.photograph, fitted, progress, cancelled)
        return fitted

    progress(0.0)
    return _in_parts(batches(photograph, holes, fills, _BLEND_AROUND), finish, progress, cancelled)


def grained(
    photograph: Photograph, holes: list[Hole], fills: list[Fill], seed: int, cancelled: Cancelled
) -> list[Fill]:
    """Blended completions with the grain of their surroundings."""

    def finish(part: Part, _progress: Progress, cancelled: Cancelled) -> list[Fill]:
        def check() -> None:
            if cancelled is not None and cancelled():
                raise CancelledError("The completion was cancelled while it was given grain.")

        add_grain(part.photograph, part.fills, seed, check)
        return part.fills

    return _in_parts(batches(photograph, holes, fills), finish, _untold, cancelled)


Lines = Callable[[], Sequence[tuple[Hole, list[Line]]]]
"""Gives the holes that are not finished on sheets, and the lines that go on through each."""


@contextlib.contextmanager
def lines_meanwhile(
    photograph: Photograph, holes: list[Hole], options: DetailOptions, cancelled: Cancelled
) -> Iterator[Lines]:
    """Find lines by another thread, while the holes are completed and blended. What waits for them is given.

    No line passes through many small holes together.
    """

    def find(poll: Callable[[], bool]) -> list[tuple[Hole, list[Line]]]:
        def check() -> None:
            if poll():
                raise CancelledError("The completion was cancelled while lines were looked for.")

        staying = in_place(holes, on_sheets=_on_sheets(photograph, options))
        return list(zip(staying, hole_lines(photograph, staying, options, check), strict=True))

    with meanwhile(find, torch.get_num_threads(), cancelled or _never) as found:

        def lines() -> list[tuple[Hole, list[Line]]]:
            try:
                return found()
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
            # It did not suffice beside the network, which has given its own back by now.
            return find(cancelled or _never)

        yield lines


def detailed(
    photograph: Photograph,
    holes: list[Hole],
    fills: list[Fill],
    lines: Lines,
    options: DetailOptions,
    progress: Progress,
    cancelled: Cancelled,
) -> list[Fill]:
    """Blended completions, rebuilt of texture of the photograph.

    Where the user says where texture may come from, no speck leaves the photograph: on a sheet others lie beside it.
    """

    def finish(part: Part, progress: Progress, cancelled: Cancelled) -> list[Fill]:
        through: list[list[Line]] = [[] for _ in part.holes]
        if not part.is_sheet:
            found = {id(hole): of_hole for hole, of_hole in lines()}
            through = [found[id(hole)] for hole in part.holes]
        return add_details(
            part.photograph, part.holes, part.fills, through, options, progress, cancelled, are_many=part.is_sheet
        )

    steps = batches(photograph, holes, fills, _DETAIL_AROUND, on_sheets=_on_sheets(photograph, options))
    return _in_parts(steps, finish, progress, cancelled)


def _on_sheets(photograph: Photograph, options: DetailOptions) -> bool:
    """Whether specks get details on sheets: not where the user says what they are made of."""
    return photograph.sources is None and not options.is_restricted


def keep_in_range(fills: list[Fill], photograph: Photograph, read: Rectangle) -> None:
    """Clip fills of a floating-point picture, in place, to the darkest and the lightest known round them, by channel.

    Whole numbers have a range of their own; floating point has that of its picture.

    Args:
        read: the part of the photograph that the fills are made of.
    """
    stored = photograph.image[slices(read)].reshape(read.height, read.width, -1)
    known = photograph.known[slices(read)][..., None]
    low = stored.min(axis=(0, 1), where=known, initial=np.inf)
    high = stored.max(axis=(0, 1), where=known, initial=-np.inf)
    if (low <= high).all():
        ends = np.asarray(np.stack([low, high]), np.float32)[:, None]
        darkest, lightest = to_perceptual_rgb(ends, photograph.linear)[:, 0]
        for fill in fills:
            fill.colour = np.clip(fill.colour, darkest, lightest)
