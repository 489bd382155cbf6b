"""Some values of a level's patches in, what of them is usual for the colour of a patch out."""

import numpy as np
from numpy.typing import NDArray

from glcic_backend.detail.bands import Band, in_bands
from glcic_backend.detail.pyramid import Level

_VALUES = 12
"""Values that are told apart in each channel of a colour."""


class Shades:
    """The mean colours of a level's patches, told apart coarsely.

    Args:
        level: gives the photograph and what is a source.

    Attributes:
        numbers: int16 [n], by position: which shade the patch has.
    """

    def __init__(self, level: Level) -> None:
        self._level = level
        self.numbers: NDArray[np.int16] = np.empty(level.count, np.int16)
        picture = level.pixels.reshape(-1, level.stride, 3)

        def sort(band: Band) -> None:
            means = band.patch_means(np.clip(picture[band.wide], 0, 1))
            values = np.minimum(means * _VALUES, _VALUES - 1).astype(np.int16)
            self.numbers[band.positions] = (
                (values[..., 0] * _VALUES + values[..., 1]) * _VALUES + values[..., 2]
            ).ravel()

        in_bands(level, sort)

    def usual(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """The mean that the sources of each shade have of some values.

        Args:
            values: float32 [n], by position.

        Returns:
            float32, by number of the shade; infinite for those that no source has.
        """
        sums: dict[int, NDArray[np.float64]] = {}

        def add(band: Band) -> None:
            place = band.positions
            is_source = self._level.is_source[place]
            numbers = self.numbers[place][is_source]
            count = np.bincount(numbers, minlength=_VALUES**3)
            sums[band.rows.start] = np.stack([count, np.bincount(numbers, values[place][is_source], _VALUES**3)])

        in_bands(self._level, add)
        # In a fixed order: threads end when they end.
        count, total = np.sum([sums[row] for row in sorted(sums)], axis=0)
        return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.inf), np.float32)
