"""The engine: a photograph and a mask in, the completed photograph out."""

import copy
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.utils.memory_format import convert_conv2d_weight_memory_format

from glcic_backend.context import context_rectangle
from glcic_backend.detail.options import DetailOptions
from glcic_backend.errors import CancelledError, InvalidInputError
from glcic_backend.finish import blended, detailed, grained, keep_in_range, lines_meanwhile
from glcic_backend.model_files.library import resolve_model
from glcic_backend.model_files.model_file import Model, load_model
from glcic_backend.network.completer import Completer
from glcic_backend.network.devices import choose_device
from glcic_backend.network.memory import lack_of_memory_is_told, on_the_first_that_suffices
from glcic_backend.scene import pixels
from glcic_backend.scene.arguments import check_is_image, corners_of, full_value, without_nan
from glcic_backend.scene.faint import weighed
from glcic_backend.scene.fill import Fill, paste
from glcic_backend.scene.holes import Hole, find_holes
from glcic_backend.scene.masks import Coverage, coverage_of, grown_and_softened
from glcic_backend.scene.opacity import rim_opacity, settled
from glcic_backend.scene.photograph import Photograph
from glcic_backend.scene.pixels import Samples
from glcic_backend.scene.rectangles import bands, bounding_box, slices
from glcic_backend.scene.rim import doubtful_rim
from glcic_backend.threads import HomeProcess
from glcic_backend.wire.checked import MAX_SIDE
from glcic_backend.wire.geometry import Rectangle
from glcic_backend.wire.messages import CONTEXTS, MAX_SEED, QUALITIES, SIDES

Progress = Callable[[str, float], None]
"""Told the stage ("plan", "network", "blend", "detail") and its finished share, 0..1."""

Cancelled = Callable[[], bool]
"""Polled often; True stops the completion."""

