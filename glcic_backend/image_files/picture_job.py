"""A photograph's file and a mask's file in; the completed file, and what was done, out."""

import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from glcic_backend.errors import InvalidInputError
from glcic_backend.image_files import DEFAULT_MAX_PIXELS, Picture, exif, read_picture, write_picture
from glcic_backend.image_files.file_engines import FileEngine, Options, Progress
from glcic_backend.image_files.mask_files import Mask, MaskOptions, mask_of_transparency, read_mask_file
from glcic_backend.image_files.picture import check_size
from glcic_backend.image_files.reading import STANDARD_INPUT, named
from glcic_backend.image_files.writing import STANDARD_OUTPUT, check_output
from glcic_backend.scene.outpainting import NO_BORDERS, Borders, expanded
from glcic_backend.wire.geometry import Rectangle, moved_lines


@dataclass(frozen=True)
class PictureJob:
    """What to do.

    Attributes:
        image, mask: files to read; one of them may be standard input. No mask where it is made from the picture, or
            where only a border is to be filled.
        output: file to write; an older one is replaced. Or standard output.
        options: how the holes are filled.
        mask_options: how the mask is read.
        borders: to be added to the picture, and filled.
        source_mask: file that marks the only places that texture is copied from.
        exclude_mask: file that marks places that no texture is copied from.
        max_pixels: largest picture that is decoded.
    """

    image: Path
    mask: Path | None
    output: Path
    options: Options = field(default_factory=Options)
    mask_options: MaskOptions = field(default_factory=MaskOptions)
    borders: Borders = NO_BORDERS
    source_mask: Path | None = None
    exclude_mask: Path | None = None
    max_pixels: int = DEFAULT_MAX_PIXELS


@dataclass(frozen=True)
class Hole:
    """What the mask marks: its pixels, its separate parts, and the box round all of them as x, y, width, height."""

    pixels: int
    parts: int
    box: tuple[int, int, int, int]


@dataclass(frozen=True)
class PictureReport:
    """What was done. `milliseconds` has an entry per stage, in order, and `total`."""

    image: str
    mask: str | None
    output: str
    width: int
    height: int
    channels: int
    type: str
    hole: Hole
    model: str
    device: str
    milliseconds: dict[str, float]
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


