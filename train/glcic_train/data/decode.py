"""From the bytes of any photo file to RGB pixels, refusing what could harm before it is decoded."""

import io
import warnings
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP")
"""Formats that are read, told by content, not by name. Pillow's other decoders are never reached."""

MAX_PIXELS = 128_000_000
"""Largest photo that is decoded, in pixels; about 400 MB while it is decoded."""

MAX_FILE_BYTES = 512 * 2**20
"""Largest file that is read."""


class RejectedPhoto(Exception):
    """A photo that is left out. `code` is one word for counting, the text says why to a person."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True)
class Photo:
    """A decoded photo."""

    pixels: np.ndarray
    """uint8 [H, W, 3], RGB (sRGB), upright."""
    original_size: tuple[int, int]
    """Width and height in the file, upright."""


def decode_photo(data: bytes, short_side: int, *, min_side: int = 1, max_pixels: int = MAX_PIXELS) -> Photo:
    """Verify a photo by decoding all of it; turn it upright, shrink it, convert it to 8-bit sRGB.

    Args:
        data: content of the file.
        short_side: shortest edge wanted, in pixels. Larger photos are shrunk by area, smaller ones stay as they are.
        min_side: smallest shortest edge accepted.
        max_pixels: photos of more pixels are refused before anything is decoded.

    Raises:
        RejectedPhoto: format, size, damage, transparency: whatever keeps it from being a training photo.
    """
    try:
        with warnings.catch_warnings():
            # Pillow warns of odd metadata, and from 89 megapixels on. What matters becomes a verdict here.
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(data), formats=FORMATS)
            _check_header(image, min_side, max_pixels)
            return _decode(image, short_side)
    except RejectedPhoto:
        raise
    except Image.DecompressionBombError as error:
        raise RejectedPhoto("too-large", "declares more pixels than Pillow opens (179 million)") from error
    except UnidentifiedImageError as error:
        raise RejectedPhoto("format", f"is not a readable {', '.join(FORMATS[:-1])} or {FORMATS[-1]} file") from error
    # A damaged file makes decoders raise nearly anything (OSError, ValueError, SyntaxError, struct.error, ...).
    except Exception as error:
        raise RejectedPhoto("damaged", f"cannot be decoded: {type(error).__name__}: {error}") from error


def _check_header(image: Image.Image, min_side: int, max_pixels: int) -> None:
    """Judge by the header alone, before memory is taken for the pixels."""
    width, height = image.size
    if width * height > max_pixels:
        raise RejectedPhoto("too-large", f"declares {width} x {height} pixels; the limit is {max_pixels:,}")
    if min(width, height) < min_side:
        raise RejectedPhoto("too-small", f"has {width} x {height} pixels; the shortest side must be {min_side} or more")
    # Phones append a preview or a gain map to a JPEG (Pillow's MPO): its first picture is the photo.
    if getattr(image, "is_animated", False) and image.format != "MPO":
        raise RejectedPhoto("animated", "holds several pictures (an animation or pages)")
    if image.mode in ("F", "I"):
        raise RejectedPhoto("format", f"has {image.mode}-type pixels (32 bit), whose range is not known")


def _decode(image: Image.Image, short_side: int) -> Photo:
    icc = image.info.get("icc_profile")
    header_size = image.size
    # The JPEG decoder can leave out frequencies that the shrinking would remove: it still reads all of the file.
    image.draft(None, (short_side, short_side))
    image.load()
    drafted_size = image.size
    # Broken EXIF data says nothing on the pixels.
    with suppress(Exception):
        ImageOps.exif_transpose(image, in_place=True)
    # Only a quarter turn can change the order of the sides.
    turned = image.size != drafted_size
    width, height = header_size[::-1] if turned else header_size
    pixels = _shrink(_plain_channels(image), shrunk_size((width, height), short_side))
    return Photo(_to_srgb(pixels, icc), (width, height))


def _plain_channels(image: Image.Image) -> np.ndarray:
    """8-bit grey [H, W], RGB [H, W, 3] or CMYK [H, W, 4] of an image in any mode."""
    if image.mode.startswith("I;16"):
        return np.rint(np.asarray(image) / 257).astype(np.uint8)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        if np.asarray(image.getchannel("A")).min() < 255:
            raise RejectedPhoto("transparent", "has transparent pixels, whose colour is not defined")
    if image.mode == "1":
        image = image.convert("L")
    if image.mode not in ("L", "RGB", "CMYK"):
        image = image.convert("RGB")
    return np.asarray(image)


def shrunk_size(size: tuple[int, int], short_side: int) -> tuple[int, int]:
    """Width and height with the shortest edge at most `short_side`."""
    scale = min(1.0, short_side / min(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _shrink(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    if (pixels.shape[1], pixels.shape[0]) == size:
        return pixels
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)


def _to_srgb(pixels: np.ndarray, icc: bytes | None) -> np.ndarray:
    """uint8 [H, W, 3] sRGB of grey, RGB or CMYK pixels with an optional ICC profile."""
    if icc is None and pixels.ndim == 3 and pixels.shape[2] == 3:
        return pixels
    image = Image.fromarray(pixels, {2: "L"}.get(pixels.ndim) or {3: "RGB", 4: "CMYK"}[pixels.shape[2]])
    transform = _srgb_transform(icc, image.mode) if icc else None
    if transform is not None:
        image = ImageCms.applyTransform(image, transform) or image
    return np.array(image.convert("RGB"))


@lru_cache(maxsize=32)
def _srgb_transform(icc: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Conversion from a profile to sRGB; None where it is sRGB already, or of no use for this mode."""
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        if mode == "RGB" and "sRGB" in ImageCms.getProfileDescription(profile):
            return None
        return ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, OSError):
        return None


def channel_sums(pixels: np.ndarray) -> tuple[int, int, int]:
    """Exact sums of uint8 [H, W, 3] by channel. OpenCV is ten times as fast as numpy here."""
    red, green, blue, _ = cv2.sumElems(pixels)
    return int(red), int(green), int(blue)


def encode_photo(pixels: np.ndarray, encoding: str, quality: int) -> bytes:
    """Encode uint8 [H, W, 3], RGB as "jpeg" (full colour resolution) or "webp", without metadata."""
    file = io.BytesIO()
    image = Image.fromarray(pixels)
    if encoding == "jpeg":
        image.save(file, "JPEG", quality=quality, subsampling="4:4:4")
    else:
        # The slower methods save 10 % of the bytes for twice the time.
        image.save(file, "WEBP", quality=quality, method=2)
    return file.getvalue()


def stored_size(data: bytes) -> tuple[int, int]:
    """Width and height of a picture of a shard, from its header.

    Raises:
        RejectedPhoto: no picture, or one too large to decode.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(data), formats=FORMATS)
    except Exception as error:
        raise RejectedPhoto("damaged", f"has no readable header ({type(error).__name__})") from error
    _check_header(image, 1, MAX_PIXELS)
    return image.size


def decode_stored(data: bytes) -> np.ndarray | None:
    """Decode a picture of a shard: uint8 [H, W, 3], RGB, as stored; None if it is damaged.

    OpenCV decodes without holding Python's lock, so threads share the work; Pillow does not.
    """
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
        return None if pixels is None else cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
    except cv2.error:
        return None
