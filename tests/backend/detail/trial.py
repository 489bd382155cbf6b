"""Scores of a changed detail transfer: what `glcic-train evaluate` prints, with other numbers in a recipe.

`python -m tests.backend.detail.trial --free fading=1.3 --free rim=6 -- shipped val-0000.tar --count 24`

What stands after `--` are the arguments of `glcic-train evaluate`. `--faithful` changes the recipe of the holes that
the network knows well, `--free` that of the larger ones; `--followed` says up to which share of the largest hole
of the training a hole is one of the former. `--truth 16` puts the truth, blurred by 16 pixels, in the place of the
completion: what the best of all networks could add. docs/workshop/detail-transfer-trials.md has what was found.
"""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import fields, replace

import click
import cv2
import numpy as np

from glcic_backend.detail import fills
from glcic_backend.detail.recipe import Recipe
from glcic_backend.network import level
from glcic_backend.scene.rectangles import slices
from glcic_train.cli.evaluate import evaluate
from glcic_train.evaluation import report
from glcic_train.evaluation.cases import Case


def changed(recipe: Recipe, settings: tuple[str, ...]) -> Recipe:
    """A recipe with some of its numbers replaced.

    Args:
        settings: each as "name=number", or "rounds=(4, 6, 8)".

    Raises:
        click.BadParameter: a recipe has no such number.
    """
    values = {}
    for setting in settings:
        name, _, value = setting.partition("=")
        if name not in {field.name for field in fields(Recipe)}:
            raise click.BadParameter(f"A recipe has no {name!r}.")
        values[name] = ast.literal_eval(value)
    return replace(recipe, **values)


def guided_by_truth(blur: float) -> None:
    """From now on, what the search begins with and is guided by is the truth, blurred by a Gaussian's sigma, pixels."""
    truth: list[np.ndarray] = []
    measure, scene_of, transfer = report.evaluate, fills._scene, fills.transfer_texture

    def told(cases: Iterable[Case]) -> Iterator[Case]:
        for case in cases:
            truth[:] = [case.truth.astype(np.float32) / 255]
            yield case

    def scene(photograph, part, window, *others):
        result = scene_of(photograph, part, window, *others)
        result.picture[result.hole] = cv2.GaussianBlur(truth[0][slices(window)], (0, 0), blur)[result.hole]
        return result

    report.evaluate = lambda methods, cases, *others: measure(methods, told(cases), *others)
    fills._scene = scene
    fills.transfer_texture = lambda task, *others: transfer(replace(task, blur=blur), *others)


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--faithful", multiple=True, metavar="NAME=NUMBER")
@click.option("--free", multiple=True, metavar="NAME=NUMBER")
@click.option("--followed", type=float, default=level._FOLLOWED, help="Share; thicker holes are completed roughly.")
@click.option("--truth", type=float, metavar="SIGMA")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def trial(
    faithful: tuple[str, ...],
    free: tuple[str, ...],
    followed: float,
    truth: float | None,
    arguments: tuple[str, ...],
) -> None:
    """Evaluate with changed recipes."""
    fills.FAITHFUL, fills.FREE = changed(fills.FAITHFUL, faithful), changed(fills.FREE, free)
    level._FOLLOWED = followed
    if truth is not None:
        guided_by_truth(truth)
    evaluate(list(arguments))


if __name__ == "__main__":
    trial()
