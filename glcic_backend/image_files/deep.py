"""Samples of more than 8 bits, decoded by OpenCV."""

from typing import Any

import cv2
import numpy as np
from cv2.utils import logging
from numpy.typing import NDArray


def decode_by_opencv(data: bytes) -> NDArray[Any]:
    """Decode a file as it is stored, without turning it.

    Returns:
        [H, W, C] with the colours in the order RGB; C as OpenCV has it, which knows no grey with alpha.

    Raises:
        ValueError: OpenCV cannot decode it.
    """
    level = logging.getLogLevel()
    logging.setLogLevel(logging.LOG_LEVEL_SILENT)  # Damage is reported by our own sentence.
    try:
        pixels: Any = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    finally:
        logging.setLogLevel(level)
    if pixels is None:
        raise ValueError("OpenCV cannot decode it")
    if pixels.ndim == 2:
        return np.asarray(pixels[..., None])
    return np.asarray(pixels[..., [2, 1, 0, 3][: pixels.shape[2]]])
