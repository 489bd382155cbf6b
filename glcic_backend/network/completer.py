"""A photograph and its holes in; the network's fills out, each at the scale that the network can fill."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from glcic_backend.errors import CancelledError
from glcic_backend.network.completion_network import CompletionNetwork
from glcic_backend.network.edges import MirroredCopy, ReachedEdges
from glcic_backend.network.exact_region import complete_region
from glcic_backend.network.level import hole_levels, network_window, rough_level
from glcic_backend.network.memory import in_pieces
from glcic_backend.network.region import region_cost
from glcic_backend.network.region_plan import plan_regions
from glcic_backend.scene.fill import Fill, FillIndex, paste
from glcic_backend.scene.holes import Hole
from glcic_backend.scene.photograph import Photograph
from glcic_backend.scene.rectangles import grown, slices
from glcic_backend.scene.small_copy import SmallCopy
from glcic_backend.scene.strands import strand_pieces
from glcic_backend.wire.geometry import Rectangle

_MARGIN = 2
"""Pixels of the small copy that enlarging reads beyond a hole."""


class Completer:
    """Runs one network.

    Args:
        mean_pixel: RGB, 0..1, of the photographs that it was trained on.
        largest: thickness in pixels up to which it fills holes at full size.
        device: where it is.
    """

    def __init__(
        self, network: CompletionNetwork, mean_pixel: Sequence[float], largest: int, device: torch.device
    ) -> None:
        self._network, self._mean_pixel, self._largest, self._device = network, mean_pixel, largest, device

    def complete(
        self,
        photograph: Photograph,
        holes: list[Hole],
        progress: Callable[[float], None],
        cancelled: Callable[[], bool] | None,
        *,
        roughly: bool = False,
    ) -> list[Fill]:
        """Complete holes, each at its level.

        Args:
            holes: each is completed at the scale that suits its thickness.
            progress: told the finished share, 0..1.
            cancelled: polled before each layer.
            roughly: details will be found, so what these only begin with is completed at its `rough_level`.

        Returns:
            Fills that together fill the holes. One hole may be cut into several.

        Raises:
            CancelledError: `cancelled` returned True.
        """
        jobs = []

        def check() -> None:
            if cancelled is not None and cancelled():
                raise CancelledError("The completion was cancelled while its regions were planned.")

        for window, level, members in _planned(photograph, holes, self._largest, roughly):
            copy = SmallCopy(photograph.part(window), level, cancelled)
            mask = copy.mask(members)
            regions = plan_regions(mask, check=check)
            costs = region_cost(regions, copy.width, copy.height)
            jobs.append((window, level, members, copy, mask, regions, costs))
        total = float(sum(costs.sum() for *_, costs in jobs)) or 1.0
        done = 0.0
        fills: list[Fill] = []
        for window, level, members, copy, mask, regions, costs in jobs:
            completed = []
            reached = ReachedEdges([copy.cover(hole.box, 0) for hole in members], copy.width, copy.height)
            for region, cost in zip(regions, (costs / total).tolist(), strict=True):

                def report(share: float, done: float = done, cost: float = cost) -> None:
                    progress(done + share * cost)

                seen = MirroredCopy(copy, reached.of(region))
                run = partial(self._run, seen, progress=report, cancelled=cancelled)
                colour = in_pieces(run, region, self._device)
                completed.append(Fill(region, mask[slices(region)], colour))
                done += cost
            if level > 0:
                index = FillIndex(completed)
                completed = [_enlarged(copy, index, hole, check) for hole in members]
            fills += [fill.moved(window.x, window.y) for fill in completed]
        progress(1.0)
        return fills

    def _run(
        self,
        copy: MirroredCopy,
        region: Rectangle,
        progress: Callable[[float], None],
        cancelled: Callable[[], bool] | None,
    ) -> NDArray[np.float32]:
        def read_image(part: Rectangle) -> Tensor:
            return torch.from_numpy(copy.read(part)[0]).permute(2, 0, 1)[None].to(self._device)

        def read_hole(part: Rectangle) -> Tensor:
            # Transparent pixels are unknown to the network as well.
            return torch.from_numpy(~copy.read(part)[1])[None, None].to(self._device, torch.float32)

        size, place = (copy.width, copy.height), copy.place(region)
        completion = complete_region(
            self._network, read_image, read_hole, self._mean_pixel, size, place, progress, cancelled
        )
        return completion.permute(1, 2, 0).cpu().numpy()


def _planned(
    photograph: Photograph, holes: Sequence[Hole], largest: int, roughly: bool
) -> Iterator[tuple[Rectangle, int, list[Hole]]]:
    """Windows of the photograph, levels, and the holes in the window that are completed there, at that level.

    What is completed more roughly than it could be is shown no more of the photograph than it would be otherwise: that
    is all that whoever completes a crop has, and at a coarser level there would be more.
    """
    whole = Rectangle(0, 0, photograph.width, photograph.height)
    by_level: dict[int, list[Hole]] = {}
    for hole, level in zip(holes, hole_levels(holes, largest), strict=True):
        if roughly and level < rough_level(hole.thickness, largest):
            window = network_window(photograph.width, photograph.height, hole.box, level)
            window = grown(window, 0, photograph.width, photograph.height)
            yield window, level + 1, [hole.moved(-window.x, -window.y)]
            continue
        # A long hole's box is cut into smaller ones, which have fewer pixels to be made smaller and larger.
        pieces = list(chain(*strand_pieces(hole))) if level > 0 else []
        by_level.setdefault(level, []).extend(pieces or [hole])
    for level, members in sorted(by_level.items()):
        yield whole, level, members


def _enlarged(copy: SmallCopy, completed: FillIndex, hole: Hole, check: Callable[[], None]) -> Fill:
    check()
    part = copy.cover(hole.box, _MARGIN)
    colour = copy.read(part)[0].copy()
    paste(completed.within(part), part, colour)
    return Fill(hole.box, hole.mask, copy.enlarge(colour, part, hole.box))
