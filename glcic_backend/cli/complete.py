"""`glcic-backend complete`: fill the holes of one photograph, or of a folder of them."""

import functools
import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import click

from glcic_backend.cli.engine_options import engine_options
from glcic_backend.errors import GlcicError, InvalidInputError
from glcic_backend.image_files import DEFAULT_MAX_PIXELS, EXTENSIONS
from glcic_backend.image_files.file_engines import DaemonEngine, FileEngine, LocalEngine, Options
from glcic_backend.image_files.picture_job import PictureJob, PictureReport, complete_picture
from glcic_backend.wire.checked import MAX_SIDE
from glcic_backend.wire.messages import CONTEXTS, MAX_SEED, QUALITIES, SIDES

_ERASE_LINE = "\r\033[K"


@click.command()
@click.argument("image", type=click.Path(path_type=Path))
@click.argument("mask", type=click.Path(path_type=Path))
@click.argument("output", type=click.Path(path_type=Path))
@click.option("--batch", is_flag=True, help="IMAGE, MASK and OUTPUT are folders; masks are found by the image's name.")
@engine_options
@click.option("--blend/--no-blend", default=True, help="Blend the fill into its surroundings.", show_default=True)
@click.option(
    "--quality",
    type=click.Choice(QUALITIES),
    default="best",
    show_default=True,
    help="fast: large holes are filled softly; best: with texture of the picture.",
)
@click.option(
    "--context",
    type=click.Choice(CONTEXTS),
    default="automatic",
    show_default=True,
    help="How much of the picture round a hole is looked at.",
)
@click.option(
    "--sample-from",
    type=click.Choice(SIDES),
    default="automatic",
    show_default=True,
    help="On which sides of a hole texture is copied from.",
)
@click.option(
    "--distance",
    metavar="N",
    type=click.IntRange(0, MAX_SIDE),
    default=0,
    help="How far from a hole texture is copied from, in pixels; default: see --context.",
)
@click.option("--source-mask", metavar="FILE", type=click.Path(path_type=Path), help="White: copy texture only from.")
@click.option("--exclude-mask", metavar="FILE", type=click.Path(path_type=Path), help="White: copy no texture from.")
@click.option(
    "--seed",
    metavar="N",
    type=click.IntRange(0, MAX_SEED),
    default=0,
    show_default=True,
    help="Another number gives another filling, where chance has a part in it.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each photograph.")
@click.option(
    "--max-pixels",
    type=click.IntRange(min=1),
    default=DEFAULT_MAX_PIXELS,
    show_default=True,
    metavar="N",
    help="Largest picture that is decoded.",
)
@click.option("--daemon", is_flag=True, help="Have the running daemon do it, on its device.")
@click.pass_context
def command(
    ctx: click.Context,
    image: Path,
    mask: Path,
    output: Path,
    batch: bool,
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
    seed: int,
    as_json: bool,
    max_pixels: int,
    daemon: bool,
) -> None:
    """Fill the places of IMAGE that MASK marks, and write the result to OUTPUT.

    \b
    MASK has the size of IMAGE: white = fill, grey = partly, black = keep.
    PNG, JPEG, WebP and TIFF, 8 and 16 bit (TIFF also 32-bit float).
    Outside the mask every sample stays as it is; only a JPEG output is lossy.

    \b
    glcic-backend complete beach.jpg beach-mask.png beach-done.png
    glcic-backend complete --batch photos/ masks/ done/
    """
    if daemon and (device != "auto" or threads is not None):
        raise click.UsageError("--daemon uses the device and threads that the daemon was started with.")

    @functools.cache
    def engine() -> FileEngine:
        return DaemonEngine(model) if daemon else LocalEngine(model, device, threads)

    if batch and (source_mask or exclude_mask):
        raise click.UsageError("--source-mask and --exclude-mask belong to one photograph; leave out --batch.")
    options = Options(blend, quality, context, sample_from, distance, seed)
    job = PictureJob(image, mask, output, options, source_mask, exclude_mask, max_pixels)
    if batch:
        ctx.exit(_run_batch(job, engine, as_json))
    show = _show_stage if sys.stderr.isatty() else _show_nothing
    try:
        report = complete_picture(job, engine, show)
    finally:
        if show is _show_stage:
            click.echo(_ERASE_LINE, err=True, nl=False)
    _tell(report, as_json)


