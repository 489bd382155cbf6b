"""A scene, what there is to work with round a hole at one scale, in; the next coarser one out."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Scene:
    """What there is to work with, at one scale.

    Attributes:
        picture: float32 [h, w, 3], RGB, 0..1: the photograph, with a first completion in the hole.
        known: bool [h, w], pixels that may be copied from.
        hole: bool [h, w], pixels to fill; none of them known.
    """

    picture: NDArray[np.float32]
    known: NDArray[np.bool_]
    hole: NDArray[np.bool_]

    def halved(self) -> "Scene":
        """The next coarser scale. A pixel is known where all of its four are, else hole where one of them is."""
        odd = 0, self.hole.shape[0] % 2, 0, self.hole.shape[1] % 2

        def mean(values: NDArray[np.float32]) -> NDArray[np.float32]:
            even = cv2.copyMakeBorder(values, *odd, cv2.BORDER_REPLICATE) if any(odd) else values
            size = even.shape[1] // 2, even.shape[0] // 2
            return np.asarray(cv2.resize(even, size, interpolation=cv2.INTER_AREA), np.float32)

        known = mean(self.known.astype(np.float32)) > 1 - 1e-3
        hole = mean(self.hole.astype(np.float32)) > 0
        return Scene(mean(self.picture), known, hole & ~known)
