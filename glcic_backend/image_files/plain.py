"""Formats that are read and not written, decoded by Pillow: BMP, GIF, PPM and PGM, AVIF, and HEIC with pillow-heif."""

import importlib.util
import io

import numpy as np
from PIL import Image

from glcic_backend.errors import InvalidInputError
from glcic_backend.image_files import exif
from glcic_backend.image_files.picture import Picture, check_size
from glcic_backend.scene.pixels import Samples

_MODES = {"1": "L", "P": "RGB", "PA": "RGBA", "LA": "LA", "L": "L", "RGB": "RGB", "RGBA": "RGBA"}
_HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")


def kind_of(head: bytes) -> str | None:
    """Pillow's name of the format of a file that begins so; None for any other."""
    if head[:2] == b"BM":
        return "BMP"
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return "GIF"
    if head[:2] in (b"P2", b"P3", b"P5", b"P6") and head[2:3].isspace():
        return "PPM"
    if head[4:8] == b"ftyp" and head[8:12] in (b"avif", b"avis"):
        return "AVIF"
    if head[4:8] == b"ftyp" and head[8:12] in _HEIC_BRANDS:
        return "HEIF"
    return None


def read(data: bytes, max_pixels: int, *, kind: str) -> Picture:
    """Decode a file, as stored (not yet upright). Raises InvalidInputError, or anything at all for a damaged file."""
    if kind == "HEIF":
        _register_heif()
    with Image.open(io.BytesIO(data), formats=[kind]) as image:
        check_size(image.width, image.height, max_pixels)
        frames = getattr(image, "n_frames", 1)
        if frames > 1:
            raise InvalidInputError(f"it holds {frames} pictures, and all but one would be lost. Save one alone.")
        image.load()
        # Pillow puts the turn of an AVIF into its EXIF block; pillow-heif turns the picture and the block.
        block = exif.bare(image.info.get("exif"))
        return Picture(
            _pixels(image),
            icc=image.info.get("icc_profile"),
            exif=block,
            xmp=image.info.get("xmp"),
            resolution=exif.resolution(block),
            notes=_depth_note(data) if kind in ("AVIF", "HEIF") else (),
        )


def _depth_note(data: bytes) -> tuple[str, ...]:
    """What Pillow does not tell of a file of boxes: that its samples had more bits (ISO/IEC 23008-12, 6.5.6 `pixi`)."""
    at = data.find(b"pixi")
    bits = data[at + 9] if 0 <= at < len(data) - 9 else 8
    return (f"its {bits} bits of each channel are read as 8",) if bits > 8 else ()


def _pixels(image: Image.Image) -> Samples:
    if image.mode.startswith("I"):  # PGM of more than 8 bits, which Pillow spreads over 16
        return np.asarray(image).astype(np.uint16)[..., None]
    transparent = "transparency" in image.info
    mode = "RGBA" if transparent else _MODES.get(image.mode)
    if mode is None:
        raise InvalidInputError(f"its colours are {image.mode}, and only grey and RGB can be completed. Convert it.")
    pixels = np.asarray(image.convert(mode))
    return pixels if pixels.ndim == 3 else pixels[..., None]


def _register_heif() -> None:
    if importlib.util.find_spec("pillow_heif") is None:
        raise InvalidInputError(
            "it is a HEIC picture, and pillow-heif, which reads these, is not installed. Install it with pip install "
            "pillow-heif, or convert the picture to PNG or JPEG."
        )
    import pillow_heif

    pillow_heif.register_heif_opener()
