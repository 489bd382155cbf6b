"""The error of a file that cannot be written."""

from pathlib import Path

from glcic_backend.errors import OutputError


def cannot_write(path: Path, error: OSError) -> OutputError:
    """The error to raise when `path` could not be written."""
    return OutputError(
        f"{path} cannot be written: {error.strerror or error}. "
        "Free some space or choose another folder, then run the same command again; it goes on where it stopped."
    )
