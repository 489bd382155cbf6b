"""A scene with a rough fill in; the hole in texture of the photograph out, coarse to fine (Wexler et al. 2007).

At each scale, patches on the hole look for the most similar known ones, and the colours that these propose make the
next estimate. The rough completion is what it starts from and, weakly, what it is held to.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glcic_backend.detail.contrast import Contrast, contrasts
from glcic_backend.detail.flatness import Flatness
from glcic_backend.detail.guide import GUIDE_NUMBERS, guide_vectors
from glcic_backend.detail.lines import LINE_NUMBERS, Line, line_vectors, near_lines
from glcic_backend.detail.nearest_neighbours import Matcher, doubled
from glcic_backend.detail.patches import COMPONENTS, PatchSpace
from glcic_backend.detail.pyramid import RADIUS, Level, Positions, source_mask
from glcic_backend.detail.rarity import rarity
from glcic_backend.detail.recipe import Recipe
from glcic_backend.detail.seams import without_seams
from glcic_backend.detail.shades import Shades
from glcic_backend.detail.shifts import DominantShifts
from glcic_backend.detail.voting import best_vote, mean_vote
from glcic_backend.detail.whole_piece import whole_piece
from glcic_backend.errors import CancelledError
from glcic_backend.scene.scene import Scene

_LEAST_SOURCES = 200
_MOST_TARGETS = 260_000
_MOST_POSITIONS = 4_000_000
_PASSES = 3
_MANY = 10_000
_SETTLED = 0.1
"""Where more than `_MANY` patches are searched, the rounds of a scale end once one gave fewer than this share of them
another source. Smaller levels cost little, and with fewer rounds there the fills come out calmer."""
_TINY_COST = 1e-9
_WHOLE = 1.1
"""One piece for the whole hole goes on where it costs less than so many times as much."""
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
    """

    scene: Scene
    halvings: int
    blur: float
    recipe: Recipe
    seed: int
    lines: Sequence[Line] = ()
    are_many: bool = False


@dataclass
class _Field:
    """For each target of a level its source, int32 [t], and the cost of its distance, float32 [t]."""

    level: Level
    found: Positions
    cost: NDArray[np.float32]


def transfer_texture(task: Task, progress: Callable[[float], None], cancelled: Callable[[], bool] | None) -> bool:
    """Fill a hole with texture of its surroundings: the scene's picture is changed in place, in the hole.

    Args:
        progress: told the finished share, 0..1.
        cancelled: polled several times a second.

    Returns:
        Whether it was filled; false if too little is known to copy from, and then the picture is as it was.

    Raises:
        CancelledError: `cancelled` returned true.
    """

    def check() -> None:
        if cancelled is not None and cancelled():
            raise CancelledError("The completion was cancelled while details were transferred.")

    scenes = _pyramid(task, check)
    if not scenes:
        return False
    random = np.random.default_rng(task.seed)
    field: _Field | None = None
    shifts = DominantShifts(check)
    count = len(scenes)
    while scenes:
        check()
        # A scale that is done with gives its memory back.
        scene = scenes.pop()
        number = len(scenes)
        level = Level(scene)
        check()
        if field is not None and not _is_searched(level):
            field = _doubled(field, level, random)
        else:
            lines = [line.in_copy(number) for line in task.lines]
            search = _Search(level, scene, lines, task, number, shifts, random, check)
            field = search.begun(None if field is None else doubled(field.found, field.level, level, random)[0])
            # A pyramid cut short, as too little is known at its coarser scales, begins late anyhow.
            if number == count - 2 and count > task.halvings:
                field = _better_begun(field, search.begun(None), task.recipe.patience)
            if number == max(0, count - 2) and not task.are_many:
                piece = whole_piece(level, scene, near_lines(lines, level.shape))
                field = field if piece is None else _better_begun(search.begun(piece, in_step=False), field, _WHOLE)
            del search
        progress(1 - number / count)
    assert field is not None
    check()
    copied = best_vote(field.level, field.found, _logarithm(field.cost), check)
    level = field.level
    level.end_search()
    rows, columns = level.rows_and_columns(level.filled)
    recipe = task.recipe
    colours = without_seams(level, scene.known, copied, recipe.screen, recipe.outlier, check, cancelled)
    scene.picture[rows, columns] = colours
    return True


