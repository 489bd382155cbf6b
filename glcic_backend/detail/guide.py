"""The network's completion in; a guide for the search out: roughly which colours belong where.

The network paints blurred. So its completion is compared with the photograph blurred alike, at the patches' centres
only, by colour and slope; both are smooth, so that more would say no more.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from glcic_backend.detail.pyramid import RADIUS
from glcic_backend.scene.scene import Scene

GUIDE_NUMBERS = 5
"""That are added to a vector."""

_WEIGHT = 0.045
_SLOPE_WEIGHT = 0.135
_SMALL_BLUR = 4.0


def guide_vectors(scene: Scene, blur: float, share: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What is added to the patches' vectors, for sources and for targets.

    Args:
        scene: one scale.
        blur: by how much the completion in the hole is blurred: the Gaussian's sigma, pixels.
        share: of the usual weight.

    Returns:
        float32 [n, GUIDE_NUMBERS] each, by position: the photograph blurred; the same with the completion as it is in
        the hole.
    """
    low = _blurred(scene.picture, blur)
    seen = np.where(scene.hole[..., None], scene.picture, low)
    # A blurred slope is small: weighted by the blur, it is a difference of colours over the blur's width.
    weight, slope_weight = (share * _WEIGHT) ** 0.5, (share * _SLOPE_WEIGHT) ** 0.5 * max(blur, 1.0)
    return _vectors(low, weight, slope_weight), _vectors(seen, weight, slope_weight)


def _vectors(picture: NDArray[np.float32], weight: float, slope_weight: float) -> NDArray[np.float32]:
    height, width = picture.shape[:2]
    vectors = np.zeros((height + 2 * RADIUS, width + 2 * RADIUS, 5), np.float32)
    inner = vectors[RADIUS:-RADIUS, RADIUS:-RADIUS]
    np.multiply(picture, np.float32(weight), out=inner[..., :3])
    grey = cv2.transform(picture, np.full((1, 3), 1 / 3, np.float32))
    for place, (across, down) in ((3, (1, 0)), (4, (0, 1))):
        slope = cv2.Sobel(
            grey, cv2.CV_32F, across, down, ksize=1, scale=0.5 * slope_weight, borderType=cv2.BORDER_REPLICATE
        )
        inner[..., place] = slope
    return vectors.reshape(-1, 5)


def _blurred(picture: NDArray[np.float32], blur: float) -> NDArray[np.float32]:
    height, width = picture.shape[:2]
    # A wide blur leaves nothing that a smaller picture could not show.
    step = max(1, int(blur / _SMALL_BLUR))
    small = cv2.resize(picture, (-(-width // step), -(-height // step)), interpolation=cv2.INTER_AREA)
    low = cv2.GaussianBlur(small, (0, 0), blur / step, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(low, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
