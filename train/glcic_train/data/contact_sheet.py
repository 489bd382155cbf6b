"""A sheet of small pictures, to see at a glance what a set holds."""

import math

import cv2
import numpy as np

from glcic_train.data.photo_set import PhotoSet

_CELL = 160
_GAP = 4
_GREY = 48


def contact_sheet(photos: PhotoSet, count: int, seed: int = 0) -> np.ndarray:
    """Draw `count` photos at random (all, if there are fewer), each fitted into a cell of 160 pixels.

    Returns:
        uint8 [H, W, 3], RGB: about twice as wide as high.
    """
    count = min(count, len(photos))
    chosen = np.sort(np.random.default_rng(seed).choice(len(photos), count, replace=False))
    columns = math.ceil(math.sqrt(2 * count))
    pitch = _CELL + _GAP
    sheet = np.full((math.ceil(count / columns) * pitch + _GAP, columns * pitch + _GAP, 3), _GREY, np.uint8)
    for place, number in enumerate(chosen):
        small = _fit(photos.read(int(number)))
        height, width = small.shape[:2]
        top = _GAP + place // columns * pitch + (_CELL - height) // 2
        left = _GAP + place % columns * pitch + (_CELL - width) // 2
        sheet[top : top + height, left : left + width] = small
    return sheet


def _fit(pixels: np.ndarray) -> np.ndarray:
    scale = _CELL / max(pixels.shape[:2])
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