def _better_begun(coarse: _Field, late: _Field, patience: float) -> _Field:
    """Which of two fields of the second coarsest level goes on: the cheaper one, if `patience` is 1.

    The one that began there keeps more of the completion, which a smaller number favours. What repeats, or is built, is
    found only from the coarsest level on, and then it fits so much better that the costs tell.
    """
    return coarse if float(coarse.cost.mean()) < patience * float(late.cost.mean()) else late


def _pyramid(task: Task, check: Check) -> list[Scene]:
    """The scales, the finest first; none if even that one has too little to copy from."""
    scenes: list[Scene] = []
    scene = task.scene
    while len(scenes) <= task.halvings and _has_sources(scene):
        check()
        scenes.append(scene)
        scene = scene.halved() if len(scenes) <= task.halvings else scene
    return scenes


def _has_sources(scene: Scene) -> bool:
    if min(scene.hole.shape) <= 2 * RADIUS:
        return False
    return int(np.count_nonzero(source_mask(scene))) >= _LEAST_SOURCES


def _is_searched(level: Level) -> bool:
    """Beyond this, only the field of the coarser level is refined, which bounds time and memory."""
    return len(level.targets) <= _MOST_TARGETS and level.count <= _MOST_POSITIONS


def _doubled(field: _Field, level: Level, random: np.random.Generator) -> _Field:
    found, parents = doubled(field.found, field.level, level, random)
    return _Field(level, found, field.cost[parents])


class _Search:
    """A level, prepared once for searches that begin differently."""

    def __init__(
        self,
        level: Level,
        scene: Scene,
        lines: list[Line],
        task: Task,
        number: int,
        shifts: DominantShifts,
        random: np.random.Generator,
        check: Check,
    ) -> None:
        recipe = task.recipe
        self._level, self._check, self._rounds = level, check, recipe.rounds_at(number)
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
        rare = rarity(level, recipe.rarity * variance)
        check()
        self._matcher = Matcher(level, vectors, contrast, flatness, rare, nearness, random, check)
        check()
        self._fading = recipe.fading_at(level.depth)
        self._fading_left = [recipe.fading_left(turn, self._rounds, level.thickness) for turn in range(self._rounds)]
        # The finest scale has them from the coarser ones, and many small holes have no surroundings in common.
        self._in_step = 0 if number == 0 or task.are_many else recipe.in_step
        if self._in_step:
            self._shifts = shifts.of(level, vectors)

    def begun(self, found: Positions | None, in_step: bool = True) -> _Field:
        """Search.

        Args:
            found: the sources to begin with, int32 [t]; None for those that are nearest to the rough completion.
            in_step: try the shifts by which the surroundings repeat.
        """
        level, matcher = self._level, self._matcher
        estimate = level.pixels.copy()

        def vote(found: Positions, log_cost: NDArray[np.float32], turn: int) -> None:
            faded = log_cost + self._fading * self._fading_left[turn]
            level.fill(estimate, mean_vote(level, found, faded, self._check))

        def wanted() -> NDArray[np.float32]:
            room = self._seen.shape[1]
            patches = self._space.at(estimate, level.targets, self._check, room)
            patches[:, COMPONENTS:] = self._seen
            return patches

        if found is not None:
            vote(found, np.zeros_like(self._fading), 0)
        patches = wanted()
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
            vote(found, _logarithm(cost), turn)
            patches = wanted()
            if len(found) > _MANY and np.count_nonzero(found != before) < _SETTLED * len(found):
                break
        return _Field(level, found, matcher.cost(patches, found))


def _logarithm(cost: NDArray[np.float32]) -> NDArray[np.float32]:
    # Deep in a large hole the costs themselves, faded, would exceed what float32 holds.
    return np.asarray(np.log(cost + np.float32(_TINY_COST)), np.float32)