def _show_stage(stage: str, fraction: float) -> None:
    click.echo(f"{_ERASE_LINE}{stage} {fraction:.0%}", err=True, nl=False)


def _show_nothing(stage: str, fraction: float) -> None:
    pass


def _tell(report: PictureReport, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(report.as_dict()))
        return
    _tell_notes(report)
    hole = f"{report.hole.pixels:,} pixels in {report.hole.parts} hole(s)"
    seconds = report.milliseconds["total"] / 1000
    click.echo(f"{report.output}: {hole} filled in {seconds:.1f} s by {report.model} on {report.device}.")


def _tell_notes(report: PictureReport) -> None:
    for note in report.notes:
        click.echo(f"Note on {report.image}: {note}.", err=True)


def _run_batch(job: PictureJob, engine: Callable[[], FileEngine], as_json: bool) -> int:
    """Complete all photographs of a folder. Returns the exit code: 0, or 1 if any failed."""
    images = _check_folders(job)
    masks: dict[str, list[Path]] = {}
    for path in _pictures(job.mask):
        masks.setdefault(path.stem, []).append(path)
    engine()  # An engine that cannot be had is one error, not one for each photograph.
    started, failed = time.perf_counter(), 0
    in_terminal = sys.stderr.isatty()
    with click.progressbar(length=len(images), label="Completing", file=sys.stderr, hidden=not in_terminal) as bar:
        for image in images:
            one = replace(job, image=image, output=job.output / image.name)
            try:
                report = _complete_one(one, masks.get(image.stem, []), engine)
                if as_json:
                    click.echo(json.dumps(report.as_dict()))
                else:
                    _tell_notes(report)
            except Exception as error:
                failed += 1
                _tell_failure(image, error, as_json, in_terminal)
            bar.update(1)
    for stem in sorted(masks.keys() - {image.stem for image in images}):
        click.echo(f"Note: no image belongs to the mask {masks[stem][0]}.", err=True)
    seconds = time.perf_counter() - started
    click.echo(f"{len(images) - failed} completed, {failed} failed, in {seconds:.1f} s.", err=as_json)
    return 1 if failed else 0


def _check_folders(job: PictureJob) -> list[Path]:
    """The photographs of a batch. Makes the output folder if only its last part is missing."""
    for folder in (job.image, job.mask):
        if not folder.is_dir():
            raise click.UsageError(f"{folder} is not a folder, which --batch needs.")
    if not job.output.parent.is_dir():
        raise click.UsageError(f"The folder {job.output.parent}, in which {job.output.name} would lie, does not exist.")
    if job.output.exists() and not job.output.is_dir():
        raise click.UsageError(f"{job.output} is not a folder, which --batch needs.")
    job.output.mkdir(exist_ok=True)
    for folder in (job.image, job.mask):
        if job.output.samefile(folder):
            raise click.UsageError(f"The results would replace the files in {folder}. Choose another folder for them.")
    images = _pictures(job.image)
    if not images:
        raise click.UsageError(f"{job.image} holds no picture ({', '.join(EXTENSIONS)}).")
    return images


def _pictures(folder: Path) -> list[Path]:
    """Visible files with the extension of a picture, by name."""
    return sorted(
        path for path in folder.iterdir() if path.suffix.lower() in EXTENSIONS and not path.name.startswith(".")
    )


def _complete_one(job: PictureJob, masks: list[Path], engine: Callable[[], FileEngine]) -> PictureReport:
    """Complete one photograph of a batch with the one mask that has its name."""
    if not masks:
        raise InvalidInputError(
            f"no mask in {job.mask} has the name {job.image.stem}. Add one, or take the image away."
        )
    if len(masks) > 1:
        names = " and ".join(path.name for path in masks)
        raise InvalidInputError(f"{len(masks)} masks belong to it: {names}. Leave one.")
    paired = replace(job, mask=masks[0])
    return complete_picture(paired, engine, _show_nothing)


def _tell_failure(image: Path, error: Exception, as_json: bool, in_terminal: bool) -> None:
    """One line. A batch goes on after any failure, even one that is a defect: the other photographs can be done."""
    reason = str(error) if isinstance(error, GlcicError) else f"unexpected {type(error).__name__}: {error}"
    if as_json:
        click.echo(json.dumps({"image": str(image), "error": reason}))
    erase = _ERASE_LINE if in_terminal else ""
    click.echo(f"{erase}Failed: {image.name}: {reason}", err=True)
