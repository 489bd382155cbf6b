"""What details are made of, as the user wants it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glcic_backend.detail.lines import Path
from glcic_backend.detail.pyramid import PATCH
from glcic_backend.wire.geometry import Rectangle


@dataclass(frozen=True)
class DetailOptions:
    """Attributes:
    context: one of `wire.messages.CONTEXTS`.
    seed: of the random numbers.
    largest: thickness up to which the network fills holes at full size, pixels.
    sample_from: one of `wire.messages.SIDES`.
    distance: how far from a hole texture may come from, pixels; 0 leaves it to `context`.
    lines: that were drawn to be continued.
    """

    context: str
    seed: int
    largest: int
    sample_from: str = "automatic"
    distance: int = 0
    lines: Sequence[Path] = ()

    @property
    def is_restricted(self) -> bool:
        """Whether it says where texture or a line comes from."""
        from_anywhere = self.context == "automatic" and self.sample_from == "automatic" and self.distance == 0
        return not from_anywhere or len(self.lines) > 0


def beside(box: Rectangle, shape: tuple[int, ...], sample_from: str) -> NDArray[np.bool_]:
    """Pixels on some sides of a box, bool of a shape: as high as it, or as wide, and a patch more."""
    band = np.zeros(shape, np.bool_)
    if sample_from == "sides":
        band[max(0, box.y - PATCH) : box.bottom + PATCH] = True
    elif sample_from == "above-and-below":
        band[:, max(0, box.x - PATCH) : box.right + PATCH] = True
    else:
        band[:] = True
    return band
