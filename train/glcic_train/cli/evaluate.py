"""`glcic-train evaluate`: scores of a model against classical methods."""

import json
from pathlib import Path

import click

from glcic_train.cli.progress import progress_bar
from glcic_train.data.sources import SPLITS

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("model", metavar="MODEL")
@click.argument("data", nargs=-1, required=True)
@click.option("--out", type=_PATH, help="Folder for results.json and the picture sheets.")
@click.option(
    "--split",
    type=click.Choice([*SPLITS, "all"]),
    default="val",
    show_default=True,
    help="Shards that are used of a folder of shards.",
)
@click.option(
    "--masks",
    "kinds",
    multiple=True,
    metavar="KIND",
    default=("rectangle", "blob", "strokes"),
    show_default=True,
    help="Kind of holes; may be repeated. edge, corner: rectangles that reach it. sloppy: a foreign "
    "thing under masks too tight and too loose.",
)
@click.option(
    "--hole", nargs=2, type=int, default=(96, 128), show_default=True, help="Range of the holes' sides, pixels."
)
@click.option("--count", default=100, show_default=True, type=click.IntRange(min=1), help="Photographs, at most.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Chooses photographs and holes.")
@click.option(
    "--short-side", default=400, show_default=True, type=click.IntRange(min=16), help="Of the photographs, pixels."
)
@click.option(
    "--under",
    type=click.Choice(["grey", "photograph"]),
    default="grey",
    show_default=True,
    help="What lies under the masks. As with a user, a method may judge by the photograph there what is to be removed.",
)
@click.option(
    "--baselines",
    "names",
    multiple=True,
    metavar="NAME",
    help="mean, telea, navier-stokes, patchmatch, gmic-inpaint or gmic-matchpatch; may be repeated.  "
    "[default: all installed but G'MIC's]",
)
@click.option(
    "--sheet", default=12, show_default=True, type=click.IntRange(min=0), help="Photographs on a picture sheet."
)
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]), default="auto", show_default=True)
@click.option("--inception", type=_PATH, help="Weights of Inception-v3, for FID and KID: docs/workshop/evaluation.md.")
@click.option(
    "--lpips", multiple=True, type=_PATH, help="Weights of LPIPS, in one file or two: docs/workshop/evaluation.md."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of the table.")
def evaluate(
    model: str,
    data: tuple[str, ...],
    out: Path | None,
    split: str,
    kinds: tuple[str, ...],
    hole: tuple[int, int],
    count: int,
    seed: int,
    short_side: int,
    under: str,
    names: tuple[str, ...],
    sheet: int,
    device: str,
    inception: Path | None,
    lpips: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Score MODEL (a file, or a name from `glcic-backend models list`) on the photographs in DATA (a folder of
    photographs, prepared folders, or shards).

    The photographs, their holes and the classical methods are the same in every run with the same options.

    \b
    glcic-train evaluate model.safetensors photos/ --out scores/
    glcic-train evaluate shipped photos/val-0000.tar --masks blob --count 20
    """
    from glcic_train.evaluation.cases import CaseOptions
    from glcic_train.evaluation.report import Run, run_evaluation

    options = CaseOptions(kinds, count, seed, short_side, hole, under=under)
    run = Run(model, data, split, options, names or None, sheet, device, inception, lpips, out)
    with progress_bar("Evaluating") as show:
        report = run_evaluation(run, show)
    click.echo(json.dumps(report.values, indent=2) if as_json else report.text)
