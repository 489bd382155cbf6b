"""What is in a set of photos, for people."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from glcic_train.data.photo_set import PhotoSet
from glcic_train.data.sources import MeanPixel


@dataclass(frozen=True)
class PhotoStats:
    """Figures on the photos of one split."""

    photos: int
    shards: int
    stored_bytes: int
    short_side: tuple[int, int, int]
    """Least, median and greatest shortest edge, in pixels."""
    mean_pixel: MeanPixel
    """RGB, 0..1."""
    origins: list[tuple[str, str, int]]
    """Source, licence, and number of photos, the most frequent first."""


def photo_stats(photos: PhotoSet, progress: Callable[[int, int], None] | None = None) -> PhotoStats:
    """Gather the figures. Decodes all photos where no manifest states their mean pixel."""
    short = photos.sizes.min(axis=1)
    origins = Counter(
        (str(info.get("source") or "not stated"), str(info.get("licence") or "not stated"))
        for info in map(photos.info, range(len(photos)))
    )
    return PhotoStats(
        photos=len(photos),
        shards=len(photos.shards),
        stored_bytes=photos.stored_bytes,
        short_side=(int(short.min()), int(np.median(short)), int(short.max())),
        mean_pixel=photos.compute_mean_pixel(progress),
        origins=[(source, licence, count) for (source, licence), count in origins.most_common()],
    )


def describe(stats: PhotoStats) -> str:
    """The figures as text of some lines."""
    least, median, greatest = stats.short_side
    lines = [
        f"{stats.photos:,} photos in {stats.shards} shards, {stats.stored_bytes / 2**20:,.1f} MiB of pictures",
        f"shortest edge {least} to {greatest} pixels, median {median}",
        "mean pixel (RGB, 0..1) " + " ".join(f"{value:.6f}" for value in stats.mean_pixel),
        *(f"{count:>9,}  {licence}  ({source})" for source, licence, count in stats.origins),
    ]
    return "\n".join(lines)
