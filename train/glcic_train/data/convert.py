"""One photo of the source, made ready for a shard."""

import stat
from dataclasses import dataclass
from pathlib import Path

from glcic_train.data.decode import MAX_FILE_BYTES, RejectedPhoto, channel_sums, decode_photo, encode_photo
from glcic_train.data.duplicates import perceptual_hash
from glcic_train.data.layouts import SourcePhoto


@dataclass(frozen=True)
class PrepareSettings:
    """What decides the bytes of the shards, beside the photos."""

    layout: str = "folder"
    """One of `layouts.LAYOUTS`."""
    short_side: int = 384
    """Photos are shrunk to this shortest edge, in pixels; never enlarged. 384 is the most the paper's crops need."""
    min_side: int = 64
    """Photos with a shorter shortest edge are left out."""
    max_megapixels: float = 128.0
    """Larger photos are refused before they are decoded."""
    val_share: float = 0.05
    """Share of validation photos where the data set does not say which they are."""
    dedupe: bool = False
    """Leave out near duplicates, within and across splits."""
    encoding: str = "jpeg"
    """"jpeg" (fast) or "webp" (about 30 % smaller, decodes at half the speed)."""
    quality: int = 92
    """Of the encoder, 1..100."""
    shard_mb: float = 256.0
    """A shard is closed when it reaches this size, in 2^20 bytes."""
    licence: str = ""
    attribution: str = ""


@dataclass(frozen=True)
class Converted:
    """A photo ready to be written, as a worker returns it."""

    data: bytes
    size: tuple[int, int]
    original_size: tuple[int, int]
    pixel_sum: tuple[int, int, int]
    hash: int


@dataclass(frozen=True)
class Rejected:
    """Why a photo is left out: a word for counting and a text for a person."""

    code: str
    text: str


def convert_photo(source: Path, settings: PrepareSettings, photo: SourcePhoto) -> Converted | Rejected:
    """Read, verify, shrink and encode one photo. Runs in the workers; whatever is wrong comes back as `Rejected`."""
    try:
        decoded = decode_photo(
            _read_photo_file(source / photo.name),
            settings.short_side,
            min_side=settings.min_side,
            max_pixels=int(settings.max_megapixels * 1e6),
        )
    except RejectedPhoto as reason:
        return Rejected(reason.code, str(reason))
    pixels = decoded.pixels
    return Converted(
        encode_photo(pixels, settings.encoding, settings.quality),
        (pixels.shape[1], pixels.shape[0]),
        decoded.original_size,
        channel_sums(pixels),
        perceptual_hash(pixels) if settings.dedupe else 0,
    )


def _read_photo_file(path: Path) -> bytes:
    try:
        status = path.stat()
        # A pipe would be waited for, for ever.
        if not stat.S_ISREG(status.st_mode):
            raise RejectedPhoto("unreadable", "is not a regular file")
        if status.st_size > MAX_FILE_BYTES:
            raise RejectedPhoto("too-large", f"has {status.st_size:,} bytes; the limit is {MAX_FILE_BYTES:,}")
        return path.read_bytes()
    except OSError as error:
        raise RejectedPhoto("unreadable", f"cannot be read: {error.strerror}") from error
