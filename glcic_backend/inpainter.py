"""The engine: a photograph and a mask in, the completed photograph out."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.utils.memory_format import convert_conv2d_weight_memory_format

from glcic_backend import pixels
from glcic_backend.blending import blend as blend_into_surroundings
from glcic_backend.devices import choose_device
from glcic_backend.errors import InvalidInputError
from glcic_backend.exact_region import complete_region
from glcic_backend.holes import plan_regions, union
from glcic_backend.model_file import Model, load_model
from glcic_backend.model_library import resolve_model
from glcic_backend.pixels import Samples
from glcic_backend.region import context_rectangle, region_cost
from glcic_backend.wire.geometry import Rectangle
from glcic_backend.wire.messages import CONTEXTS, MAX_SEED, QUALITIES

Progress = Callable[[str, float], None]
"""Told the stage ("plan", "network", "blend") and its finished share, 0..1."""

Cancelled = Callable[[], bool]
"""Polled often; True stops the completion."""

_BLEND_MARGIN = 4
"""Known pixels round the holes that blending looks at: the radius of the fast march, and one."""

_MAX_BLEND_PIXELS = 2048 * 2048
"""Regions that cut one hole are blended together up to this area; beyond, one after the other."""


@dataclass
class _Fill:
    """Completion of one region: float32 [height, width, 3], RGB, perceptual, meaningful in the holes."""

    region: Rectangle
    colour: NDArray[np.float32]


class Inpainter:
    """Completes the holes of photographs of any size with one model.

    One instance serves one completion at a time.

    Attributes:
        model: the network and its description.
        device: where the network runs; blending runs on the CPU.
    """

    def __init__(self, model: Model, device: torch.device) -> None:
        self.model = model
        self.device = device
        # On the CPU, convolutions are fastest with the channels innermost.
        self._network = convert_conv2d_weight_memory_format(model.network.to(device), torch.channels_last)

    @classmethod
    def load(cls, model: str | Path | None = None, *, device: str = "auto", threads: int | None = None) -> Self:
        """Load a model.

        Args:
            model: the name of an installed model or the path of a safetensors file; None for the default, which is the
                model that ships with the package unless `glcic-backend models use` chose another.
            device: auto, cpu, cuda or mps.
            threads: CPU threads of torch in this process; None leaves torch's own choice.

        Raises:
            ModelFileError: the model file cannot be used.
            InvalidInputError: the device is not there, or `threads` is below 1.
        """
        if threads is not None:
            if threads < 1:
                raise InvalidInputError(f"{threads} threads cannot work. Give 1 or more, or leave --threads out.")
            torch.set_num_threads(threads)
        return cls(load_model(resolve_model(model)), choose_device(device))

    def context(
        self, width: int, height: int, hole: Rectangle, *, quality: str = "best", context: str = "automatic"
    ) -> Rectangle:
        """The part of an image that a completion of holes within a rectangle can read.

        Completing these holes in this crop gives the same as completing them in the whole image.

        Args:
            width, height: of the image, in pixels.
            hole: bounding box of the holes, within the image.
            quality, context: those of the completion.

        Raises:
            InvalidInputError: `quality` or `context` is unknown.
        """
        _check_options(quality, context, 0)
        return context_rectangle(width, height, hole)

    def complete(
        self,
        image: Samples,
        mask: NDArray[np.uint8] | NDArray[np.bool_],
        *,
        blend: bool = True,
        quality: str = "best",
        context: str = "automatic",
        seed: int = 0,
        linear: bool = False,
        progress: Progress | None = None,
        cancelled: Cancelled | None = None,
    ) -> Samples:
        """Complete the holes of an image.

        Args:
            image: uint8, uint16 or float32, [H, W] or [H, W, C] with C = 1 grey, 2 grey + alpha, 3 RGB, 4 RGB + alpha;
                integers span their full range, float32 is 0..1; straight alpha. Fully transparent pixels are not used
                as context.
            mask: bool or uint8 [H, W]. Above 0 a pixel belongs to a hole; 1..254 is its coverage, by which the fill is
                blended with the old pixel.
            blend: blend the completion into its surroundings (section 3.5.1).
            quality: one of `wire.messages.QUALITIES`.
            context: one of `wire.messages.CONTEXTS`.
            seed: 0..2^32-1, of what is left to chance.
            linear: the image's values are linear light, not perceptual.
            progress: told what is going on.
            cancelled: polled several times a second.

        Returns:
            A new array of the same shape and dtype. Outside the holes every sample is that of `image`; in them alpha
            becomes opaque.

        Raises:
            InvalidInputError: the arrays do not fit each other, no pixel is masked, none is left to learn from, or an
                option is unknown.
            CancelledError: `cancelled` returned True.
        """
        report = progress or (lambda stage, share: None)
        _check_options(quality, context, seed)
        pixels.check_image(image)
        report("plan", 0.0)
        _check_mask(image, mask)
        hole = mask > 0
        known = ~hole
        if pixels.has_alpha(image):
            known &= image[..., -1] > 0
        _check_context(image, known)
        regions = plan_regions(hole)
        report("plan", 1.0)
        fills = self._run_network(image, known, linear, regions, report, cancelled)
        if blend:
            _blend_fills(image, hole, known, linear, fills, report, cancelled)
        result = image.copy()
        for fill in fills:
            rows, columns = _slices(fill.region)
            coverage = mask[rows, columns].astype(np.float32) / np.float32(255 if mask.dtype == np.uint8 else 1)
            result[rows, columns] = pixels.compose(image[rows, columns], fill.colour, coverage, linear)
        return result

    def _run_network(
        self,
        image: Samples,
        known: NDArray[np.bool_],
        linear: bool,
        regions: list[Rectangle],
        report: Progress,
        cancelled: Cancelled | None,
    ) -> list[_Fill]:
        height, width = image.shape[:2]

        def read_image(part: Rectangle) -> Tensor:
            rgb = np.clip(pixels.to_perceptual_rgb(image[_slices(part)], linear), 0, 1)
            return torch.from_numpy(rgb).permute(2, 0, 1)[None].to(self.device)

        def read_hole(part: Rectangle) -> Tensor:
            # Transparent pixels are unknown to the network as well.
            return torch.from_numpy(~known[_slices(part)])[None, None].to(self.device, torch.float32)

        costs = region_cost(regions, width, height)
        done = np.concatenate([[0.0], np.cumsum(costs) / costs.sum()])
        fills = []
        for index, region in enumerate(regions):
            begin, end = float(done[index]), float(done[index + 1])
            completion = complete_region(
                self._network,
                read_image,
                read_hole,
                self.model.info.mean_pixel,
                (width, height),
                region,
                lambda share, begin=begin, end=end: report("network", begin + share * (end - begin)),  # type: ignore[misc]
                cancelled,
            )
            fills.append(_Fill(region, completion.permute(1, 2, 0).cpu().numpy()))
        return fills


def _slices(part: Rectangle) -> tuple[slice, slice]:
    return slice(part.y, part.bottom), slice(part.x, part.right)


def _check_options(quality: str, context: str, seed: int) -> None:
    for name, value, known in (("quality", quality, QUALITIES), ("context", context, CONTEXTS)):
        if value not in known:
            raise InvalidInputError(f"The {name} {value!r} is unknown. Choose one of {', '.join(known)}.")
    if not 0 <= seed <= MAX_SEED:
        raise InvalidInputError(f"The seed {seed} is out of range. Choose a whole number from 0 to {MAX_SEED}.")


def _check_mask(image: Samples, mask: NDArray[np.uint8] | NDArray[np.bool_]) -> None:
    if mask.dtype not in (np.uint8, np.bool_) or mask.ndim != 2:
        raise InvalidInputError(f"The mask is {mask.dtype} {mask.shape}; use bool or uint8 [H, W].")
    if mask.shape != image.shape[:2]:
        raise InvalidInputError(
            f"The mask has {mask.shape[1]} x {mask.shape[0]} pixels, the image {image.shape[1]} x {image.shape[0]}. "
            "Draw the mask on the image itself, at the same size."
        )
    if not mask.any():
        raise InvalidInputError("The mask is empty: no pixel is above 0, so there is nothing to fill. Paint it white.")


def _check_context(image: Samples, known: NDArray[np.bool_]) -> None:
    if not known.any():
        raise InvalidInputError(
            f"None of the {known.size} pixels is known: each is masked or fully transparent, so there is nothing to "
            "continue from. Leave some of the image unmasked."
        )
    if image.dtype == np.float32 and not np.isfinite(image).all():
        raise InvalidInputError(
            "The image holds NaN or infinite values. Replace them first: nothing can be computed from them."
        )


def _blend_fills(
    image: Samples,
    hole: NDArray[np.bool_],
    known: NDArray[np.bool_],
    linear: bool,
    fills: list[_Fill],
    report: Progress,
    cancelled: Cancelled | None,
) -> None:
    """Blend the fills into their surroundings (section 3.5.1), in place."""
    report("blend", 0.0)
    height, width = hole.shape
    finished: list[_Fill] = []
    for group in _touching_groups(fills):
        box = group[0].region
        for fill in group[1:]:
            box = union(box, fill.region)
        x, y = max(0, box.x - _BLEND_MARGIN), max(0, box.y - _BLEND_MARGIN)
        right, bottom = min(width, box.right + _BLEND_MARGIN), min(height, box.bottom + _BLEND_MARGIN)
        crop = Rectangle(x, y, right - x, bottom - y)
        surroundings = pixels.to_perceptual_rgb(image[_slices(crop)], linear)
        crop_known = known[_slices(crop)].copy()
        # Where a hole was cut, the part that is finished is what the next one has to meet.
        _paste(finished, hole, crop, surroundings, crop_known)
        completion = surroundings.copy()
        to_fill = np.zeros(crop_known.shape, np.bool_)
        _paste(group, hole, crop, completion, to_fill)
        to_fill &= ~crop_known
        blended = blend_into_surroundings(completion, surroundings, to_fill, crop_known, cancelled)
        for fill in group:
            inner = fill.region._replace(x=fill.region.x - crop.x, y=fill.region.y - crop.y)
            fill.colour = blended[_slices(inner)]
        finished += group
        report("blend", len(finished) / len(fills))


def _paste(
    fills: list[_Fill], hole: NDArray[np.bool_], crop: Rectangle, colour: NDArray[np.float32], where: NDArray[np.bool_]
) -> None:
    """Write the holes' pixels of the fills into a crop, and mark them in `where`."""
    for fill in fills:
        x, y = max(crop.x, fill.region.x), max(crop.y, fill.region.y)
        right, bottom = min(crop.right, fill.region.right), min(crop.bottom, fill.region.bottom)
        if x >= right or y >= bottom:
            continue
        part = Rectangle(x, y, right - x, bottom - y)
        inside = hole[_slices(part)]
        source = fill.colour[_slices(part._replace(x=x - fill.region.x, y=y - fill.region.y))]
        target = _slices(part._replace(x=x - crop.x, y=y - crop.y))
        colour[target][inside] = source[inside]
        where[target] |= inside


def _touching_groups(fills: list[_Fill]) -> list[list[_Fill]]:
    """Group the fills whose regions touch, which may share a hole, as long as a group stays small enough."""
    groups: list[tuple[Rectangle, list[_Fill]]] = []
    for fill in fills:
        box, members = fill.region, [fill]
        for other in list(groups):
            joint = union(box, other[0])
            touches = any(_touch(fill.region, member.region) for member in other[1])
            if touches and joint.width * joint.height <= _MAX_BLEND_PIXELS:
                groups.remove(other)
                box, members = joint, other[1] + members
        groups.append((box, members))
    return [members for _, members in groups]


def _touch(a: Rectangle, b: Rectangle) -> bool:
    return a.x <= b.right and b.x <= a.right and a.y <= b.bottom and b.y <= a.bottom
