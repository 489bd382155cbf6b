"""A sky, things in it that a mask leaves something of, and what is doubted of that."""

import cv2
import numpy as np

from glcic_backend.scene.photograph import Photograph
from glcic_backend.scene.rim import doubtful_rim

HEIGHT, WIDTH = 160, 200


def sky() -> np.ndarray:
    """A blue sky, lighter below, with a little noise: uint8 [160, 200, 3]."""
    rows = np.linspace(0, 1, HEIGHT)[:, None, None]
    colour = (1 - rows) * np.array([70, 120, 190]) + rows * np.array([150, 180, 215])
    noise = np.random.default_rng(1).normal(0, 2, (HEIGHT, WIDTH, 1))
    return np.clip(np.rint(colour + noise), 0, 255).astype(np.uint8)


def doubtful(image: np.ndarray, masked: np.ndarray) -> np.ndarray:
    return doubtful_rim(Photograph(image, ~masked, False), masked)


def as_jpeg(image: np.ndarray) -> np.ndarray:
    """Through a JPEG with chroma of half the size, as cameras write."""
    options = [cv2.IMWRITE_JPEG_QUALITY, 90, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420]
    return cv2.imdecode(cv2.imencode(".jpg", image[..., ::-1], options)[1], cv2.IMREAD_COLOR)[..., ::-1].copy()


def kite(tip: int) -> tuple[np.ndarray, np.ndarray]:
    """A yellow kite in the sky whose lowest `tip` pixels the mask has cut off; image and mask."""
    image, thing = sky(), np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.fillPoly(thing, [np.array([(60, 30), (140, 30), (100, 120)])], 1)
    image[thing > 0] = (240, 210, 40)
    masked = np.zeros((HEIGHT, WIDTH), bool)
    masked[20 : 121 - tip, 50:150] = True
    return as_jpeg(image), masked
