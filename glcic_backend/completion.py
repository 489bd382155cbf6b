"""The network's completion of each hole, at the scale at which it can fill it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from glcic_backend import pixels
from glcic_backend.errors import CancelledError
from glcic_backend.exact_region import complete_region
from glcic_backend.fill import Fill, paste, slices
from glcic_backend.holes import plan_regions
from glcic_backend.memory import in_pieces
from glcic_backend.model_file import ModelInfo
from glcic_backend.network import CompletionNetwork
from glcic_backend.pixels import Samples
from glcic_backend.region import region_cost
from glcic_backend.scale import Hole, network_level
from glcic_backend.wire.geometry import Rectangle

_STRIP_PIXELS = 1 << 22
_MARGIN = 2
"""Pixels of the small copy that enlarging reads beyond a hole."""


@dataclass(frozen=True)
class Photograph:
    """An image and what is known of it.

    Attributes:
        image: see `glcic_backend.pixels`.
        known: bool [H, W], pixels that may be used as context.
        linear: the image's values are linear light.
    """

    image: Samples
    known: NDArray[np.bool_]
    linear: bool

    @property
    def width(self) -> int:
        return int(self.known.shape[1])

    @property
    def height(self) -> int:
        return int(self.known.shape[0])

    def rgb(self, part: Rectangle) -> NDArray[np.float32]:
        """A part of it as float32 [h, w, 3], RGB, perceptual."""
        return pixels.to_perceptual_rgb(self.image[slices(part)], self.linear)


class SmallCopy:
    """A photograph made 2^level times smaller, of which only what is asked for is computed.

    Its pixels are the means of the known ones of 2^level x 2^level; one counts as known if half of those are.
    """

    def __init__(self, photograph: Photograph, level: int, cancelled: Callable[[], bool] | None = None) -> None:
        self._photograph, self._step, self._cancelled = photograph, 1 << level, cancelled
        self._last: tuple[Rectangle, tuple[NDArray[np.float32], NDArray[np.bool_]]] | None = None
        self.width = -(-photograph.width // self._step)
        self.height = -(-photograph.height // self._step)

    def read(self, part: Rectangle) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Colour, float32 [h, w, 3], 0..1, void where not known, and what is known, bool [h, w]."""
        if self._step == 1:
            return np.clip(self._photograph.rgb(part), 0, 1), self._photograph.known[slices(part)]
        if self._last is not None and self._last[0] == part:
            return self._last[1]
        rows = max(1, _STRIP_PIXELS // (self._step**2 * part.width))
        strips = [
            self._strip(part._replace(y=y, height=min(rows, part.bottom - y))) for y in range(part.y, part.bottom, rows)
        ]
        joined = np.concatenate([colour for colour, _ in strips]), np.concatenate([known for _, known in strips])
        # Colour and mask of the same part are asked for one after the other.
        self._last = part, joined
        return joined

    def _strip(self, part: Rectangle) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        if self._cancelled is not None and self._cancelled():
            raise CancelledError("The completion was cancelled while the photograph was made smaller.")
        step, photograph = self._step, self._photograph
        right, bottom = min(part.right * step, photograph.width), min(part.bottom * step, photograph.height)
        fine = Rectangle(part.x * step, part.y * step, right - part.x * step, bottom - part.y * step)
        missing = ((0, part.height * step - fine.height), (0, part.width * step - fine.width))
        known = photograph.known[slices(fine)].astype(np.float32)
        colour = np.clip(photograph.rgb(fine), 0, 1) * known[..., None]
        exists = _block_mean(np.pad(np.ones_like(known), missing), step)
        share = _block_mean(np.pad(known, missing), step)
        total = _block_mean(np.pad(colour, (*missing, (0, 0))), step)
        mean = np.divide(total, np.maximum(share, 1e-9)[..., None], dtype=np.float32)
        return mean, share >= exists / 2

    def mask(self, holes: list[Hole]) -> NDArray[np.bool_]:
        """Its pixels that hold one of some holes and are not known, bool [height, width]."""
        result = np.zeros((self.height, self.width), np.bool_)
        for hole in holes:
            box = self.cover(hole.box, 0)
            fine = np.zeros((box.height * self._step, box.width * self._step), np.bool_)
            x, y = hole.box.x - box.x * self._step, hole.box.y - box.y * self._step
            fine[y : y + hole.box.height, x : x + hole.box.width] = hole.mask
            small = fine.reshape(box.height, self._step, box.width, self._step).any(axis=(1, 3))
            result[slices(box)] |= small & ~self.read(box)[1]
        return result

    def cover(self, box: Rectangle, margin: int) -> Rectangle:
        """Its rectangle that covers one of the photograph, with a margin where there is one."""
        x, y = max(0, box.x // self._step - margin), max(0, box.y // self._step - margin)
        right = min(self.width, -(-box.right // self._step) + margin)
        bottom = min(self.height, -(-box.bottom // self._step) + margin)
        return Rectangle(x, y, right - x, bottom - y)

    def enlarge(self, colour: NDArray[np.float32], part: Rectangle, box: Rectangle) -> NDArray[np.float32]:
        """A rectangle of the photograph, smoothly from a part of the small copy that covers it with a margin."""
        step = self._step
        size = part.width * step, part.height * step
        large = cv2.resize(colour, size, interpolation=cv2.INTER_CUBIC)
        place = Rectangle(box.x - part.x * step, box.y - part.y * step, box.width, box.height)
        return np.clip(large[slices(place)], 0, 1)


class Completer:
    """Runs one network."""

    def __init__(self, network: CompletionNetwork, info: ModelInfo, device: torch.device) -> None:
        self._network, self._info, self._device = network, info, device

    def complete(
        self,
        photograph: Photograph,
        holes: list[Hole],
        progress: Callable[[float], None],
        cancelled: Callable[[], bool] | None,
    ) -> list[Fill]:
        """Complete holes, each at its level.

        Args:
            holes: each is completed at the scale that suits its thickness.
            progress: told the finished share, 0..1.
            cancelled: polled before each layer.

        Returns:
            Fills that together fill the holes. One hole may be cut into several.

        Raises:
            CancelledError: `cancelled` returned True.
        """
        by_level: dict[int, list[Hole]] = {}
        for hole in holes:
            by_level.setdefault(network_level(hole.thickness, self._info.hole_range[1]), []).append(hole)
        jobs = []
        for level, members in sorted(by_level.items()):
            copy = SmallCopy(photograph, level, cancelled)
            mask = copy.mask(members)
            regions = plan_regions(mask)
            jobs.append((level, copy, mask, regions, region_cost(regions, copy.width, copy.height)))
        total = float(sum(cost.sum() for *_, cost in jobs)) or 1.0
        done = 0.0
        fills: list[Fill] = []
        for level, copy, mask, regions, costs in jobs:
            completed = []
            for region, cost in zip(regions, (costs / total).tolist(), strict=True):

                def report(share: float, done: float = done, cost: float = cost) -> None:
                    progress(done + share * cost)

                run = partial(self._run, copy, progress=report, cancelled=cancelled)
                colour = in_pieces(run, region, self._device)
                completed.append(Fill(region, mask[slices(region)], colour))
                done += cost
            fills += completed if level == 0 else [_enlarged(copy, completed, hole) for hole in by_level[level]]
        progress(1.0)
        return fills

    def _run(
        self,
        copy: SmallCopy,
        region: Rectangle,
        progress: Callable[[float], None],
        cancelled: Callable[[], bool] | None,
    ) -> NDArray[np.float32]:
        def read_image(part: Rectangle) -> Tensor:
            return torch.from_numpy(copy.read(part)[0]).permute(2, 0, 1)[None].to(self._device)

        def read_hole(part: Rectangle) -> Tensor:
            # Transparent pixels are unknown to the network as well.
            return torch.from_numpy(~copy.read(part)[1])[None, None].to(self._device, torch.float32)

        size = copy.width, copy.height
        completion = complete_region(
            self._network, read_image, read_hole, self._info.mean_pixel, size, region, progress, cancelled
        )
        return completion.permute(1, 2, 0).cpu().numpy()


def _enlarged(copy: SmallCopy, completed: list[Fill], hole: Hole) -> Fill:
    part = copy.cover(hole.box, _MARGIN)
    colour = copy.read(part)[0].copy()
    paste(completed, part, colour)
    return Fill(hole.box, hole.mask, copy.enlarge(colour, part, hole.box))


def _block_mean(values: NDArray[np.float32], step: int) -> NDArray[np.float32]:
    height, width = values.shape[0] // step, values.shape[1] // step
    return np.asarray(cv2.resize(values, (width, height), interpolation=cv2.INTER_AREA), np.float32)
