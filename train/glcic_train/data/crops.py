"""Which crop of which photo is in which batch (paper, section 3.5), as a pure function of seed and step."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from glcic_backend.errors import InvalidInputError

# Independent random streams of one seed.
_ORDER_STREAM, _CROP_STREAM = 1, 2
DRAWS = 7
"""Uniform numbers that a crop takes: scale, left, top, flip, and three for colour."""


@dataclass(frozen=True)
class CropOptions:
    """How a training picture is cut from a photo. The defaults are the paper's (section 3.5)."""

    size: int = 256
    """Side of the square crop, in pixels."""
    short_side: tuple[int, int] = (256, 384)
    """The photo is resized so that its shortest edge is a random whole number in this range, both ends included."""
    flip: bool = True
    """Mirror every second crop, at random."""
    max_upscale: float = 1.5
    """A photo is enlarged at most by this factor; one that is still too small for `short_side[0]` is left out.
    1.5 lets the 256-pixel edition of Places2 be resized over the whole range of the paper."""
    colour_jitter: float = 0.0
    """Brightness, contrast and saturation are each multiplied by a random factor in 1 +- this. 0 = off (the paper)."""

    def __post_init__(self) -> None:
        low, high = self.short_side
        if self.size < 1:
            raise InvalidInputError(f"The crop size is {self.size}; it must be at least 1 pixel.")
        if not self.size <= low <= high:
            raise InvalidInputError(
                f"The shortest edge is to be resized to {low}..{high} pixels, but the crop takes {self.size}. "
                "Give a range that starts at the crop size or above and does not end before it starts."
            )
        if self.max_upscale < 1:
            raise InvalidInputError(f"max_upscale is {self.max_upscale}; 1 is the least: photos are never enlarged.")
        if not 0 <= self.colour_jitter < 1:
            raise InvalidInputError(f"colour_jitter is {self.colour_jitter}; it must be in 0..1, 1 excluded.")

    def usable(self, sizes: np.ndarray) -> np.ndarray:
        """Numbers of the photos that are large enough: int64 [K], ascending.

        Args:
            sizes: int [P, 2], width and height of all photos of the set.

        Raises:
            InvalidInputError: none is.
        """
        found = np.flatnonzero(sizes.min(axis=1) * self.max_upscale >= self.short_side[0])
        if len(found) == 0:
            raise InvalidInputError(
                f"None of the {len(sizes)} photos is large enough: resized to a shortest edge of "
                f"{self.short_side[0]} pixels they would be enlarged by more than {self.max_upscale}. "
                "Use larger photos, a smaller crop, or raise max_upscale."
            )
        return found


@dataclass(frozen=True)
class CropPlan:
    """The crops of one batch of N, before any pixel is touched. Coordinates are pixels of the resized photo."""

    photo: np.ndarray
    """int64 [N]: number of the photo in its set."""
    resized: np.ndarray
    """int64 [N, 2]: width and height the photo is resized to."""
    corner: np.ndarray
    """int64 [N, 2]: left and top of the crop."""
    flip: np.ndarray
    """bool [N]: mirrored left to right, after the crop."""
    colour: np.ndarray
    """float32 [N, 3]: factors of brightness, contrast and saturation."""


def next_photo(photo: int, usable: np.ndarray) -> int:
    """The usable photo that stands in for a damaged one: the one after it, in whatever process, at whatever step."""
    return int(usable[(np.searchsorted(usable, photo) + 1) % len(usable)])


