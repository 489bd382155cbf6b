"""A level in, prepared for the search; fields of sources out, each from what the search begins with.

In each round, patches on the hole look for the most similar known ones, and the colours that these propose make the
next estimate (Wexler et al. 2007).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glcic_backend.detail.contrast import Contrast, contrasts
from glcic_backend.detail.copied import cost_of_copied
from glcic_backend.detail.flatness import Flatness
from glcic_backend.detail.guide import GUIDE_NUMBERS, guide_vectors
from glcic_backend.detail.lines import LINE_NUMBERS, Line, line_vectors
from glcic_backend.detail.nearest_neighbours import Matcher
from glcic_backend.detail.patches import COMPONENTS, PatchSpace
from glcic_backend.detail.pyramid import Level, Positions
from glcic_backend.detail.rarity import rarity
from glcic_backend.detail.recipe import Recipe
from glcic_backend.detail.shades import Shades
from glcic_backend.detail.shifts import DominantShifts
from glcic_backend.detail.voting import mean_vote
from glcic_backend.scene.scene import Scene

_PASSES = 3
_MANY = 10_000
_SETTLED = 0.1
"""Where more than `_MANY` patches are searched, the rounds of a scale end once one gave fewer than this share of them
another source. Smaller levels cost little, and with fewer rounds there the fills come out calmer."""
_TINY_COST = 1e-9
_HINTS = GUIDE_NUMBERS + LINE_NUMBERS
"""Numbers that follow those of the patch in a vector; a multiple of what the search sums together."""

Check = Callable[[], None]


@dataclass(frozen=True)
class Task:
    """One hole and its surroundings.

    Attributes:
        scene: at full size.
        halvings: how often it is halved at most.
        blur: of the completion in the hole, a Gaussian's sigma in pixels.
        recipe: how far the fill follows the completion.
        seed: of the random numbers.
        lines: that the hole interrupts, in the scene's pixels.
        are_many: the hole is many small ones.
        copied: float32 of any size, 0..1, how much each pixel is to be avoided as a source; None for no pixel.
    """

    scene: Scene
    halvings: int
    blur: float
    recipe: Recipe
    seed: int
    lines: Sequence[Line] = ()
    are_many: bool = False
    copied: NDArray[np.float32] | None = None


@dataclass
class Field:
    """For each target of a level its source, int32 [t], and the cost of its distance, float32 [t]."""

    level: Level
    found: Positions
    cost: NDArray[np.float32]


class Search:
    """A level, prepared once for searches that begin differently.

    Args:
        level: to be searched.
        scene: that it was made of.
        lines: that the hole interrupts, in the level's pixels.
        task: gives recipe and blur.
        number: how often the scene was halved.
        shifts: of the coarser levels; those of this one are added, so the coarsest is prepared first.
        random: numbers for the searches; preparing takes none.
        check: called often while it is prepared; may raise.
        searching: the same while it is searched, which another thread may do.
    """

    def __init__(
        self,
        level: Level,
        scene: Scene,
        lines: Sequence[Line],
        task: Task,
        number: int,
        shifts: DominantShifts,
        random: np.random.Generator,
        check: Check,
        searching: Check,
    ) -> None:
        recipe = task.recipe
        self._level, self._check, self._rounds = level, searching, recipe.rounds_at(number)
        self._space = PatchSpace(level)
        check()
        room = _HINTS if recipe.guide > 0 or lines else 0
        vectors = self._space.everywhere(check, room)
        check()
        self._seen = np.zeros((len(level.targets), room), np.float32)
        if recipe.guide > 0:
            of_guide = slice(0, GUIDE_NUMBERS)
            known, in_hole = guide_vectors(scene, task.blur / 2**number, recipe.guide)
            vectors[:, COMPONENTS:][:, of_guide], self._seen[:, of_guide] = known, in_hole[level.targets]
            del known, in_hole
        check()
        shades, energy, variance = Shades(level), contrasts(level), self._space.variance
        contrast = Contrast(level, energy, recipe.contrast, shades if recipe.by_colour else None)
        flatness = Flatness(level, energy, shades, recipe.flat, variance)
        del shades, energy
        nearness = np.full(len(level.targets), recipe.nearness)
        if lines:
            numbers = line_vectors(lines, scene.hole.shape)
            vectors[:, -LINE_NUMBERS:], self._seen[:, -LINE_NUMBERS:] = numbers, numbers[level.targets]
            # A plain rail before pickets: what stands on a line has the line's contrast, not that of the surroundings,
            # and its sources, which lie where the line is known, are as far away as the line is hidden.
            on_line = self._seen[:, -LINE_NUMBERS:].any(axis=1)
            contrast.wanted[on_line] = flatness.wanted[on_line] = 0
            nearness[on_line] *= level.thickness / max(level.thickness, *(line.gap for line in lines))
            del numbers
        check()
        added = rarity(level, recipe.rarity * variance)
        if task.copied is not None:
            added += cost_of_copied(level, task.copied, recipe.elsewhere * variance)
        check()
        self._matcher = Matcher(level, vectors, contrast, flatness, added, nearness, random, searching)
        check()
        self._fading = recipe.fading_at(level.depth)
        self._fading_left = [recipe.fading_left(turn, self._rounds, level.thickness) for turn in range(self._rounds)]
        # The finest scale has them from the coarser ones, and many small holes have no surroundings in common.
        self._in_step = 0 if number == 0 or task.are_many else recipe.in_step
        if self._in_step:
            self._shifts = shifts.of(level, vectors, check)

    def begun(self, found: Positions | None, in_step: bool = True) -> Field:
        """Search.

        Args:
            found: the sources to begin with, int32 [t]; None for those that are nearest to the rough completion.
            in_step: try the shifts by which the surroundings repeat.

        Returns:
            The sources after the last round, and their costs.
        """
        level, matcher = self._level, self._matcher
        estimate = level.pixels.copy()

        def vote(found: Positions, log_cost: NDArray[np.float32], turn: int) -> None:
            faded = log_cost + self._fading * self._fading_left[turn]
            level.fill(estimate, mean_vote(level, found, faded, self._check))

        patches = np.zeros((len(level.targets), COMPONENTS + self._seen.shape[1]), np.float32)
        patches[:, COMPONENTS:] = self._seen

        def look() -> None:
            self._space.at(estimate, level.targets, patches, self._check)

        if found is not None:
            vote(found, np.zeros_like(self._fading), 0)
        look()
        if found is None:
            found = matcher.first(patches)
        backwards = False
        for turn in range(self._rounds):
            cost, before = matcher.cost(patches, found), found.copy()
            if in_step and turn < self._in_step:
                matcher.continue_in_step(patches, found, cost, self._shifts)
            for _ in range(_PASSES):
                matcher.improve(patches, found, cost, backwards)
                backwards = not backwards
            vote(found, logarithm(cost), turn)
            look()
            if len(found) > _MANY and np.count_nonzero(found != before) < _SETTLED * len(found):
                break
        return Field(level, found, matcher.cost(patches, found))


def logarithm(cost: NDArray[np.float32]) -> NDArray[np.float32]:
    """Logarithms of costs, float32 of the same shape: deep in a large hole the costs, faded, exceed float32."""
    return np.asarray(np.log(cost + np.float32(_TINY_COST)), np.float32)
