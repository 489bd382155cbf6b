"""Files that are complete or not there."""

import os
from contextlib import suppress
from pathlib import Path

from glcic_backend.errors import OutputError


def write_beside(path: Path, data: bytes) -> None:
    """Write a file under a temporary name beside `path`, then rename it: a kill never leaves half a file.

    Folders that are missing on the way are made.

    Raises:
        OutputError: it cannot be written (disk full, no permission).
    """
    # The process id keeps ranks of one run, which write the same cache, out of each other's way.
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise cannot_write(path, error) from error


def cannot_write(path: Path, error: OSError) -> OutputError:
    """The error to raise when `path` could not be written."""
    return OutputError(
        f"{path} cannot be written: {error.strerror or error}. "
        "Free some space or choose another folder, then run the same command again; it goes on where it stopped."
    )
