"""Commands `glcic-train study`: let people judge real and completed pictures (section 4.6 of the paper)."""

import json
from pathlib import Path

import click

from glcic_train.cli.progress import progress_bar
from glcic_train.data.sources import SPLITS

_PATH = click.Path(path_type=Path)


@click.group()
def study() -> None:
    """Find out whether people can tell completed pictures from real ones.

    \b
    glcic-train study new shipped photos/ --out faces
    glcic-train study serve faces
    glcic-train study report faces
    """


@study.command()
@click.argument("model", metavar="MODEL")
@click.argument("data", nargs=-1, required=True)
@click.option("--out", required=True, type=_PATH, help="Folder of the study. An older study there gets MODEL added.")
@click.option("--name", default="", help="Name of the method in the study; else that of MODEL.")
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
    default=("rectangle",),
    show_default=True,
    help="Kind of holes; may be repeated: photographs take turns.",
)
@click.option("--hole", nargs=2, type=int, default=(96, 128), show_default=True, help="Range of their sides, pixels.")
@click.option("--count", default=60, show_default=True, type=click.IntRange(min=2), help="Photographs, at most.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Chooses photographs and holes.")
@click.option(
    "--short-side", default=400, show_default=True, type=click.IntRange(min=16), help="Of the photographs, pixels."
)
@click.option(
    "--baselines",
    "names",
    multiple=True,
    metavar="NAME",
    help="Compare with mean, telea, navier-stokes, patchmatch, gmic-inpaint or gmic-matchpatch; may be repeated.",
)
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]), default="auto", show_default=True)
def new(
    model: str,
    data: tuple[str, ...],
    out: Path,
    name: str,
    split: str,
    kinds: tuple[str, ...],
    hole: tuple[int, int],
    count: int,
    seed: int,
    short_side: int,
    names: tuple[str, ...],
    device: str,
) -> None:
    """Make a study of MODEL (a file, or a name from `glcic-backend models list`) on the photographs in DATA.

    DATA is a folder of photographs, or prepared folders or shards.

    Pictures from elsewhere can be judged as well: put them into OUT/METHOD, their real versions of the same names and
    sizes into OUT/real.
    """
    from glcic_train.evaluation.cases import CaseOptions
    from glcic_train.study.make import NewStudy, make_study

    options = CaseOptions(kinds, count, seed, short_side, hole)
    with progress_bar("Completing") as show:
        methods = make_study(NewStudy(model, name, data, split, options, names, device, out), show)
    click.echo(f"{out}: real, {', '.join(methods)}. Let people judge: glcic-train study serve {out}")


@study.command()
@click.argument("folder", metavar="STUDY", type=_PATH)
@click.option("--port", default=8617, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
@click.option("--count", type=click.IntRange(min=1), help="Pictures for each participant, at most.  [default: all]")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Of order and choice.")
def serve(folder: Path, port: int, count: int | None, seed: int) -> None:
    """Show the pictures of STUDY on a web page, on this machine only, until Ctrl+C.

    Each answer is on the disk before the next picture appears. Whoever gives the same name again goes on.
    """
    from glcic_train.study.server import StudyServer
    from glcic_train.study.session import Session

    session = Session(folder, seed, count)
    server = StudyServer(session, port)
    click.echo(f"The study is at {server.url}  (results: {server.url}results; end with Ctrl+C)")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        click.echo(f"Ended. Evaluate the answers with: glcic-train study report {folder}")
    finally:
        server.server_close()
        session.close()


@study.command()
@click.argument("folder", metavar="STUDY", type=_PATH)
@click.option("--pictures", default="*", show_default=True, help="Only those with such names, as 'blob-*'.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of the table.")
def report(folder: Path, pictures: str, as_json: bool) -> None:
    """Print naturalness and the share detected by time; write STUDY/report.json, naturalness.svg and detected.svg."""
    from glcic_train.study.report import write_report

    result = write_report(folder, pictures)
    click.echo(json.dumps(result.values, indent=2) if as_json else result.text)
