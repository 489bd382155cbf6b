"""Scores of a changed detail transfer: what `glcic-train evaluate` prints, with other numbers in a recipe.

`python -m tests.backend.detail.trial --free fading=1.3 --free rim=6 -- shipped val-0000.tar --count 24`

What stands after `--` are the arguments of `glcic-train evaluate`. `--faithful` changes the recipe of the holes that
the network knows well, `--free` that of the larger ones; `--faithful-share` says up to which share of the largest hole
of the training a hole is one of the former. docs/workshop/detail-transfer-trials.md has what was found.
"""

import ast
from dataclasses import fields, replace

import click

from glcic_backend.detail import fills
from glcic_backend.detail.recipe import Recipe
from glcic_train.cli.evaluate import evaluate


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


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--faithful", multiple=True, metavar="NAME=NUMBER")
@click.option("--free", multiple=True, metavar="NAME=NUMBER")
@click.option("--faithful-share", type=float, default=fills._FAITHFUL_SHARE)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def trial(faithful: tuple[str, ...], free: tuple[str, ...], faithful_share: float, arguments: tuple[str, ...]) -> None:
    """Evaluate with changed recipes."""
    fills.FAITHFUL, fills.FREE = changed(fills.FAITHFUL, faithful), changed(fills.FREE, free)
    fills._FAITHFUL_SHARE = faithful_share
    evaluate(list(arguments))


if __name__ == "__main__":
    trial()
