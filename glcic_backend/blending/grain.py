"""Smooth fills in; fills with the grain of their surroundings out, which neither look like plastic nor show bands.

The grain of a photograph is what varies from pixel to pixel in its calmest places. Texture is not imitated here: that
is what details are for (`detail/`).
"""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from glcic_backend.scene.fill import Fill, paste
from glcic_backend.scene.photograph import Photograph
from glcic_backend.scene.rectangles import grown, slices

_TILE = 25
_STEP = 6
"""Pixels from one tile that is looked at to the next."""
_AROUND = 9
"""Side of the square round a pixel of the fill in which it is measured how much grain there is already."""
_BAND = 2 * _TILE
"""Known pixels round a fill that are looked at."""
_CALM = 0.2
"""Of the tiles round a fill, sorted from calm to busy, the place of the one that is taken for grain alone."""
_FAINT = 0.02
"""Standard deviation up to which it is grain in any case, 0..1. Beyond, it is noise, or else texture."""
_CALMEST = 0.01
"""As `_CALM`, of a tile that is compared with the chosen one."""
_LEAST_EVEN = 0.6
"""Of the chosen tile's variance, what the calmest has in noise. Texture is here calmer, there busier."""
_PEAKED = (2.4, 4.0)
"""Kurtosis that noise has: 3 is that of a normal distribution. Most texture has more, a pattern of two colours less."""
_APART, _MOST_ALIKE = 6, 0.3
"""So many pixels apart, values of noise correlate by no more; those of a pattern do."""
_COARSEST = 2.0
"""Sigma of the Gaussian that tells grain, which is finer, from the picture, pixels."""


def add_grain(
    photograph: Photograph, fills: Sequence[Fill], seed: int, check: Callable[[], None] = lambda: None
) -> None:
    """Give blended fills the grain of their surroundings, in place, as far as they have none.

    Args:
        seed: of the random numbers.
        check: called before each; may raise.
    """
    for fill in fills:
        check()
        crop = grown(fill.region, _BAND, photograph.width, photograph.height)
        picture, known = photograph.rgb(crop), photograph.known[slices(crop)]
        check()
        sample = _sample(picture, known)
        if sample is None:
            continue
        check()
        paste([fill], crop, picture)
        inner = slices(fill.region._replace(x=fill.region.x - crop.x, y=fill.region.y - crop.y))
        present = cv2.blur(_fine_part(picture)[inner] ** 2, (_AROUND, _AROUND)).mean(axis=2, keepdims=True)
        missing = np.sqrt(np.maximum(1 - present / np.square(sample).mean(), 0))
        check()
        grain = _more_of(sample, fill.where.shape, np.random.default_rng(seed))
        fill.colour = fill.colour + missing * grain


def _sample(picture: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.float32] | None:
    """Grain from a calm place of the known part, float32 [_TILE, _TILE, 3]; None where there is none, or texture."""
    reach = _TILE // 2 + int(2 * _COARSEST)
    wholly = cv2.erode(known.view(np.uint8), np.ones((2 * reach + 1,) * 2, np.uint8), borderValue=0)[::_STEP, ::_STEP]
    rows, columns = np.nonzero(wholly)
    if not len(rows):
        return None
    fine = _fine_part(picture)
    variance = cv2.blur(fine * fine, (_TILE, _TILE)).sum(axis=2)[rows * _STEP, columns * _STEP]
    calm_first = np.argsort(variance, kind="stable")
    chosen, calmest = (calm_first[int(share * len(variance))] for share in (_CALM, _CALMEST))
    row, column = rows[chosen] * _STEP - _TILE // 2, columns[chosen] * _STEP - _TILE // 2
    sample = fine[row : row + _TILE, column : column + _TILE]
    sample = sample - sample.mean(axis=(0, 1))
    if not sample.any():
        return None
    is_even = variance[calmest] >= _LEAST_EVEN * variance[chosen]
    return sample if sample.std() <= _FAINT or (is_even and _is_noise(sample.mean(axis=2, dtype=np.float64))) else None


def _is_noise(values: NDArray[np.float64]) -> bool:
    """Whether a sample's lightness, float64 [h, w], without its mean, is distributed as noise is."""
    variance = np.square(values).mean()
    if variance == 0:
        return False
    peaked = (values**4).mean() / variance**2
    across, down = values[:, _APART:] * values[:, :-_APART], values[_APART:] * values[:-_APART]
    alike = max(across.mean(), down.mean()) / variance
    return bool(_PEAKED[0] <= peaked <= _PEAKED[1] and alike <= _MOST_ALIKE)


def _more_of(sample: NDArray[np.float32], shape: tuple[int, ...], random: np.random.Generator) -> NDArray[np.float32]:
    """Gaussian noise with the spectrum and the colours of a sample, float32 [*shape, 3] (spot noise: van Wijk 1991)."""
    spots = random.standard_normal(shape, np.float32) / np.float32(_TILE)
    return np.dstack([cv2.filter2D(spots, -1, channel, borderType=cv2.BORDER_WRAP) for channel in cv2.split(sample)])


def _fine_part(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    return picture - cv2.GaussianBlur(picture, (0, 0), _COARSEST, borderType=cv2.BORDER_REFLECT_101)
