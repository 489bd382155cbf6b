"""`glcic-train experiment`: the paper's experiments at a budget of the user's choice."""

import json
from pathlib import Path

import click

from glcic_train.cli.progress import progress_bar
from glcic_train.data.sources import SPLITS

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("name", metavar="NAME")
@click.argument("data", nargs=-1)
@click.option("--out", type=_PATH, required=True, help="Folder for models, runs, results.json and the strips.")
@click.option(
    "--split",
    type=click.Choice([*SPLITS, "all"]),
    default="val",
    show_default=True,
    help="Shards of a folder that are scored on.",
)
@click.option("--iterations", default=0, type=click.IntRange(min=0), help="Length of each run.")
@click.option("--minutes", default=0.0, type=click.FloatRange(min=0), help="Length of each run, by the clock.")
@click.option("--model", default="shipped", show_default=True, help="Started from, compared with, or looked at.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="SECTION.KEY=VALUE",
    help="Change an option of every run; may be repeated.",
)
@click.option("--count", default=40, show_default=True, type=click.IntRange(min=1), help="Photographs that are scored.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Of the photographs and holes.")
@click.option("--rows", default=8, show_default=True, type=click.IntRange(min=0), help="Photographs on a strip.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]), default="auto", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of the table.")
def experiment(
    name: str,
    data: tuple[str, ...],
    split: str,
    out: Path,
    iterations: int,
    minutes: float,
    model: str,
    settings: tuple[str, ...],
    count: int,
    seed: int,
    rows: int,
    device: str,
    as_json: bool,
) -> None:
    """Repeat an experiment of the paper: train on the training photographs in DATA, score on those of --split.

    NAME is ablation, ablation-recipe, facade, facade-recipe, celeba, centre, post-processing or comparison. Stopped at
    any moment, the same command goes on. Table 4 is measured by `glcic-backend bench`, the user study by
    `glcic-train study`.

    \b
    glcic-train experiment ablation photos/ --out ablation --minutes 60
    glcic-train experiment comparison photos/ --out comparison
    """
    from glcic_backend.errors import InvalidInputError
    from glcic_train.experiments.budget import Budget
    from glcic_train.experiments.definitions import EXPERIMENTS, Request

    if name not in EXPERIMENTS:
        raise InvalidInputError(f"There is no experiment {name!r}. The experiments are {', '.join(EXPERIMENTS)}.")
    if not data:
        raise InvalidInputError("No photographs are named. Give the folder that `glcic-train data prepare` made.")
    chosen = EXPERIMENTS[name]
    budget = Budget(iterations, minutes) if chosen.trains else None
    with progress_bar("Scoring") as show:
        report = chosen.run(Request(data, split, out, model, budget, settings, count, seed, rows, device, show))
    click.echo(json.dumps(report.values, indent=2) if as_json else f"{chosen.summary}\n\n{report.text}")
