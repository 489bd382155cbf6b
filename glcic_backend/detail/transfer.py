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
"""Seeds in a row that copy from different places, the first of them where it costs least."""

_LOOK = 0.2
"""Share of the progress that a look at what another variant copies counts."""


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
    begun = _LOOK * (task.seed % _VARIANTS)
    elsewhere = _from_elsewhere(task, progress, cancelled)
    field = searched(elsewhere, lambda share: progress(begun + (1 - begun) * share), cancelled)
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


def _from_elsewhere(task: Task, progress: Callable[[float], None], cancelled: Callable[[], bool] | None) -> Task:
    """The same task, which avoids what the variants before it copy.

    Random numbers alone hardly change a fill: a thing that is repeated, or a dark patch, all of them have in common,
    and whoever asks for another fill wants another one. The coarse scales tell what is copied.
    """
    if task.are_many:
        return task
    coarse = min(task.halvings, max(1, task.halvings - 1))
    first = task.seed - task.seed % _VARIANTS
    for seed in range(first, task.seed):
        begun = _LOOK * (seed - first)
        before = searched(
            replace(task, seed=seed),
            lambda share, begun=begun: progress(begun + _LOOK * share),  # type: ignore[misc]
            cancelled,
            coarse,
        )
        if before is None:
            break
        pixels = copied_pixels(before.level, before.found)
        del before
        task = replace(task, copied=pixels if task.copied is None else np.maximum(task.copied, pixels))
    return task
