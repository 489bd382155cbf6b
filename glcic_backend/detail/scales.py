"""A task in; sources for the hole's patches out: scale by scale, the coarsest first (Wexler et al. 2007).

Each scale is prepared and searched (`search.py`) with what the coarser one has found.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice

import numpy as np
import torch

from glcic_backend.compiled import ahead
from glcic_backend.detail.lines import Line, near_lines
from glcic_backend.detail.pyramid import RADIUS, Level, doubled, source_mask
from glcic_backend.detail.search import Check, Field, Search, Task
from glcic_backend.detail.shifts import DominantShifts
from glcic_backend.detail.whole_piece import whole_piece
from glcic_backend.errors import CancelledError
from glcic_backend.scene.scene import Scene

_LEAST_SOURCES, _LEAST_COARSE = 200, 60
"""Patches that may be copied, at full size and at each smaller scale. There fewer will do: a search that begins where
the hole is still thick keeps the network's blur for its layout."""
_MOST_TARGETS = 260_000
_MOST_POSITIONS = 4_000_000
_SMALL = 1_000_000
"""Pixels of a scale up to which another thread prepares it while coarser ones are searched: there the hole is too small
for threads to share. A larger scale is prepared when it is searched, which takes as long and less memory."""
_WHOLE = 1.1
"""One piece for the whole hole goes on where it costs less than so many times as much."""


def searched(
    task: Task, progress: Callable[[float], None], cancelled: Callable[[], bool] | None, last: int = 0
) -> Field | None:
    """Search.

    Args:
        progress: told the finished share, 0..1.
        cancelled: polled several times a second.
        last: how often the scale was halved with which it ends; the coarsest that there is, if that is finer.

    Returns:
        The sources at that scale; None if too little is known to copy from.

    Raises:
        CancelledError: `cancelled` returned true.
    """

    def is_cancelled() -> bool:
        return cancelled is not None and cancelled()

    check = checks(is_cancelled)
    scenes = _pyramid(task, check)
    if not scenes:
        return None
    last = min(last, len(scenes) - 1)
    random = np.random.default_rng(task.seed)
    field: Field | None = None
    count = len(scenes)
    # The small ones come first. The others this thread prepares, once the one that ran ahead has ended.
    tasks = islice(_scales(task, scenes, random, check), count - last)
    small = islice(tasks, sum(scene.hole.size <= _SMALL for scene in scenes[last:]))
    with closing(ahead(small, torch.get_num_threads(), is_cancelled)) as scales:
        for scale in chain(scales, (prepared(is_cancelled) for prepared in tasks)):
            check()
            number, level, search = scale.number, scale.level, scale.search
            if search is None:
                assert field is not None
                field = _doubled(field, level, random)
            else:
                field = search.begun(None if field is None else doubled(field.found, field.level, level, random)[0])
                # A pyramid cut short, as too little is known at its coarser scales, begins late anyhow.
                if number == count - 2 and count > task.halvings:
                    field = _better_begun(field, search.begun(None), task.recipe.patience)
                if number == max(0, count - 2) and not task.are_many:
                    piece = whole_piece(level, scale.scene, near_lines(scale.lines, level.shape))
                    field = field if piece is None else _better_begun(search.begun(piece, in_step=False), field, _WHOLE)
            progress(1 - number / count)
            # A scale that is done with gives its memory back.
            del scale, search
    return field


@dataclass(frozen=True)
class _Scale:
    """A scale that is ready; without `search`, only the field of the coarser one is refined."""

    number: int
    scene: Scene
    level: Level
    lines: Sequence[Line]
    search: Search | None


def _scales(
    task: Task, scenes: list[Scene], random: np.random.Generator, searching: Check
) -> Iterator[Callable[[Callable[[], bool]], _Scale]]:
    """Tasks that prepare a scale each, the coarsest first, in this order, and are told what to poll.

    Args:
        scenes: the finest first; each is taken from the list, so that it does not outlive its scale.
        searching: called while a scale is searched.
    """
    shifts = DominantShifts()

    def prepared(scene: Scene, number: int, is_first: bool, is_cancelled: Callable[[], bool]) -> _Scale:
        check = checks(is_cancelled)
        check()
        level, lines = Level(scene), [line.in_copy(number) for line in task.lines]
        check()
        search = None
        if is_first or _is_searched(level):
            search = Search(level, scene, lines, task, number, shifts, random, check, searching)
        return _Scale(number, scene, level, lines, search)

    count = len(scenes)
    while scenes:
        scene, number = scenes.pop(), len(scenes)
        yield partial(prepared, scene, number, number == count - 1)
        del scene


def checks(is_cancelled: Callable[[], bool]) -> Check:
    """What raises `CancelledError` once that returns true."""

    def check() -> None:
        if is_cancelled():
            raise CancelledError("The completion was cancelled while details were transferred.")

    return check


def _better_begun(coarse: Field, late: Field, patience: float) -> Field:
    """Which of two fields of the second coarsest level goes on: the cheaper one, if `patience` is 1.

    The one that began there keeps more of the completion, which a smaller number favours. What repeats, or is built, is
    found only from the coarsest level on, and then it fits so much better that the costs tell.
    """
    return coarse if float(coarse.cost.mean()) < patience * float(late.cost.mean()) else late


def _pyramid(task: Task, check: Check) -> list[Scene]:
    """The scales, the finest first; none if even that one has too little to copy from."""
    scenes: list[Scene] = []
    scene = task.scene
    while len(scenes) <= task.halvings and _has_sources(scene, _LEAST_COARSE if scenes else _LEAST_SOURCES):
        check()
        scenes.append(scene)
        scene = scene.halved() if len(scenes) <= task.halvings else scene
    return scenes


def _has_sources(scene: Scene, least: int) -> bool:
    if min(scene.hole.shape) <= 2 * RADIUS:
        return False
    return int(np.count_nonzero(source_mask(scene))) >= least


def _is_searched(level: Level) -> bool:
    """Beyond this, only the field of the coarser level is refined, which bounds time and memory."""
    return len(level.targets) <= _MOST_TARGETS and level.count <= _MOST_POSITIONS


def _doubled(field: Field, level: Level, random: np.random.Generator) -> Field:
    found, parents = doubled(field.found, field.level, level, random)
    return Field(level, found, field.cost[parents])
