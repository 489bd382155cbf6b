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
        known: bool [h, w], pixels that stay as they are.
        hole: bool [h, w], pixels to fill; none of them known.
        sources: bool [h, w], known pixels that may be copied from, if not all.
    """

    picture: NDArray[np.float32]
    known: NDArray[np.bool_]
    hole: NDArray[np.bool_]
    sources: NDArray[np.bool_] | None = None

    def halved(self) -> "Scene":
        """The next coarser scale. A pixel is known, or a source, where all of its four are; else hole where one is."""
        odd = 0, self.hole.shape[0] % 2, 0, self.hole.shape[1] % 2

        def mean(values: NDArray[np.float32]) -> NDArray[np.float32]:
            even = cv2.copyMakeBorder(values, *odd, cv2.BORDER_REPLICATE) if any(odd) else values
            size = even.shape[1] // 2, even.shape[0] // 2
            return np.asarray(cv2.resize(even, size, interpolation=cv2.INTER_AREA), np.float32)

        def all_four(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
            return mean(mask.astype(np.float32)) > 1 - 1e-3

        known = all_four(self.known)
        hole = mean(self.hole.astype(np.float32)) > 0
        sources = None if self.sources is None else all_four(self.sources)
        return Scene(mean(self.picture), known, hole & ~known, sources)
