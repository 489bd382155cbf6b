"""Patches in, short vectors out, whose distance is nearly that of the patches.

Comparing two patches of 7 x 7 pixels takes 147 differences. Photographs' patches vary along few directions, so their
principal components (of the sources, hence fitted to the photograph) keep most of it in 24.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from glcic_backend.compiled import compiled, in_chunks
from glcic_backend.detail.pyramid import PATCH, RADIUS, Level, Positions

COMPONENTS = 24
_SAMPLES = 4096
_FEWER = 4
"""Times fewer of them tell the variance, which is a mean."""
_CHUNK = 1024
_TOGETHER = 4096
"""Patches that are gathered before they are multiplied: so few that a cache holds them."""
_STRIP = 1 << 18
"""Positions whose vectors are computed together."""
_ROWS = 32
"""Rows of them that a thread copies at once: most of the time goes into memory that is touched for the first time."""
_BAND = 64
"""Rows whose patches at some positions are computed together."""
_DENSE, _MANY = 0.6, 4096
"""Share of such rows' box that is asked for, and positions, from which on computing the whole box takes less time than
gathering the patches."""


class PatchSpace:
    """The vectors of one level's patches. Squared distances are per pixel of a patch.

    Args:
        level: its sources' patches give the components, those that tell most first.

    Attributes:
        variance: the mean one within the sources' patches, of all three channels together.
    """

    def __init__(self, level: Level) -> None:
        self._level = level
        step = max(1, len(level.sources) // _SAMPLES)
        places = level.sources[::step]
        samples = np.empty((len(places), PATCH * PATCH * 3))
        _gather(level.pixels, places, level.stride, samples)
        centred = torch.from_numpy(samples)
        some = centred[::_FEWER]
        self.variance = float(some.view(len(some), -1, 3).var(1, correction=0).sum(1).mean())
        centred -= centred.mean(0)
        components = torch.linalg.eigh(centred.T @ centred).eigenvectors.flip(1)[:, :COMPONENTS]
        self._basis = np.ascontiguousarray(components.numpy() / PATCH, np.float32)

    def everywhere(self, check: Callable[[], None], room: int = 0) -> NDArray[np.float32]:
        """Vectors of all patches of the level, by position; void on the border.

        Args:
            check: called often; may raise.
            room: so many zeros follow each vector.

        Returns:
            float32 [n, COMPONENTS + room].
        """
        stride = self._level.stride
        kernel = self._kernel()
        picture = self._level.pixels.reshape(-1, stride, 3)
        vectors = np.zeros((len(picture), stride, COMPONENTS + room), np.float32)
        rows = max(1, _STRIP // stride)
        last = len(picture) - 2 * RADIUS
        for top in range(0, last, rows):
            check()
            part = picture[top : min(top + rows, last) + 2 * RADIUS]
            found = _convolved(part, kernel)
            height = len(found)
            inner = vectors[top + RADIUS : top + RADIUS + height, RADIUS:-RADIUS]

            def copy(begin: int, end: int, inner: Any = inner, found: Any = found) -> None:
                inner[begin:end, :, :COMPONENTS] = found[begin:end]

            in_chunks(copy, height, _ROWS, torch.get_num_threads(), check)
        return vectors.reshape(self._level.count, -1)

    def at(
        self,
        pixels: NDArray[np.float32],
        positions: Positions,
        vectors: NDArray[np.float32],
        check: Callable[[], None],
    ) -> None:
        """Put the vectors of the patches at some positions of a picture into the first `COMPONENTS` of `vectors`.

        Args:
            pixels: float32 [n, 3], by position.
            positions: int32 [p], ascending, none on the border.
            vectors: float32 [p, COMPONENTS or more], changed in place.
            check: as above.
        """
        stride, kernel = self._level.stride, self._kernel()
        rows, columns = positions // stride, positions % stride
        picture = pixels.reshape(-1, stride, 3)
        begin = 0
        while begin < len(positions):
            check()
            top = int(rows[begin])
            end = int(np.searchsorted(rows, top + _BAND))
            bottom, left, right = int(rows[end - 1]), int(columns[begin:end].min()), int(columns[begin:end].max())
            box = picture[top - RADIUS : bottom + RADIUS + 1, left - RADIUS : right + RADIUS + 1]
            if end - begin >= max(_MANY, _DENSE * (bottom - top + 1) * (right - left + 1)):
                found = _convolved(box, kernel)[rows[begin:end] - top, columns[begin:end] - left]
            else:
                end = min(end, begin + _TOGETHER)
                found = self._one_by_one(pixels, positions[begin:end], check)
            vectors[begin:end, :COMPONENTS] = found
            begin = end

    def _one_by_one(
        self, pixels: NDArray[np.float32], positions: Positions, check: Callable[[], None]
    ) -> NDArray[np.float32]:
        """The vectors at some positions, float32 [p, COMPONENTS], of patches that are gathered."""
        patches = np.empty((len(positions), PATCH * PATCH * 3), np.float32)

        def run(begin: int, end: int) -> None:
            _gather(pixels, positions[begin:end], self._level.stride, patches[begin:end])

        in_chunks(run, len(positions), _CHUNK, torch.get_num_threads(), check)
        product = torch.from_numpy(patches) @ torch.from_numpy(self._basis)
        return np.asarray(product.numpy(), np.float32)

    def _kernel(self) -> torch.Tensor:
        kernel = torch.from_numpy(self._basis).view(PATCH, PATCH, 3, -1).permute(3, 2, 0, 1)
        return kernel.contiguous(memory_format=torch.channels_last)  # and so is what it gives


def _convolved(picture: NDArray[np.float32], kernel: torch.Tensor) -> NDArray[np.float32]:
    """The vectors of all patches that lie in a picture wholly: of float32 [h, w, 3] [h - 6, w - 6, COMPONENTS]."""
    with torch.inference_mode():
        found = functional.conv2d(torch.from_numpy(picture).permute(2, 0, 1)[None], kernel)
    return np.asarray(found[0].permute(1, 2, 0).numpy(), np.float32)


@compiled
def _gather(pixels: NDArray[np.float32], positions: Positions, stride: int, patches: NDArray[np.floating[Any]]) -> None:
    """The patches at some positions, float32 or float64 [p, 147]."""
    numbers = pixels.ravel()
    width = 3 * PATCH
    for index in range(len(positions)):
        # Row by row: the pixels of one lie side by side.
        for row in range(PATCH):
            first = 3 * (positions[index] + (row - RADIUS) * stride - RADIUS)
            for number in range(width):
                patches[index, row * width + number] = numbers[first + number]
