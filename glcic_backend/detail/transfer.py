"""A scene with a rough fill in; the hole in texture of the photograph, its seams removed, out."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from glcic_backend.detail.copied import copied_pixels
from glcic_backend.detail.scales import checks, searched
from glcic_backend.detail.seams import without_seams
from glcic_backend.detail.search import Task, logarithm
from glcic_backend.detail.voting import best_vote

_VARIANTS = 3
"""Seeds in a row that copy from different places, the first of them from the best."""


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
    check = checks(lambda: cancelled is not None and cancelled())
    field = searched(_from_elsewhere(task, cancelled), progress, cancelled)
    if field is None:
        return False
    check()
    copied = best_vote(field.level, field.found, logarithm(field.cost), check)
    level = field.level
    level.end_search()
    rows, columns = level.rows_and_columns(level.filled)
    recipe, scene = task.recipe, task.scene
    colours = without_seams(level, scene.known, copied, recipe.screen, recipe.outlier, check, cancelled)
    scene.picture[rows, columns] = colours
    return True


def _from_elsewhere(task: Task, cancelled: Callable[[], bool] | None) -> Task:
    """The same task, which avoids what the variants before it copy.

    Random numbers alone hardly change a fill: a thing that is repeated, or a dark patch, all of them have in common,
    and whoever asks for another fill wants another one. The coarse scales tell what is copied.
    """
    if task.are_many:
        return task
    coarse = max(0, task.halvings - 1)
    for seed in range(task.seed - task.seed % _VARIANTS, task.seed):
        before = searched(replace(task, seed=seed), lambda share: None, cancelled, coarse)
        if before is None:
            break
        pixels = copied_pixels(before.level, before.found)
        task = replace(task, copied=pixels if task.copied is None else np.maximum(task.copied, pixels))
    return task
