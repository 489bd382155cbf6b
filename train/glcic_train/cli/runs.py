"""What is done with one training run: start it, go on with it, look at it, export it.

Torch is imported when a command is called, so that --help is quick.
"""

import sys
from pathlib import Path

import click

from glcic_backend.errors import InvalidInputError
from glcic_train.config import Config, load_config, named_configs, to_toml

_PATH = click.Path(path_type=Path)
_SET = click.option(
    "--set", "settings", multiple=True, metavar="SECTION.KEY=VALUE", help="Change one option; may be repeated."
)


@click.command()
@click.argument("config", metavar="CONFIG")
@click.argument("data", nargs=-1)
@click.option("--out", type=_PATH, help="Folder of the run: log, checkpoints, pictures.")
@_SET
@click.option("--dry-run", is_flag=True, help="Print the whole configuration and stop.")
@click.option("--profile", "profiling", is_flag=True, help="Measure the speed of every phase and stop.")
def run(
    config: str, data: tuple[str, ...], out: Path | None, settings: tuple[str, ...], dry_run: bool, profiling: bool
) -> None:
    """Train on DATA as CONFIG says: a name from `glcic-train configs`, or a .toml file.

    DATA are folders of shards, shards, addresses of shards, or pipe:COMMAND; with ranges in braces, as {000..127}.

    \b
    glcic-train run first-cpu photos/ --out runs/first
    glcic-train run places2 places/ --out runs/places2 --set data.resident=true
    torchrun --nproc-per-node 8 -m glcic_train run places2 places/ --out runs/places2
    """
    chosen = load_config(config, settings)
    if dry_run:
        click.echo(to_toml(chosen), nl=False)
        return
    if not data:
        raise InvalidInputError("No photographs are named. Give the folder that `glcic-train data prepare` made.")
    if profiling:
        _print_profile(chosen, data)
        return
    if out is None:
        raise InvalidInputError("The run has no folder. Add --out FOLDER.")
    from glcic_train.training.run import start_run

    _exit_by(start_run(chosen, data, out))


@click.command()
@click.argument("folder", metavar="RUN", type=_PATH)
@click.option("--data", multiple=True, help="Where the photographs are now, if they were moved.")
@_SET
def resume(folder: Path, data: tuple[str, ...], settings: tuple[str, ...]) -> None:
    """Go on with a RUN from its newest checkpoint, as if it had never stopped."""
    from glcic_train.training.run import resume_run

    _exit_by(resume_run(folder, data, settings))


@click.command()
def configs() -> None:
    """List the configurations that come with the program."""
    for name in named_configs():
        click.echo(f"{name:16} {load_config(name).summary}")


@click.command()
@click.argument("folder", metavar="RUN", type=_PATH)
@click.argument("picture", type=_PATH, required=False)
@click.option("--count", default=6, show_default=True, type=click.IntRange(min=1), help="Photographs shown.")
@click.option("--data", multiple=True, help="Where the photographs are now, if they were moved.")
def preview(folder: Path, picture: Path | None, count: int, data: tuple[str, ...]) -> None:
    """Show what RUN has learnt: a PICTURE (RUN/preview.png) of input, completion, blended completion and truth."""
    from glcic_backend.atomic_file import write_atomically
    from glcic_train.training.inspect_run import preview_run

    target = picture or folder / "preview.png"
    write_atomically(target, preview_run(folder, data, count))
    click.echo(target)


@click.command()
@click.argument("source", metavar="RUN", type=_PATH)
@click.argument("target", metavar="MODEL", type=_PATH)
@click.option("--name", help="Name shown to users; else that of the configuration.")
@click.option("--training-data", help="What it was trained on; else as the prepared folder states it.")
@click.option("--licence", help="Terms of the weights; else those of the prepared folder.")
@click.option("--attribution", help="Credits that the photographs demand; else those of the prepared folder.")
@click.option("--precision", type=click.Choice(["float16", "float32"]), default="float16", show_default=True)
@click.option(
    "--statistics",
    "batches",
    default=0,
    metavar="BATCHES",
    type=click.IntRange(min=0),
    help="Estimate the statistics of batch normalisation anew from so many batches of training data.",
)
@click.option(
    "--dead",
    default=0,
    metavar="BATCHES",
    type=click.IntRange(min=0),
    help="Leave out the channels that nothing in so many batches of training data activates: a smaller, faster model.",
)
@click.option(
    "--origin", metavar="RUN", type=_PATH, help="The run that this one went on from, for --share: of phase one, say."
)
@click.option(
    "--share",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="How far the weights are from --origin's (0) to RUN's (1): between blur and texture after a joint phase.",
)
def export(
    source: Path,
    target: Path,
    name: str | None,
    training_data: str | None,
    licence: str | None,
    attribution: str | None,
    precision: str,
    batches: int,
    dead: int,
    origin: Path | None,
    share: float,
) -> None:
    """Turn a RUN (its newest checkpoint, or a .pt file of it) into a MODEL (.safetensors) for GIMP."""
    from glcic_backend.errors import InvalidInputError
    from glcic_train.training.inspect_run import export_run

    if share < 1 and origin is None:
        raise InvalidInputError(f"--share {share:g} is a way from another run. Name that run with --origin.")
    stated = {"name": name, "training_data": training_data, "licence": licence, "attribution": attribution}
    given = {key: text for key, text in stated.items() if text}
    info = export_run(source, target, given, precision, batches, dead, origin, share)
    click.echo(f"{target}: {info.name}, {info.recipe}, sha256 {info.sha256[:12]}")


def _print_profile(config: Config, data: tuple[str, ...]) -> None:
    from glcic_train.training.profiling import profile
    from glcic_train.training.run import assemble

    with assemble(config, data, None) as parts:
        leads = parts.processes.leads
        if leads:
            click.echo("phase          crop  batch  samples/s  waiting  GFLOP/s")
        for row in profile(config, parts):
            if leads:
                click.echo(
                    f"{row.phase:13} {row.crop:5} {row.batch:6} {row.samples_per_second:10.1f} {row.waiting:8.1%} "
                    f"{row.flops_per_second / 1e9:8.1f}"
                )


def _exit_by(ending: str) -> None:
    """An interrupted run is no success: a script must not go on to the export."""
    if ending == "interrupted":
        sys.exit(130)
