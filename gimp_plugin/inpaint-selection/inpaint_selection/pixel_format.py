"""How a layer's pixels are stored, and as what they are sent to the daemon."""

from __future__ import annotations

from typing import NamedTuple

from .refusals import Refusal
from .texts import _

_CHANNELS = {"Y": 1, "YA": 2, "RGB": 3, "RGBA": 4}

# Sample type of the layer -> babl's and the protocol's sample type that hold its values; u32 and double are rounded.
_SENT_AS = {
    "u8": ("u8", "u8"),
    "u16": ("u16", "u16"),
    "u32": ("float", "f32"),
    "half": ("float", "f32"),
    "float": ("float", "f32"),
    "double": ("float", "f32"),
}


class PixelFormat(NamedTuple):
    """A layer's pixels as they are sent.

    Attributes:
        encoding: name of babl's format to read and write, without its colour space.
        channels, dtype, curve: as in the protocol's `complete`.
    """

    encoding: str
    channels: int
    dtype: str
    curve: str

    @classmethod
    def of(cls, stored: str) -> PixelFormat:
        """The format for a layer that is stored in babl's encoding `stored`, such as `R'G'B'A u16`.

        Raises:
            Refusal: it has neither grey nor RGB samples of its own, as in an indexed image.
        """
        model, _blank, sample = stored.rpartition(" ")
        # A prime marks the curve of the layer's colour space, a tilde that of sRGB; none means linear light.
        plain = model.replace("'", "").replace("~", "")
        if plain not in _CHANNELS or sample not in _SENT_AS:
            raise Refusal(
                _(
                    "The pixels of this layer are stored as {stored}, which cannot be filled. Use Image > Mode > RGB."
                ).format(stored=stored)
            )
        babl_type, dtype = _SENT_AS[sample]
        return cls(f"{model} {babl_type}", _CHANNELS[plain], dtype, "linear" if model == plain else "perceptual")

    @property
    def bytes_per_pixel(self) -> int:
        """Of what is sent."""
        return self.channels * {"u8": 1, "u16": 2, "f32": 4}[self.dtype]

    @property
    def has_alpha(self) -> bool:
        """Whether the last channel is alpha."""
        return self.channels in (2, 4)
