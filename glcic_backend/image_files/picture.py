"""What a file of a picture holds, whatever its format."""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

from glcic_backend.errors import InvalidInputError
from glcic_backend.image_files.colour_profile import is_linear_light
from glcic_backend.scene.pixels import Samples, has_alpha

DEFAULT_MAX_PIXELS = 400_000_000
"""Largest picture that is decoded unless asked otherwise: 20 000 x 20 000 pixels. A small file can claim any size."""

Unit = Literal["inch", "centimetre", "metre", "none"]

_METRES = {"inch": Fraction(254, 10_000), "centimetre": Fraction(1, 100), "metre": Fraction(1)}


@dataclass(frozen=True)
class Resolution:
    """Pixels per unit of length; unit "none" gives only the ratio of the two."""

    x: Fraction
    y: Fraction
    unit: Unit

    def turned(self) -> "Resolution":
        """The same after a quarter turn."""
        return Resolution(self.y, self.x, self.unit)

    def per(self, unit: Literal["inch", "metre"]) -> tuple[Fraction, Fraction]:
        """Pixels per `unit`; a pure ratio is returned as it is."""
        if self.unit == "none":
            return self.x, self.y
        factor = _METRES[unit] / _METRES[self.unit]
        return self.x * factor, self.y * factor


@dataclass(frozen=True)
class JpegCoding:
    """How a JPEG was compressed, so that it can be compressed the same way again."""

    tables: dict[int, Any]
    """Quantisation tables."""
    subsampling: int
    """0 is 4:4:4, 1 is 4:2:2, 2 is 4:2:0, -1 anything else."""
    progressive: bool


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture, upright, and what its file says about it.

    Attributes:
        pixels: [H, W, C], as `glcic_backend.scene.pixels` defines stored samples.
        icc: ICC profile.
        exif: EXIF block, from its byte order mark on; its orientation is upright and it holds no thumbnail.
        xmp: XMP packet.
        resolution: size on paper.
        png_colour: chunks of a PNG that tell its colours apart from a profile (gAMA, cHRM, sRGB, cICP).
        jpeg: how it was compressed, if it was a JPEG.
        notes: sentences for the user on what of the file is not in this picture.
    """

    pixels: Samples
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    resolution: Resolution | None = None
    png_colour: dict[bytes, bytes] = field(default_factory=dict)
    jpeg: JpegCoding | None = None
    notes: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """Columns of the upright picture."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Rows of the upright picture."""
        return int(self.pixels.shape[0])

    @property
    def has_alpha(self) -> bool:
        """Whether the last channel is alpha."""
        return has_alpha(self.pixels)

    @property
    def linear(self) -> bool:
        """Whether the file says that its values are linear light, by its profile or else by its gAMA chunk."""
        if self.icc is not None:
            return is_linear_light(self.icc)
        others = {b"sRGB", b"cICP"} & self.png_colour.keys()
        return not others and self.png_colour.get(b"gAMA") == (100_000).to_bytes(4, "big")


def check_size(width: int, height: int, max_pixels: int) -> None:
    """Raise InvalidInputError if a header claims more pixels than may be decoded."""
    if width * height > max_pixels:
        raise InvalidInputError(
            f"it claims {width} x {height} pixels, which is {width * height:,} and more than the limit of "
            f"{max_pixels:,} that "
            "protects the memory. If the file is what you expect, raise the limit by `max_pixels=`."
        )
