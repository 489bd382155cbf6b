"""Commands `glcic-train data`: make shards of photographs, and look into them."""

import dataclasses
import os
from pathlib import Path
from typing import Any

import click
from PIL import Image

from glcic_train.cli.progress import progress_bar
from glcic_train.data.contact_sheet import contact_sheet
from glcic_train.data.convert import PrepareSettings
from glcic_train.data.files import cannot_write
from glcic_train.data.layouts import LAYOUTS
from glcic_train.data.photo_set import PhotoSet
from glcic_train.data.prepare import prepare as prepare_photos
from glcic_train.data.sources import SPLITS, shards_by_split
from glcic_train.data.stats import describe, photo_stats


@click.group("data")
def data() -> None:
    """Prepare photographs for training, and look into what was prepared."""


@data.command(context_settings={"default_map": dataclasses.asdict(PrepareSettings()), "show_default": True})
@click.argument("source", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("out", type=click.Path(path_type=Path, file_okay=False))
@click.option("--layout", type=click.Choice(list(LAYOUTS)), help="How the folders of SOURCE are laid out.")
@click.option("--short-side", type=click.IntRange(16), help="Shrink to this shortest edge, in pixels; never enlarge.")
@click.option("--min-side", type=click.IntRange(1), help="Leave out photos with a shorter shortest edge.")
@click.option("--max-megapixels", type=click.FloatRange(0.01), help="Refuse larger photos before decoding them.")
@click.option("--val-share", type=click.FloatRange(0, 1), help="Share of validation photos, unless the layout says.")
@click.option("--dedupe", is_flag=True, help="Leave out near duplicates, within and across splits.")
@click.option("--licence", metavar="TEXT", help="Licence of the photos, kept with each.")
@click.option("--attribution", metavar="TEXT", help="Whom to name, kept with each photo.")
@click.option("--encoding", type=click.Choice(["jpeg", "webp"]), help="Of the pictures in the shards.")
@click.option("--quality", type=click.IntRange(1, 100), help="Of the encoding.")
@click.option("--shard-mb", type=click.FloatRange(0.01), help="Size of a shard, in MiB.")
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=os.cpu_count() or 1,
    show_default="one for each core",
    help="Processes that decode.",
)
def prepare(source: Path, out: Path, workers: int, **settings: Any) -> None:
    """Make tar shards in OUT of the photographs in SOURCE.

    Every photo is decoded in full, turned upright, converted to 8-bit sRGB and shrunk. What cannot be used is listed in
    OUT/rejects.jsonl with the reason. Stopped at any moment, the same command goes on where it stopped.

    \b
    Examples:
      glcic-train data prepare ~/Pictures photos --dedupe --licence "my own"
      glcic-train data prepare places365 places --layout places365 --short-side 384
    """
    with progress_bar("Preparing") as progress:
        manifest = prepare_photos(source, out, PrepareSettings(**settings), workers, progress)
    for split, count in manifest["photos"].items():
        click.echo(f"{split}: {count:,} photos")
    rejects = manifest["rejects"]
    if rejects["count"]:
        codes = ", ".join(f"{code} {count:,}" for code, count in rejects["by_code"].items())
        click.echo(f"left out: {rejects['count']:,} ({codes}); {out / rejects['file']} names each with the reason")
    if not manifest["licence"]:
        click.echo("No --licence was given. A model trained on these photos cannot state what it was trained on.")


@data.command()
@click.argument("path", type=click.Path(path_type=Path, exists=True))
def stats(path: Path) -> None:
    """Count the photos in PATH (a folder of shards or a shard): sizes, bytes, mean pixel, sources and licences.

    The mean pixel of a folder made by `data prepare` is that of its training photos, which all splits are trained with.
    """
    shards = shards_by_split(path) if path.is_dir() else {"all": [path]}
    for split, members in shards.items():
        # Opened as a folder, a split needs no decoding where the manifest states the mean pixel.
        photos = PhotoSet.open(path, split) if split in SPLITS else PhotoSet.open(members)
        with progress_bar(f"Reading {split}") as progress:
            figures = photo_stats(photos, progress)
        click.echo(f"{split}: {describe(figures)}")


@data.command()
@click.argument("path", type=click.Path(path_type=Path, exists=True))
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--split", type=click.Choice([*SPLITS, "all"]), default="all", show_default=True)
@click.option("--count", type=click.IntRange(1), default=72, show_default=True, help="Number of photos.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Another seed, other photos.")
def preview(path: Path, out: Path, split: str, count: int, seed: int) -> None:
    """Draw photos of PATH at random on a contact sheet OUT (PNG)."""
    sheet = contact_sheet(PhotoSet.open(path, split), count, seed)
    try:
        Image.fromarray(sheet).save(out, "PNG")
    except OSError as error:
        raise cannot_write(out, error) from error
    click.echo(f"{out}: {sheet.shape[1]} x {sheet.shape[0]} pixels")
