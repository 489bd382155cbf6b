"""A mask's file in; its coverage, as the options want it, and what the user should know of it, out."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from glcic_backend.errors import InvalidInputError
from glcic_backend.image_files.picture import DEFAULT_MAX_PIXELS, Picture
from glcic_backend.image_files.reading import named, read_picture
from glcic_backend.scene.masks import FAINT, Coverage, coverage_of, grown_and_softened

_MAX_COLOURFULNESS = 32
"""Largest difference between the channels of a grey mask, of 255: JPEG colours grey a little."""

_NEARLY_ALL = 0.75
_SPECKLED = 0.01
"""Shares from which on a mask is told to be nearly all white, and to be speckled: of its pixels, of its hole."""

MaskFrom = Literal["grey", "alpha", "transparent"]


@dataclass(frozen=True)
class MaskOptions:
    """How a mask is read and what is made of it, in this order.

    Attributes:
        made_from: `grey`: white is filled; `alpha`: what is opaque in the mask's file is filled, whatever its colour;
            `transparent`: what is transparent in the picture itself is filled.
        threshold: from this value on, 1..255, all is filled, and below it nothing; None keeps what lies between. With
            it a mask may show colours, such as labels of a palette: the brightest of the channels counts.
        invert: what is white is kept, and what is black is filled.
        grow, soften: pixels, as in GIMP (`scene.masks.grown_and_softened`).
    """

    made_from: MaskFrom = "grey"
    threshold: int | None = None
    invert: bool = False
    grow: int = 0
    soften: float = 0.0


@dataclass(frozen=True)
class Mask:
    """What is to be filled: its coverage, and sentences for the user."""

    coverage: Coverage
    notes: tuple[str, ...] = ()


def read_mask(path: Path, max_pixels: int = DEFAULT_MAX_PIXELS, threshold: int | None = None) -> Coverage:
    """Read a mask, upright: white = fill, grey = partly, black or transparent = keep.

    Args:
        path: a picture of any format and depth; a colour file must be grey to the eye.
        max_pixels: largest size that is decoded.
        threshold: see `MaskOptions`; with it colours are taken too.

    Returns:
        uint8 [H, W], 0 keep, 255 fill, between: coverage. A mask too faint to show anything counts as yes or no.

    Raises:
        InvalidInputError: as `read_picture`, or the file shows colours.
    """
    return read_mask_file(path, MaskOptions(threshold=threshold), max_pixels).coverage


def read_mask_file(path: Path, options: MaskOptions | None = None, max_pixels: int = DEFAULT_MAX_PIXELS) -> Mask:
    """Read a mask and make of it what the options want. Raises InvalidInputError as `read_mask`."""
    options = options or MaskOptions()
    picture = read_picture(path, max_pixels)
    try:
        if options.made_from == "alpha":
            if not picture.has_alpha:
                raise InvalidInputError("the mask shall be its alpha channel, and it has none. Use it as grey.")
            return _made(picture.pixels[..., -1], options, picture.jpeg is not None)
        values = _grey(picture, takes_colours=options.threshold is not None)
        return _made(values, options, picture.jpeg is not None)
    except InvalidInputError as error:
        raise InvalidInputError(f"{named(path)}: {error}") from error


def mask_of_transparency(picture: Picture, options: MaskOptions) -> Mask:
    """What is transparent in a picture, as a mask, by default also what is so in part.

    The colour of a pixel that a soft eraser has touched is that of the eraser as often as that of the photograph.

    Raises:
        InvalidInputError: the picture has no alpha channel.
    """
    if not picture.has_alpha:
        raise InvalidInputError("the picture has no alpha channel, so nothing in it is transparent. Give a mask.")
    alpha, _ = coverage_of(picture.pixels[..., -1])
    return _made(np.uint8(255) - alpha, replace(options, threshold=options.threshold or 1), False)


def _made(values: NDArray[Any], options: MaskOptions, from_jpeg: bool) -> Mask:
    coverage, note = coverage_of(values)
    notes = [f"mask: {note}"] if note else []
    if options.threshold is not None:
        coverage = np.where(coverage >= options.threshold, np.uint8(255), np.uint8(0))
    elif from_jpeg:
        hole, faint = np.count_nonzero(coverage), np.count_nonzero((coverage > 0) & (coverage < FAINT))
        if faint > _SPECKLED * hole:
            notes.append(
                f"mask: {faint:,} of the {hole:,} masked pixels are nearly black, as JPEG leaves them round white; "
                "they are filled too. `threshold=128` leaves them out"
            )
    if options.invert:
        coverage = np.uint8(255) - coverage
    share = np.count_nonzero(coverage) / coverage.size
    if _NEARLY_ALL < share < 1 and options.made_from != "transparent":
        notes.append(
            f"mask: {share:.0%} of it is to be filled. If that is what shall stay, `invert=True` turns it round"
        )
    return Mask(grown_and_softened(coverage, options.grow, options.soften), tuple(notes))


def _grey(picture: Picture, takes_colours: bool) -> NDArray[Any]:
    """The grey values of a mask, 0 where it is transparent, in the depth that it was stored with."""
    pixels: NDArray[Any] = picture.pixels
    full = np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else 1.0
    if pixels.dtype.kind == "f":
        pixels = np.clip(np.nan_to_num(pixels), 0, 1)
    alpha = pixels[..., -1] if picture.has_alpha else None
    colours = pixels[..., :-1] if picture.has_alpha else pixels
    grey = colours[..., 0]
    if colours.shape[2] == 3:
        spread_of_each = (colours.max(axis=2) - colours.min(axis=2)) * (255.0 / full)
        spread = float((spread_of_each if alpha is None else spread_of_each[alpha > 0]).max(initial=0))
        if takes_colours:
            grey = colours.max(axis=2)
        elif spread > _MAX_COLOURFULNESS:
            raise InvalidInputError(
                f"a mask is black, grey and white, but here the channels differ by up to {spread:.0f} of 255. If "
                "every colour but black is to be filled, as in a file of labels, say `threshold=1`; else paint the "
                "mask in white on black. Or did image and mask change places?"
            )
        else:
            mean = colours.mean(axis=2, dtype=np.float32)
            grey = np.rint(mean).astype(pixels.dtype) if pixels.dtype.kind == "u" else mean
    if alpha is None:
        return grey
    seen = grey * (alpha / np.float32(full))
    return np.rint(seen).astype(pixels.dtype) if pixels.dtype.kind == "u" else seen
