"""A photograph in; a smaller copy out, for holes that the network cannot complete at full size."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from glcic_backend.errors import CancelledError
from glcic_backend.scene.holes import Hole
from glcic_backend.scene.photograph import Photograph
from glcic_backend.scene.rectangles import slices
from glcic_backend.wire.geometry import Rectangle

_STRIP_PIXELS = 1 << 22


class SmallCopy:
    """A photograph made 2^level times smaller, of which only what is asked for is computed.

    Its pixels are the means of the known ones of 2^level x 2^level; one counts as known if half of those are.
    """

    def __init__(self, photograph: Photograph, level: int, cancelled: Callable[[], bool] | None = None) -> None:
        self._photograph, self._cancelled = photograph, cancelled
        # Blocks of a picture of few rows have no more of them than that takes: they would be void.
        self._across, self._down = (min(1 << level, _power(size)) for size in (photograph.width, photograph.height))
        self._last: tuple[Rectangle, tuple[NDArray[np.float32], NDArray[np.bool_]]] | None = None
        self.width = -(-photograph.width // self._across)
        self.height = -(-photograph.height // self._down)

    def read(self, part: Rectangle) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Colour, float32 [h, w, 3], 0..1, void where not known, and what is known, bool [h, w]."""
        if self._across == self._down == 1:
            return np.clip(self._photograph.rgb(part), 0, 1), self._photograph.known[slices(part)]
        if self._last is not None and self._last[0] == part:
            return self._last[1]
        rows = max(1, _STRIP_PIXELS // (self._across * self._down * part.width))
        strips = [
            self._strip(part._replace(y=y, height=min(rows, part.bottom - y))) for y in range(part.y, part.bottom, rows)
        ]
        joined = np.concatenate([colour for colour, _ in strips]), np.concatenate([known for _, known in strips])
        # Colour and mask of the same part are asked for one after the other.
        self._last = part, joined
        return joined

    def _strip(self, part: Rectangle) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        if self._cancelled is not None and self._cancelled():
            raise CancelledError("The completion was cancelled while the photograph was made smaller.")
        across, down, photograph = self._across, self._down, self._photograph
        right, bottom = min(part.right * across, photograph.width), min(part.bottom * down, photograph.height)
        fine = Rectangle(part.x * across, part.y * down, right - part.x * across, bottom - part.y * down)
        missing = ((0, part.height * down - fine.height), (0, part.width * across - fine.width))
        known = photograph.known[slices(fine)].astype(np.float32)
        colour = np.clip(photograph.rgb(fine), 0, 1) * known[..., None]
        exists: NDArray[np.float32] | float = 1.0
        if missing != ((0, 0), (0, 0)):
            exists = _block_mean(np.pad(np.ones_like(known), missing), part)
            known, colour = np.pad(known, missing), np.pad(colour, (*missing, (0, 0)))
        share, total = _block_mean(known, part), _block_mean(colour, part)
        mean = np.divide(total, np.maximum(share, 1e-9)[..., None], dtype=np.float32)
        return mean, share >= exists / 2

    def mask(self, holes: list[Hole]) -> NDArray[np.bool_]:
        """Its pixels that hold one of some holes and are not known, bool [height, width]."""
        result = np.zeros((self.height, self.width), np.bool_)
        for hole in holes:
            box = self.cover(hole.box, 0)
            fine = np.zeros((box.height * self._down, box.width * self._across), np.bool_)
            x, y = hole.box.x - box.x * self._across, hole.box.y - box.y * self._down
            fine[y : y + hole.box.height, x : x + hole.box.width] = hole.mask
            small = fine.reshape(box.height, self._down, box.width, self._across).any(axis=(1, 3))
            result[slices(box)] |= small & ~self.read(box)[1]
        return result

    def cover(self, box: Rectangle, margin: int) -> Rectangle:
        """Its rectangle that covers one of the photograph, with a margin where there is one."""
        x, y = max(0, box.x // self._across - margin), max(0, box.y // self._down - margin)
        right = min(self.width, -(-box.right // self._across) + margin)
        bottom = min(self.height, -(-box.bottom // self._down) + margin)
        return Rectangle(x, y, right - x, bottom - y)

    def enlarge(self, colour: NDArray[np.float32], part: Rectangle, box: Rectangle) -> NDArray[np.float32]:
        """A rectangle of the photograph, smoothly from a part of the small copy that covers it with a margin."""
        across, down = self._across, self._down
        large = cv2.resize(colour, (part.width * across, part.height * down), interpolation=cv2.INTER_CUBIC)
        place = Rectangle(box.x - part.x * across, box.y - part.y * down, box.width, box.height)
        return np.clip(large[slices(place)], 0, 1)


def _power(size: int) -> int:
    """The smallest power of two that is no less."""
    return 1 << (size - 1).bit_length()


def _block_mean(values: NDArray[np.float32], part: Rectangle) -> NDArray[np.float32]:
    """Means of the blocks that a part of the small copy is made of."""
    return np.asarray(cv2.resize(values, (part.width, part.height), interpolation=cv2.INTER_AREA), np.float32)
