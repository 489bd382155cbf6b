"""The engine: a photograph and a mask in, the completed photograph out."""

import copy
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.utils.memory_format import convert_conv2d_weight_memory_format

from glcic_backend.blending.calm_rims import continue_calm_rims
from glcic_backend.blending.fills import blend_fills
from glcic_backend.blending.grain import add_grain
from glcic_backend.context import context_rectangle
from glcic_backend.detail.fills import DetailOptions, add_details
from glcic_backend.errors import InvalidInputError
from glcic_backend.model_files.library import resolve_model
from glcic_backend.model_files.model_file import Model, load_model
from glcic_backend.network.completer import Completer
from glcic_backend.network.devices import choose_device
from glcic_backend.network.memory import lack_of_memory_is_told, on_the_first_that_suffices
from glcic_backend.scene import pixels
from glcic_backend.scene.fill import Fill
from glcic_backend.scene.holes import find_holes
from glcic_backend.scene.photograph import Photograph
from glcic_backend.scene.pixels import Samples
from glcic_backend.scene.rectangles import slices
from glcic_backend.threads import HomeProcess
from glcic_backend.wire.geometry import Rectangle
from glcic_backend.wire.messages import CONTEXTS, MAX_SEED, QUALITIES

Progress = Callable[[str, float], None]
"""Told the stage ("plan", "network", "blend", "detail") and its finished share, 0..1."""

Cancelled = Callable[[], bool]
"""Polled often; True stops the completion."""


class Inpainter:
    """Completes the holes of photographs of any size with one model.

    One instance serves one completion at a time.

    Attributes:
        model: the network and its description.
        device: where the network runs; blending and the search for details run on the CPU.
        used: where the network ran in the last completion: `device`, or `cpu` if the memory of that did not suffice.
            Each completion begins on the first one again.
    """

    def __init__(self, model: Model, device: torch.device) -> None:
        self.model = model
        self.device = device
        self.used = str(device)
        self._home = HomeProcess()
        self._devices = list(dict.fromkeys([device, torch.device("cpu")]))
        # On the CPU, convolutions are fastest with the channels innermost.
        network = convert_conv2d_weight_memory_format(model.network.to(device), torch.channels_last)
        self._completer = Completer(network, *self._trained_for, device)

    def _completer_on(self, device: torch.device) -> Completer:
        if device == self.device:
            return self._completer
        return Completer(copy.deepcopy(self.model.network).to(device), *self._trained_for, device)

    @property
    def _trained_for(self) -> tuple[Sequence[float], int]:
        return self.model.info.mean_pixel, self.model.info.hole_range[1]

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
        largest = self.model.info.hole_range[1]
        return context_rectangle(width, height, hole, largest, details=quality == "best", context=context)

    @lack_of_memory_is_told()
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
            blend: blend the completion into its surroundings (section 3.5.1). False gives what the network painted,
                whatever the quality.
            quality: one of `wire.messages.QUALITIES`: "fast" gives the network's completion, enlarged where the hole
                is larger than those the network was trained for; "best" rebuilds it of the photograph's own texture.
            context: one of `wire.messages.CONTEXTS`: how much of the photograph texture may come from.
            seed: 0..2^32-1, of what is left to chance.
            linear: the image's values are linear light, not perceptual.
            progress: told what is going on.
            cancelled: polled several times a second.

        Returns:
            A new array of the same shape and dtype. Outside the holes every sample is that of `image`; in them alpha
            becomes opaque.

        Raises:
            InvalidInputError: the arrays do not fit each other, no pixel is masked, none is left to learn from, an
                option is unknown, or this process was forked from the one that loaded the model.
            CancelledError: `cancelled` returned True.
            OutOfMemoryError: the memory of the device and of the CPU does not suffice.
        """
        self._home.check()
        report = progress or (lambda stage, share: None)
        _check_options(quality, context, seed)
        pixels.check_image(image)
        report("plan", 0.0)
        _check_mask(image, mask)
        masked = mask > 0
        known = ~masked
        if pixels.has_alpha(image):
            known &= image[..., -1] > 0
        _check_context(image, known)
        photograph = Photograph(image, known, linear)
        holes = find_holes(masked)
        report("plan", 1.0)
        fills, device = on_the_first_that_suffices(
            self._devices,
            lambda device: self._completer_on(device).complete(
                photograph, holes, lambda share: report("network", share), cancelled
            ),
        )
        if blend:
            report("blend", 0.0)
            fills = continue_calm_rims(photograph, holes, fills, cancelled)
            blend_fills(photograph, fills, lambda share: report("blend", share), cancelled)
            if quality == "fast":
                add_grain(photograph, fills, seed)
            else:
                options = DetailOptions(context, seed, self.model.info.hole_range[1])
                tell = partial(report, "detail")
                fills = add_details(photograph, holes, fills, options, tell, cancelled)
        self.used = str(device)
        return _composed(photograph, mask, fills)


def _composed(photograph: Photograph, mask: NDArray[np.uint8] | NDArray[np.bool_], fills: list[Fill]) -> Samples:
    """The image with the fills over it, each pixel filled once."""
    result = photograph.image.copy()
    for fill in reversed(fills):  # the first has the last word
        place = slices(fill.region)
        coverage = mask[place].astype(np.float32) / np.float32(255 if mask.dtype == np.uint8 else 1)
        filled = pixels.compose(photograph.image[place], fill.colour, coverage, photograph.linear)
        result[place][fill.where] = filled[fill.where]
    return result


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
