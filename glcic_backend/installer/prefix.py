"""The folder below which everything made by an installation lies."""

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from glcic_backend.atomic_file import write_atomically
from glcic_backend.errors import GlcicError
from glcic_backend.wire.connection import run_folder

LEAST_FREE_GB = 2.0

PIP_FOLDER = "pip"
"""Folder in the data folder with what belongs to a package that pip has installed."""

MARKER, LOCK = "install.json", "install.lock"
_MADE_BY = "install.py of GLCIC for GIMP"


class InstallError(GlcicError):
    """An installation that cannot be begun."""


def lock_path(prefix: Path) -> Path:
    """File whose lock an installation holds as long as it runs."""
    return prefix / LOCK


def hold_lock(lock: TextIO, tell: Callable[[str], None]) -> tuple[int, ...]:
    """Wait for a folder's lock. Returns what children inherit: one that outlives us still holds the lock."""
    if sys.platform == "win32":  # which refuses to replace files in use
        return ()
    import fcntl

    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        text = "Another installation, or what is left of an interrupted one, still works in this folder"
        tell(f"{text}: waiting for its end.")
        fcntl.flock(lock, fcntl.LOCK_EX)
    return (lock.fileno(),)


class Marker:
    """The file that makes a folder ours and tells which steps are finished, each with its inputs' fingerprint."""

    def __init__(self, prefix: Path) -> None:
        self._path = prefix / MARKER
        self._finished: dict[str, str] = (self._read() or {}).get("finished", {})

    def is_there(self) -> bool:
        """Whether the folder was made by this installer."""
        return (self._read() or {}).get("made_by") == _MADE_BY

    def is_complete(self) -> bool:
        """Whether the last installation was finished."""
        return (self._read() or {}).get("state") == "complete"

    def has(self, step: str, inputs: str) -> bool:
        """Whether a step was finished with the same inputs."""
        return self._finished.get(step) == inputs

    def begin(self, step: str | None = None) -> None:
        """Mark the installation as incomplete; an earlier result of `step` no longer counts."""
        self._finished.pop(step or "", None)
        self._write("incomplete")

    def finish(self, step: str, inputs: str) -> None:
        """Mark a step as finished."""
        self._finished[step] = inputs
        self._write("incomplete")

    def complete(self) -> None:
        """Mark the installation as complete."""
        self._write("complete")

    def _read(self) -> dict[str, Any] | None:
        try:
            content = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return None
        return content if isinstance(content, dict) else None

    def _write(self, state: str) -> None:
        content = {"made_by": _MADE_BY, "state": state, "finished": self._finished}
        write_atomically(self._path, json.dumps(content, indent=1).encode())


def check_prefix(prefix: Path, least_free_gb: float = LEAST_FREE_GB) -> None:
    """Check that a folder is ours, or new or empty, can be written, and has room.

    Raises:
        InstallError: it is not; nothing was changed.
    """
    if prefix.exists() and not prefix.is_dir():
        raise InstallError(f"{prefix} is a file. Choose a folder with --prefix.")
    ours = Marker(prefix).is_there()
    # A lock may be left of a run that ended at once; another installation may have used our data folder.
    harmless = {lock_path(prefix), run_folder(prefix), prefix / PIP_FOLDER}
    if prefix.is_dir() and not ours and any(entry not in harmless for entry in prefix.iterdir()):
        text = f"{prefix} has content that this installer did not make, and is left alone."
        raise InstallError(f"{text} Choose a new or empty folder with --prefix.")
    there = nearest_existing(prefix)
    if not os.access(there, os.W_OK):
        raise InstallError(f"{there} cannot be written by you. Choose another folder with --prefix.")
    # What an interrupted installation has stored already is not needed again.
    if free_gb(prefix) < least_free_gb and not ours:
        text = f"{there} has {free_gb(prefix):.1f} GB free; {least_free_gb} GB are needed."
        raise InstallError(f"{text} Free some, or choose a folder on another disk with --prefix.")


def nearest_existing(path: Path) -> Path:
    """The path itself, or the first folder above it that exists."""
    while not path.exists():
        path = path.parent
    return path


def free_gb(path: Path) -> float:
    """Free space where a path lies or would lie, in units of 10^9 bytes."""
    return shutil.disk_usage(nearest_existing(path)).free / 1e9
