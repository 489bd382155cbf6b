"""`glcic-backend complete`: fill the holes of one photograph, or of many of them."""

import functools
import json
import sys
from pathlib import Path

import click

from glcic_backend.cli.batch import run_batch
from glcic_backend.cli.complete_options import BATCH_ONLY, complete_options
from glcic_backend.cli.telling import ERASE_LINE, reason_of, tell_notes
from glcic_backend.errors import GlcicError
from glcic_backend.image_files.batch_plan import Batch, Part
from glcic_backend.image_files.file_engines import DaemonEngine, FileEngine, LocalEngine, Options
from glcic_backend.image_files.mask_files import MaskFrom, MaskOptions
from glcic_backend.image_files.picture_job import PictureJob, PictureReport, complete_picture
from glcic_backend.image_files.writing import STANDARD_OUTPUT
from glcic_backend.scene.outpainting import Borders


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="IMAGE [MASK] OUTPUT", type=click.Path(path_type=Path))
@complete_options
@click.pass_context
def command(
    ctx: click.Context,
    files: tuple[Path, ...],
    batch: bool,
    mask_from: MaskFrom,
    invert_mask: bool,
    threshold: int | None,
    grow: int,
    soften: float,
    expand: Borders,
    mask_suffix: str,
    recursive: bool,
    overwrite: bool,
    part: Part,
    jobs: int | None,
    model: str | None,
    device: str,
    threads: int | None,
    blend: bool,
    quality: str,
    context: str,
    sample_from: str,
    distance: int,
    source_mask: Path | None,
    exclude_mask: Path | None,
    lines: tuple[tuple[float, ...], ...],
    seed: int,
    as_json: bool,
    verbose: bool,
    max_pixels: int,
    daemon: bool,
) -> None:
    """Fill the places of IMAGE that MASK marks, and write the result to OUTPUT.

    \b
    MASK has the size of IMAGE: white = fill, grey = partly, black = keep.
    With --mask-from transparent and with --expand, leave MASK out.
    - is standard input and standard output.
    Outside the mask every sample stays as it is; only a JPEG output is lossy.

    \b
    glcic-backend complete beach.jpg beach-mask.png beach-done.png
    glcic-backend complete --batch photos/ masks/ done/
    """
    if daemon and (device != "auto" or threads is not None or jobs is not None):
        raise click.UsageError("--daemon uses the device and threads that the daemon was started with.")
    _check_batch_options(ctx, batch)

    @functools.cache
    def engine() -> FileEngine:
        return DaemonEngine(model) if daemon else LocalEngine(model, device, threads)

    images, mask, output = _named(files, mask_from, expand, batch)
    if batch and (source_mask or exclude_mask or lines):
        raise click.UsageError("--source-mask, --exclude-mask and --line belong to one photograph; leave out --batch.")
    options = Options(blend, quality, context, sample_from, distance, lines, seed)
    mask_options = MaskOptions(mask_from, threshold, invert_mask, grow, soften)
    job = PictureJob(
        images[0], mask, output, options, mask_options, expand, source_mask, exclude_mask, max_pixels=max_pixels
    )
    if batch:
        plan = Batch(images, mask, output, mask_suffix, recursive, overwrite, part)
        own_engine = None if daemon else (model, device, threads)
        ctx.exit(run_batch(plan, job, engine, own_engine, jobs, as_json=as_json, verbose=verbose))
    show = _show_stage if sys.stderr.isatty() else _show_nothing
    try:
        report = complete_picture(job, engine, show)
    except GlcicError as error:
        if as_json:
            click.echo(json.dumps({"image": str(job.image), "error": reason_of(error)}), err=output == STANDARD_OUTPUT)
        raise
    finally:
        if show is _show_stage:
            click.echo(ERASE_LINE, err=True, nl=False)
    _tell(report, as_json, verbose)


def _check_batch_options(ctx: click.Context, batch: bool) -> None:
    given = [name for name in BATCH_ONLY if ctx.get_parameter_source(name) == click.core.ParameterSource.COMMANDLINE]
    if given and not batch:
        raise click.UsageError(f"--{given[0].replace('_', '-')} is for --batch.")


def _named(
    files: tuple[Path, ...], mask_from: MaskFrom, expand: Borders, batch: bool
) -> tuple[list[Path], Path | None, Path]:
    """Images, mask and output of the names given."""
    without_mask = mask_from == "transparent" or any(expand)
    if mask_from == "transparent" and len(files) == 3 and not batch:
        raise click.UsageError("--mask-from transparent takes the mask from IMAGE itself; leave MASK out.")
    fewest = 2 if without_mask else 3
    if len(files) < fewest or (len(files) > 3 and not batch):
        names = "IMAGE OUTPUT" if without_mask else "IMAGE MASK OUTPUT"
        raise click.UsageError(f"{len(files)} file(s) given; {names} are needed. See --help.")
    if without_mask and (batch or len(files) == 2):
        return list(files[:-1]), None, files[-1]
    return list(files[:-2]), files[-2], files[-1]


def _show_stage(stage: str, fraction: float) -> None:
    click.echo(f"{ERASE_LINE}{stage} {fraction:.0%}", err=True, nl=False)


def _show_nothing(stage: str, fraction: float) -> None:
    pass


def _tell(report: PictureReport, as_json: bool, verbose: bool) -> None:
    piped = report.output == str(STANDARD_OUTPUT)  # which holds the picture, so words go beside it
    if as_json:
        click.echo(json.dumps(report.as_dict()), err=piped)
        return
    tell_notes(report)
    if verbose:
        box = "{2} x {3} at {0}, {1}".format(*report.hole.box)
        stages = ", ".join(f"{stage} {value / 1000:.2f} s" for stage, value in report.milliseconds.items())
        picture = f"{report.width} x {report.height}, {report.channels} channels of {report.type}"
        click.echo(f"{report.image}: {picture}; holes within {box}.\n{stages}.", err=True)
    hole = f"{report.hole.pixels:,} pixels in {report.hole.parts} hole(s)"
    seconds = report.milliseconds["total"] / 1000
    name = "standard output" if piped else report.output
    click.echo(f"{name}: {hole} filled in {seconds:.1f} s by {report.model} on {report.device}.", err=piped)