_BAND_PIXELS = 1 << 18
"""So many pixels are put into the result between two looks at the cancel."""


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
            if not _is_whole(threads) or threads < 1:
                raise InvalidInputError(f"{threads!r} threads cannot work. Give 1 or more, or leave their number out.")
            torch.set_num_threads(threads)
        return cls(load_model(resolve_model(model)), choose_device(device))

    def context(
        self,
        width: int,
        height: int,
        hole: Rectangle,
        *,
        quality: str = "best",
        context: str = "automatic",
        distance: int = 0,
    ) -> Rectangle:
        """The part of an image that a completion of holes within a rectangle can read.

        Completing these holes in this crop gives the same as completing them in the whole image.

        Args:
            width, height: of the image, in pixels.
            hole: bounding box of the holes, within the image.
            quality, context, distance: those of the completion.

        Raises:
            InvalidInputError: an option is unknown or out of range.
        """
        _check_options(quality, context, "automatic", distance, 0)
        largest = self.model.info.hole_range[1]
        return context_rectangle(
            width, height, hole, largest, details=quality == "best", context=context, distance=distance
        )

    @lack_of_memory_is_told()
    def complete(
        self,
        image: Samples,
        mask: NDArray[Any],
        *,
        sources: NDArray[np.uint8] | NDArray[np.bool_] | None = None,
        grow: int = 0,
        soften: float = 0,
        blend: bool = True,
        quality: str = "best",
        context: str = "automatic",
        sample_from: str = "automatic",
        distance: int = 0,
        lines: Sequence[Sequence[float]] = (),
        seed: int = 0,
        linear: bool = False,
        progress: Progress | None = None,
        cancelled: Cancelled | None = None,
    ) -> Samples:
        """Complete the holes of an image.

        Args:
            image: uint8, uint16 or float32, [H, W] or [H, W, C] with C = 1 grey, 2 grey + alpha, 3 RGB, 4 RGB + alpha;
                integers span their full range, float32 is 0..1 (or 0..255, see `scene.arguments.full_value`); straight
                alpha. Fully transparent pixels are not used as context. NaN may stand where it is not read: in the
                holes, in transparent pixels, and far away.
            mask: [H, W], bool, integers (0 and 1, 0..255, or 0..65535) or floating point 0..1. Above 0 a pixel belongs
                to a hole; what lies between is its coverage, by which the fill is blended with the old pixel. A mask
                too faint to show anything is taken as yes or no, with a UserWarning (`scene.masks.coverage_of`).
            sources: bool or uint8 [H, W]. Texture is copied from pixels above 0 only; None for all that are known. The
                network looks at all that are known in any case.
            grow: pixels by which the mask grows to all sides, 0..200.
            soften: pixels outside the grown mask over which the fill fades out, 0..200.
            blend: blend the completion into its surroundings (section 3.5.1). False gives what the network painted,
                whatever the quality.
            quality: one of `wire.messages.QUALITIES`: "fast" gives the network's completion, enlarged where the hole
                is larger than those the network was trained for; "best" rebuilds it of the photograph's own texture.
            context: one of `wire.messages.CONTEXTS`: how much of the photograph texture may come from.
            sample_from: one of `wire.messages.SIDES`: on which sides of a hole texture is copied from. A band as high
                as the hole, or as wide, is on its sides, or above and below it.
            distance: how far from the box of a hole texture is copied from, pixels; 0 leaves it to `context`.
            lines: drawn lines, each the x and y of its corners one after the other, pixels from the top left corner. In
                the hole that one leads into the edge or thin line that is seen beside it outside goes on along it;
                with the quality "best".
            seed: 0..2^32-1, of what is left to chance; of 3n .. 3n + 2 each avoids what those before it copied.
            linear: the image's values are linear light, not perceptual.
            progress: told what is going on.
            cancelled: polled several times a second.

        Returns:
            A new array of the same shape and dtype. Outside the holes every sample is that of `image`; in them alpha
            continues that of their surroundings.

        Raises:
            InvalidInputError: the arrays do not fit each other, no pixel is masked, none is left to learn from or to
                copy from, an option is unknown, a line leads into no hole, or this process was forked from the one
                that loaded the model.
            CancelledError: `cancelled` returned True.
            OutOfMemoryError: the memory of the device and of the CPU does not suffice.
        """
        self._home.check()
        report = progress or (lambda stage, share: None)

        def check() -> None:
            if cancelled is not None and cancelled():
                raise CancelledError("The completion was cancelled.")

        _check_options(quality, context, sample_from, distance, seed)
        check_is_image(image)
        corners = corners_of(lines)
        report("plan", 0.0)
        coverage, note = coverage_of(mask)
        if note:
            warnings.warn(f"The mask: {note}.", stacklevel=2)
        check()
        _check_mask(image, coverage)
        _check_sources(image, sources)
        coverage = grown_and_softened(coverage, grow, soften)
        check()
        masked = coverage > 0
        known = ~masked
        if pixels.has_alpha(image):
            known &= image[..., -1] > 0
        _check_context(known)
        box = bounding_box(masked)
        assert box is not None
        read = self.context(image.shape[1], image.shape[0], box, quality=quality, context=context, distance=distance)
        check()
        white = full_value(image, linear)
        samples = weighed(_scaled(without_nan(image, known, read), 1 / white), masked, known, check)
        photograph = Photograph(samples, known, linear, None if sources is None else sources > 0)
        doubtful = doubtful_rim(photograph, masked, check)
        known &= ~doubtful
        masked |= doubtful
        holes = find_holes(masked, check)
        details = DetailOptions(context, seed, self._trained_for[1], sample_from, distance, corners)
        how = _How(blend, quality, details)
        opacities: list[Fill] = []
        if pixels.has_alpha(image):
            opacities = self._opacities(photograph, masked, holes, how, lambda share: report("plan", share), cancelled)
        report("plan", 1.0)
        fills = self._fills(photograph, holes, how, report, cancelled)
        check()
        if samples.dtype == np.float32:
            keep_in_range(fills, photograph, read)
        return _composed(image, photograph, white, coverage, fills, opacities, check)

    def _fills(
        self, photograph: Photograph, holes: list[Hole], how: "_How", report: Progress, cancelled: Cancelled | None
    ) -> list[Fill]:
        """The fills of holes; of those for the same pixel, the first has the last word."""
        if how.finds_details:
            with lines_meanwhile(photograph, holes, how.details, cancelled) as lines:
                painted = self._painted(photograph, holes, how, report, cancelled)
                fills = blended(photograph, holes, painted, partial(report, "blend"), cancelled)
                return detailed(photograph, holes, fills, lines, how.details, partial(report, "detail"), cancelled)
        painted = self._painted(photograph, holes, how, report, cancelled)
        if not how.blend:
            return painted
        fills = blended(photograph, holes, painted, partial(report, "blend"), cancelled)
        return grained(photograph, holes, fills, how.details.seed, cancelled)

    def _painted(
        self, photograph: Photograph, holes: list[Hole], how: "_How", report: Progress, cancelled: Cancelled | None
    ) -> list[Fill]:
        """What the network paints in holes, on the first device whose memory suffices."""
        fills, device = on_the_first_that_suffices(
            self._devices,
            lambda device: self._completer_on(device).complete(
                photograph, holes, lambda share: report("network", share), cancelled, roughly=how.finds_details
            ),
        )
        self.used = str(device)
        return fills

    def _opacities(
        self,
        photograph: Photograph,
        masked: NDArray[np.bool_],
        holes: list[Hole],
        how: "_How",
        progress: Callable[[float], None],
        cancelled: Cancelled | None,
    ) -> list[Fill]:
        """How opaque the fills of a picture with alpha are, as grey fills.

        As opaque as their surroundings. Where these differ, the alpha channel is completed as a grey picture would be.
        """
        alpha = pixels.alpha_of(photograph.image)
        result, uneven = [], []
        for hole in holes:
            opacity = rim_opacity(alpha, masked, hole)
            if opacity is None:
                uneven.append(hole)
            else:
                result.append(Fill(hole.box, hole.mask, np.full((*hole.mask.shape, 3), opacity, np.float32)))
        if uneven:
            everywhere = replace(how, details=replace(how.details, sample_from="automatic", lines=()))
            grey = Photograph(alpha, ~masked, linear=False)
            shares = {"network": (0.0, 0.2), "blend": (0.2, 0.3), "detail": (0.3, 1.0)}

            def report(stage: str, share: float) -> None:
                begin, end = shares[stage]
                progress(begin + share * (end - begin))

            result = [*result, *self._fills(grey, uneven, everywhere, report, cancelled)]
        return result


