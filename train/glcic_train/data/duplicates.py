"""Near duplicates, told by a perceptual hash."""

import cv2
import numpy as np

MAX_DISTANCE = 6
"""Photos whose hashes differ in at most this many of 64 bits are taken for the same (docs/workshop/data.md)."""


def perceptual_hash(pixels: np.ndarray) -> int:
    """A 64-bit hash that survives resizing, recompression and small changes of brightness.

    The signs, against their median, of the 64 lowest frequencies of the photo's grey values at 32x32.

    Args:
        pixels: uint8 [H, W, 3], RGB.
    """
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32)
    # Without the first row and column: those hold the mean and the shading from edge to edge, alike in many photos.
    frequencies = cv2.dct(small)[1:9, 1:9].ravel()
    return int.from_bytes(np.packbits(frequencies > np.median(frequencies)).tobytes(), "big")


class DuplicateFinder:
    """Remembers photos and finds near duplicates among them.

    A search compares with every photo remembered: about 1 ms per million photos.
    """

    def __init__(self) -> None:
        self._hashes = np.zeros(1024, np.uint64)
        self._names: list[str] = []

    def find(self, value: int) -> str | None:
        """Name of the first photo remembered that is a near duplicate, or None."""
        different_bits = np.bitwise_count(self._hashes[: len(self._names)] ^ np.uint64(value))
        found = np.flatnonzero(different_bits <= MAX_DISTANCE)
        return self._names[found[0]] if len(found) else None

    def add(self, value: int, name: str) -> None:
        """Remember a photo."""
        if len(self._names) == len(self._hashes):
            self._hashes = np.concatenate([self._hashes, np.zeros_like(self._hashes)])
        self._hashes[len(self._names)] = value
        self._names.append(name)
