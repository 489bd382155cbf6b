"""Checkpoints: everything a run needs to go on as if it had never stopped, in files that are whole or not there."""

import io
import re
import warnings
from pathlib import Path
from typing import Any

import torch

from glcic_backend.atomic_file import write_atomically
from glcic_backend.errors import ModelFileError, OutputError

FORMAT = 1
_NAME = re.compile(r"checkpoint-(\d{9})\.pt")
BEST = "best.pt"


def save_checkpoint(folder: Path, state: dict[str, Any], keep: int) -> Path:
    """Write the checkpoint of `state["step"]`, then remove all but the newest `keep`.

    Args:
        folder: the run's folder.
        state: tensors and plain values only, with the key `step`.

    Raises:
        OutputError: it could not be written (disk full, say). The older checkpoints are untouched.
    """
    path = folder / f"checkpoint-{state['step']:09d}.pt"
    _write(path, state)
    for old in checkpoint_paths(folder)[:-keep]:
        old.unlink(missing_ok=True)
    return path


def save_best(folder: Path, state: dict[str, Any]) -> None:
    """Write the checkpoint with the lowest validation error so far; raises as `save_checkpoint` does."""
    _write(folder / BEST, state)


def checkpoint_paths(folder: Path) -> list[Path]:
    """The numbered checkpoints of a run, oldest first."""
    return sorted(path for path in folder.glob("checkpoint-*.pt") if _NAME.fullmatch(path.name))


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint; nothing in it is executed. Tensors are on the CPU.

    Args:
        path: a checkpoint, or the folder of a run, of which the newest checkpoint is read.

    Raises:
        ModelFileError: there is none, it is damaged, or it is not a checkpoint of this program.
    """
    if path.is_dir():
        paths = checkpoint_paths(path)
        if not paths:
            raise ModelFileError(f"{path} holds no checkpoint. Name the folder that was given to the run as --out.")
        path = paths[-1]
    try:
        with warnings.catch_warnings():
            # It warns of a pickle of another kind before it refuses it, which our sentence says.
            warnings.simplefilter("ignore", UserWarning)
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load raises whatever its reader met
        raise ModelFileError(
            f"{path} cannot be read as a checkpoint ({type(error).__name__}: {str(error).splitlines()[0]}). "
            "Remove it to go on from the one before."
        ) from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise ModelFileError(f"{path} is not a checkpoint of glcic-train (format {FORMAT}).")
    return state


def _write(path: Path, state: dict[str, Any]) -> None:
    # Through memory: torch's own file writer does not report a full disk as an error that can be acted on.
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, **state}, buffer)
    try:
        write_atomically(path, buffer.getbuffer())
    except OutputError as error:
        raise OutputError(
            f"{error} The run stopped at iteration {state['step']}; the checkpoints before it are intact. "
            f"Go on with: glcic-train resume {path.parent}"
        ) from error