@dataclass(frozen=True)
class _How:
    """How holes are filled, as `Inpainter.complete` is told."""

    blend: bool
    quality: str
    details: DetailOptions

    @property
    def finds_details(self) -> bool:
        """Whether holes are filled with texture of the photograph."""
        return self.blend and self.quality == "best"


def _scaled(image: Samples, factor: np.float32) -> Samples:
    return image if factor == 1 else np.asarray(image * factor, np.float32)


def _composed(
    image: Samples,
    photograph: Photograph,
    white: np.float32,
    coverage: Coverage,
    fills: list[Fill],
    opacities: list[Fill],
    check: Callable[[], None],
) -> Samples:
    """The image as it came, with the fills over the photograph made of it, each pixel filled once.

    Where it has alpha, it becomes as opaque there as grey fills say.

    Args:
        check: called several times a second; may raise.
    """
    result = image.copy()
    for fill in reversed(fills):  # the first has the last word
        for band in bands(fill.region, _BAND_PIXELS):
            check()
            place, rows = slices(band), slice(band.y - fill.region.y, band.bottom - fill.region.y)
            # A fill may hold pixels of the rim, which are looked away from but never written.
            written = fill.where[rows] & (coverage[place] > 0)
            if not written.any():
                continue
            share = coverage[place].astype(np.float32) / np.float32(255)
            opacity = _opacity(opacities, band) if opacities else 1.0
            filled = pixels.compose(photograph.image[place], fill.colour[rows], share, photograph.linear, opacity)
            result[place][written] = _scaled(filled, white)[written]
    return result


def _opacity(opacities: list[Fill], region: Rectangle) -> NDArray[np.float32]:
    """What grey fills say of a region, float32 [height, width], 0..1."""
    grey = np.ones((region.height, region.width, 3), np.float32)
    paste(reversed(opacities), region, grey)
    return settled(grey.mean(axis=2))


def _check_options(quality: str, context: str, sample_from: str, distance: int, seed: int) -> None:
    texts = (
        ("quality", quality, QUALITIES),
        ("context", context, CONTEXTS),
        ("place to sample from", sample_from, SIDES),
    )
    for name, value, known in texts:
        if value not in known:
            raise InvalidInputError(f"The {name} {value!r} is unknown. Choose one of {', '.join(known)}.")
    if not 0 <= distance <= MAX_SIDE:
        raise InvalidInputError(f"The distance {distance} is out of range. Choose a whole number from 0 to {MAX_SIDE}.")
    if not _is_whole(seed) or not 0 <= seed <= MAX_SEED:
        raise InvalidInputError(f"The seed {seed!r} cannot be used. Choose a whole number from 0 to {MAX_SEED}.")


def _is_whole(number: object) -> bool:
    return isinstance(number, (int, np.integer)) and not isinstance(number, bool)


def _check_mask(image: Samples, coverage: Coverage) -> None:
    if coverage.shape != image.shape[:2]:
        height, width = coverage.shape
        raise InvalidInputError(
            f"The mask has {width} x {height} pixels, the image {image.shape[1]} x {image.shape[0]}. "
            "Draw the mask on the image itself, at the same size."
        )
    if not coverage.any():
        raise InvalidInputError("The mask is empty: no pixel is above 0, so there is nothing to fill. Paint it white.")


def _check_sources(image: Samples, sources: NDArray[np.uint8] | NDArray[np.bool_] | None) -> None:
    if sources is not None and (sources.dtype not in (np.uint8, np.bool_) or sources.shape != image.shape[:2]):
        raise InvalidInputError(
            f"The mask of where to copy from is {sources.dtype} {sources.shape}; use bool or uint8 {image.shape[:2]}, "
            "the size of the image."
        )


def _check_context(known: NDArray[np.bool_]) -> None:
    if not known.any():
        raise InvalidInputError(
            f"None of the {known.size} pixels is known: each is masked or fully transparent, so there is nothing to "
            "continue from. Leave some of the image unmasked."
        )