class _StageClock:
    """Measures stages from one announcement to the next, and passes the announcements on."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._stage: str | None = None
        self._start = self._since = time.perf_counter()
        self._seconds: dict[str, float] = {}

    def __call__(self, stage: str, fraction: float) -> None:
        if stage != self._stage:
            self._close()
            self._stage = stage
        self._progress(stage, fraction)

    def milliseconds(self) -> dict[str, float]:
        self._close()
        total = time.perf_counter() - self._start
        return {stage: round(1000 * seconds, 1) for stage, seconds in [*self._seconds.items(), ("total", total)]}

    def _close(self) -> None:
        now = time.perf_counter()
        if self._stage is not None:
            self._seconds[self._stage] = self._seconds.get(self._stage, 0.0) + now - self._since
        self._since = now


def complete_picture(job: PictureJob, engine: Callable[[], FileEngine], progress: Progress) -> PictureReport:
    """Complete the holes of one photograph.

    Args:
        job: what to do.
        engine: returns the engine; called after the files have been checked, because loading one takes seconds.
        progress: told the stage (read, load, the engine's own, write) and its finished share, 0..1.

    Raises:
        InvalidInputError: a file or a combination of files that cannot be used; nothing is written.
        OutputError: the result cannot be written; an older output is unchanged.
        DaemonError, ModelFileError: as the engine raises them.
    """
    clock = _StageClock(progress)
    clock("read", 0.0)
    _check_names(job)
    picture = read_picture(job.image, job.max_pixels)
    mask = _read_mask(job, picture)
    if any(job.borders):
        picture, mask = _with_borders(picture, mask, job)
    check_output(job.output, picture)
    assert mask is not None
    _check_filled(job, mask.coverage)
    sources, options = _sources(job, picture, mask.coverage)
    clock("load", 0.0)
    loaded = engine()
    completed = loaded.complete(picture.pixels, mask.coverage, sources, options, linear=picture.linear, progress=clock)
    clock("write", 0.0)
    write_picture(job.output, replace(picture, pixels=completed))
    return PictureReport(
        str(job.image),
        None if job.mask is None else str(job.mask),
        str(job.output),
        picture.width,
        picture.height,
        picture.pixels.shape[2],
        picture.pixels.dtype.name,
        _describe_hole(mask.coverage),
        loaded.model_name,
        loaded.device_name,
        clock.milliseconds(),
        (*picture.notes, *mask.notes),
    )


def _sources(job: PictureJob, picture: Picture, mask: NDArray[np.uint8]) -> tuple[NDArray[np.uint8] | None, Options]:
    """Where texture may be copied from (255), None for anywhere; and options that reach all of a source mask.

    The lines are those of the picture as it came, without the borders.
    """
    left, top, _right, _bottom = job.borders
    sources, options = None, replace(job.options, lines=moved_lines(job.options.lines, left, top))
    if job.source_mask is not None:
        sources = _read_other_mask(job.source_mask, job, picture)
        if not sources.any():
            raise InvalidInputError(f"{job.source_mask}: the mask is empty: it marks nothing to copy from. Paint it.")
        if not options.distance:
            hole, marked = Rectangle(*cv2.boundingRect(mask)), Rectangle(*cv2.boundingRect(sources))
            options = replace(options, distance=max(1, hole.reach(marked)))
    if job.exclude_mask is not None:
        allowed = np.where(_read_other_mask(job.exclude_mask, job, picture) > 0, np.uint8(0), np.uint8(255))
        sources = allowed if sources is None else np.minimum(sources, allowed)
    return sources, options


def _read_other_mask(path: Path, job: PictureJob, picture: Picture) -> NDArray[np.uint8]:
    """A mask of the picture as it came, which leaves the borders that were added to it out."""
    mask = read_mask_file(path, MaskOptions(), job.max_pixels).coverage
    left, top, right, bottom = job.borders
    width, height = picture.width - left - right, picture.height - top - bottom
    if mask.shape != (height, width):
        raise InvalidInputError(
            f"{path}: the mask has {mask.shape[1]} x {mask.shape[0]} pixels, but the image {named(job.image)} has "
            f"{width} x {height} when upright. Draw it on the upright image, at the same size."
        )
    return np.pad(mask, ((top, bottom), (left, right)))


def _is_same_file(one: Path, other: Path) -> bool:
    if one.exists() and other.exists():
        return one.samefile(other)
    return os.path.realpath(one) == os.path.realpath(other)


def _check_names(job: PictureJob) -> None:
    if job.mask is None:
        return
    if job.image == STANDARD_INPUT == job.mask:
        raise InvalidInputError("Image and mask cannot both come from standard input. Give one of them as a file.")
    if job.output != STANDARD_OUTPUT and job.mask != STANDARD_INPUT and _is_same_file(job.output, job.mask):
        raise InvalidInputError(f"{job.output}: the output would replace the mask. Choose another name.")


def _read_mask(job: PictureJob, picture: Picture) -> Mask | None:
    """The mask, of the picture's size; None if there is none but for the borders."""
    if job.mask_options.made_from == "transparent":
        try:
            return mask_of_transparency(picture, job.mask_options)
        except InvalidInputError as error:
            raise InvalidInputError(f"{named(job.image)}: {error}") from error
    if job.mask is None:
        return None
    mask = read_mask_file(job.mask, job.mask_options, job.max_pixels)
    height, width = mask.coverage.shape
    if (width, height) != (picture.width, picture.height):
        fits_turned = (height, width) == (picture.width, picture.height)
        turned = " They fit when one is turned by 90 degrees." if fits_turned else ""
        raise InvalidInputError(
            f"{named(job.mask)}: the mask has {width} x {height} pixels, but the image {named(job.image)} has "
            f"{picture.width} x {picture.height} when upright.{turned} Draw the mask on the upright image, at the same "
            "size."
        )
    return mask


def _with_borders(picture: Picture, mask: Mask | None, job: PictureJob) -> tuple[Picture, Mask]:
    left, top, right, bottom = job.borders
    check_size(picture.width + left + right, picture.height + top + bottom, job.max_pixels)
    pixels, coverage = expanded(picture.pixels, None if mask is None else mask.coverage, job.borders)
    block = picture.exif and exif.resized(picture.exif, pixels.shape[1], pixels.shape[0])
    return replace(picture, pixels=pixels, exif=block), Mask(coverage, () if mask is None else mask.notes)


def _check_filled(job: PictureJob, coverage: NDArray[np.uint8]) -> None:
    name = named(job.image if job.mask is None else job.mask)
    if not coverage.any():
        raise InvalidInputError(
            f"{name}: the mask is empty: all {coverage.size:,} pixels are black, so there is nothing to fill. "
            "Paint the place to fill in white."
        )
    if coverage.all():
        raise InvalidInputError(
            f"{name}: the mask is full: none of the {coverage.size:,} pixels is black, so there is nothing to "
            "continue from. Leave black what shall stay."
        )


def _describe_hole(mask: NDArray[np.uint8]) -> Hole:
    hole = (mask > 0).astype(np.uint8)
    parts = cv2.connectedComponents(hole, connectivity=8)[0] - 1
    x, y, width, height = cv2.boundingRect(hole)
    return Hole(int(np.count_nonzero(hole)), parts, (x, y, width, height))