@dataclass(frozen=True)
class CropSampler:
    """Decides every crop of a training run.

    Photo and crop depend on (seed, step, number in the global batch) alone. So a run is resumed by its step number,
    and `world_size` processes of `batch_size` see together what one process of `world_size * batch_size` would see.
    Each photo comes once per epoch, in an order shuffled anew for every epoch.
    """

    crop: CropOptions
    batch_size: int
    """Pictures per batch of this process."""
    seed: int
    rank: int = 0
    world_size: int = 1

    def __post_init__(self) -> None:
        if self.batch_size < 1 or not 0 <= self.rank < self.world_size or self.seed < 0:
            raise InvalidInputError(
                f"Batch size {self.batch_size}, rank {self.rank} of {self.world_size} and seed {self.seed} do not make "
                "sense: batches hold 1 picture or more, ranks count from 0, seeds are not negative."
            )

    def plan(self, step: int, sizes: np.ndarray, usable: np.ndarray) -> CropPlan:
        """Plan batch number `step` (from 0) of this rank.

        Args:
            step: number of the batch, counted from the start of the run.
            sizes: int [P, 2], width and height of all photos of the set.
            usable: the photos to draw from, as `CropOptions.usable` gives them.
        """
        return self.cut(*self.choose(step, usable), sizes)

    def choose(self, step: int, usable: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The photos of a batch, int64 [N], and what decides their crops, uniform in 0..1: float64 [N, 7]."""
        return usable[self._positions(step, len(usable))], self._draws(step)

    def cut(self, photo: np.ndarray, draws: np.ndarray, sizes: np.ndarray) -> CropPlan:
        """Decide the crops of some photos, whichever they are, by the same draws.

        Args:
            photo: int64 [N].
            draws: float64 [N, 7], uniform in 0..1.
            sizes: int [P, 2], width and height of all photos of the set.
        """
        resized = self._resized(sizes[photo], draws[:, 0])
        corner = np.floor(draws[:, 1:3] * (resized - self.crop.size + 1)).astype(np.int64)
        flip = (draws[:, 3] < 0.5) & self.crop.flip
        colour = (1 + self.crop.colour_jitter * (2 * draws[:, 4:7] - 1)).astype(np.float32)
        return CropPlan(photo, resized, corner, flip, colour)

    def _positions(self, step: int, count: int) -> np.ndarray:
        """Places of this rank's samples among `count` photos: int64 [N]. A batch may straddle two epochs."""
        first = (step * self.world_size + self.rank) * self.batch_size
        epoch, place = np.divmod(np.arange(first, first + self.batch_size), count)
        orders = (_epoch_order(self.seed, int(number), count) for number in epoch)
        return np.array([order[number] for order, number in zip(orders, place, strict=True)])

    def _draws(self, step: int) -> np.ndarray:
        """Uniform numbers in 0..1 for this rank's samples: float64 [N, 7]."""
        generator = np.random.Generator(np.random.Philox(key=[self.seed, _CROP_STREAM], counter=[0, 0, 0, step]))
        # Row j is the same whatever number of rows is drawn: the split into ranks does not show.
        draws: np.ndarray = generator.random(((self.rank + 1) * self.batch_size, DRAWS))
        return draws[self.rank * self.batch_size :]

    def _resized(self, sizes: np.ndarray, draw: np.ndarray) -> np.ndarray:
        """Sizes to resize to: int64 [N, 2], from sizes [N, 2] and uniform numbers [N]."""
        low, high = self.crop.short_side
        short = sizes.min(axis=1)
        high = np.maximum(low, np.minimum(high, np.floor(short * self.crop.max_upscale)))
        target = np.floor(low + draw * (high - low + 1))
        resized: np.ndarray = np.rint(sizes * (target / short)[:, None]).astype(np.int64)
        # Rounding must not make the shortest edge smaller than the crop.
        at_least: np.ndarray = np.maximum(resized, low)
        return at_least


@lru_cache(maxsize=4)
def _epoch_order(seed: int, epoch: int, count: int) -> np.ndarray:
    """The order of `count` photos in an epoch: int64 [count]."""
    generator = np.random.Generator(np.random.Philox(key=[seed, _ORDER_STREAM], counter=[0, 0, 0, epoch]))
    order: np.ndarray = generator.permutation(count)
    return order
