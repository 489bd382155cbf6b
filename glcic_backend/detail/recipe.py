"""How far a fill follows the completion, and how far the photograph alone (docs/workshop/detail-transfer.md)."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Recipe:
    """Attributes:
    guide: weight of the guide; 1 is that of `guide.py`.
    patience: the search begins twice, the second time one scale later, where more of the completion is kept. The first
        field goes on if it costs less than so many times as much.
    fading: while it searches, a patch's cost counts so many times as much with each pixel that it is farther from the
        known part. So structure grows inwards.
    rim_fading: the same within `rim`.
    rim: distance from the known part, in pixels.
    structure: thickness of the hole at a scale, in pixels, up to which that scale finds structure. There the fading
        ends: what grew inwards from two sides need not fit where it meets, and with all patches alike one side gives
        way. Finer scales refine what was found.
    fading_ends: after so large a share of such a scale's rounds.
    contrast: exponent by which a source's missing contrast raises its cost; 0 leaves the costs as they are. The
        sharpness of the fill grows with it.
    by_colour: no more contrast is wanted of a source than what has its colour usually has.
    flat: share of the contrast that is wanted at a place, and usual for a source's colour, below which the source
        counts as flat, which adds to its cost (`flatness.py`); 0 adds nothing.
    nearness: so many times more a source's cost counts at a distance of the hole's thickness.
    rarity: added to the cost of a source of rare colours alone, times the mean variance of the sources' patches.
    elsewhere: added to the cost of a source that a variant before this one copied, times the same.
    outlier: a step at the rim that is so many times the median one is half believed, a larger one less.
    screen: how strongly the colours of the pieces are kept at least where they are made to fit: a correction fades over
        1 / sqrt(screen) pixels. In busy texture `seams.py` adds to it.
    in_step: first rounds of each scale but the finest in which the shifts are tried by which the surroundings repeat.
    rounds: estimates at each scale that is searched, the finest first; the last number stands for all coarser ones.
    """

    guide: float
    patience: float
    fading: float
    rim_fading: float
    rim: int
    structure: float
    fading_ends: float
    contrast: float
    by_colour: bool
    flat: float
    nearness: float
    rarity: float
    elsewhere: float
    outlier: float
    screen: float
    in_step: int
    rounds: tuple[int, ...]

    def fading_at(self, depth: NDArray[np.float32]) -> NDArray[np.float32]:
        """What costs are multiplied by at distances from the known part, pixels: logarithms; float32 [t] both."""
        near = np.minimum(depth, np.float32(self.rim))
        steeper = math.log(self.rim_fading / self.fading)
        return np.asarray(depth * math.log(self.fading) + near * steeper, np.float32)

    def fading_left(self, turn: int, rounds: int, thickness: float) -> float:
        """How much of the fading counts in a round, 1..0.

        Args:
            turn: number of the round, from 0.
            rounds: of this scale.
            thickness: of the hole at this scale, pixels.
        """
        if thickness > self.structure:
            return 1.0
        return max(0.0, 1 - turn / (self.fading_ends * max(1, rounds - 1)))

    def rounds_at(self, number: int) -> int:
        """Estimates at a scale; 0 is the finest."""
        return self.rounds[min(number, len(self.rounds) - 1)]


FAITHFUL = Recipe(
    guide=0.7,
    patience=0.9,
    fading=1.25,
    rim_fading=1.25,
    rim=0,
    structure=40.0,
    fading_ends=0.5,
    contrast=0.35,
    by_colour=False,
    flat=0.33,
    nearness=0.5,
    rarity=1.0,
    elsewhere=0.1,
    outlier=6.0,
    screen=0.004,
    in_step=1,
    rounds=(4, 5, 6, 10, 14),
)
"""For holes that the network knows well: at the finer scales each ring continues one that is settled."""

FREE = Recipe(
    guide=0.0,
    patience=1.0,
    fading=1.15,
    rim_fading=2.0,
    rim=4,
    structure=40.0,
    fading_ends=0.5,
    contrast=0.35,
    by_colour=True,
    flat=0.0,
    nearness=0.5,
    rarity=1.0,
    elsewhere=0.1,
    outlier=6.0,
    screen=0.0003,
    in_step=1,
    rounds=(4, 6, 8, 12, 16),
)
"""For larger holes. What the network knows of them is a blurred mean of all that could be there, and what follows it
closely is scraps. The rim is continued closely, and deeper inside whole pieces of the photograph may stand."""
