"""What `complete` tells of a picture on standard error."""

import json
import sys

import click

from glcic_backend.errors import GlcicError, as_options
from glcic_backend.image_files.picture_job import PictureReport

ERASE_LINE = "\r\033[K"


def tell_notes(report: PictureReport) -> None:
    """A line for each note."""
    for note in report.notes:
        tell(click.style("Note", fg="yellow") + f" on {report.image}: {note}.")


def tell_failure(name: str, reason: str, as_json: bool) -> None:
    """A line for a picture that could not be completed; with --json an object on standard output, too."""
    if as_json:
        click.echo(json.dumps({"image": name, "error": reason}))
    tell(click.style("Failed", fg="red") + f": {name}: {reason}")


def tell(line: str) -> None:
    """A line of its own, wherever the cursor is; what it advises is given as options."""
    click.echo(f"{ERASE_LINE if sys.stderr.isatty() else ''}{as_options(line)}", err=True)


def reason_of(error: BaseException) -> str:
    """A sentence for an error, even one that is a defect."""
    return as_options(str(error)) if isinstance(error, GlcicError) else f"unexpected {type(error).__name__}: {error}"
