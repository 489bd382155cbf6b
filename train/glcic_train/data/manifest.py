"""The manifest of a prepared folder, and the journal of one that is not finished."""

import json
from pathlib import Path
from typing import Any

from glcic_backend.errors import InvalidInputError

MANIFEST = "manifest.json"
REJECTS = "rejects.jsonl"
JOURNAL = ".prepare"
"""Folder in the prepared folder that is there until the preparation is complete."""

FORMAT = "glcic-train photos 1"


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """The manifest of a folder, or None where there is none. `docs/workshop/data.md` lists its fields.

    Raises:
        InvalidInputError: the preparation has not finished, or the manifest cannot be read.
    """
    path = folder / MANIFEST
    if not path.is_file():
        if (folder / JOURNAL).is_dir():
            raise InvalidInputError(
                f"{folder} is not complete: its preparation was stopped. "
                "Run the same `glcic-train data prepare` command again; it goes on where it stopped."
            )
        return None
    try:
        manifest = json.loads(path.read_bytes())
    except ValueError as error:
        raise InvalidInputError(f"{path} is damaged: {error}. Prepare the folder again.") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise InvalidInputError(f"{path} is not a manifest of this version ({FORMAT}). Prepare the folder again.")
    return manifest


def dump_json(value: Any) -> bytes:
    """JSON for people: indented, one trailing newline."""
    return (json.dumps(value, indent=2) + "\n").encode()
