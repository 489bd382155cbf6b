"""A photograph as it is to be completed: its samples, and which of them are known."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glcic_backend.scene import pixels
from glcic_backend.scene.pixels import Samples
from glcic_backend.scene.rectangles import slices
from glcic_backend.wire.geometry import Rectangle


@dataclass(frozen=True)
class Photograph:
    """An image and what is known of it.

    Attributes:
        image: see `glcic_backend.scene.pixels`.
        known: bool [H, W], pixels that may be used as context.
        linear: the image's values are linear light.
        sources: bool [H, W], pixels that texture may be copied from, if not all that are known.
    """

    image: Samples
    known: NDArray[np.bool_]
    linear: bool
    sources: NDArray[np.bool_] | None = None

    @property
    def width(self) -> int:
        return int(self.known.shape[1])

    @property
    def height(self) -> int:
        return int(self.known.shape[0])

    def rgb(self, part: Rectangle) -> NDArray[np.float32]:
        """A part of it as float32 [h, w, 3], RGB, perceptual."""
        return pixels.to_perceptual_rgb(self.image[slices(part)], self.linear)

    def part(self, part: Rectangle) -> "Photograph":
        """A part of it as a photograph of its own, of the same memory."""
        place = slices(part)
        sources = None if self.sources is None else self.sources[place]
        return Photograph(self.image[place], self.known[place], self.linear, sources)
