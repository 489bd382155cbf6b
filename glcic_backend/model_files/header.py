"""A path in; the bytes of a model file, or only what it says about itself, out: bounded, and of regular files only."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from glcic_backend.errors import ModelFileError
from glcic_backend.wire.files import open_regular

MAX_FILE_BYTES = 64 * 2**20
MAX_HEADER_BYTES = 2**18
"""That of a GLCIC model has some 5000 bytes."""

REPLACE = "The file is damaged or made for another program; fetch or export it again, or choose another with `model=`."

_LENGTH_BYTES = 8


def read_file(path: Path) -> bytes:
    """The whole of a model file. Raises ModelFileError: it is not there, no file, too large, or a pickle."""
    return _read(path, MAX_FILE_BYTES)


def read_start(path: Path) -> bytes:
    """As much of a model file as its description needs. Raises ModelFileError as `read_file` does."""
    return _read(path, _LENGTH_BYTES + MAX_HEADER_BYTES)


def metadata_in(path: Path, data: bytes) -> Mapping[str, str]:
    """What a safetensors file says beside its weights.

    Args:
        path: for messages.
        data: the file, or its start.

    Raises:
        ModelFileError: it is no such file, or its header is larger than `MAX_HEADER_BYTES`.
    """
    length = int.from_bytes(data[:_LENGTH_BYTES], "little")
    if len(data) < _LENGTH_BYTES or (length <= MAX_HEADER_BYTES and len(data) < _LENGTH_BYTES + length):
        raise ModelFileError(f"{path} is not a readable safetensors file (it ends in its header). {REPLACE}")
    if length > MAX_HEADER_BYTES:
        raise ModelFileError(
            f"{path} is not a readable safetensors file (its header claims {length:,} bytes; that of a GLCIC model has "
            f"at most {MAX_HEADER_BYTES:,}). {REPLACE}"
        )
    try:
        header = json.loads(data[_LENGTH_BYTES : _LENGTH_BYTES + length])
    except (ValueError, RecursionError):
        raise ModelFileError(f"{path} is not a readable safetensors file (its header is not JSON). {REPLACE}") from None
    metadata = header.get("__metadata__") if isinstance(header, dict) else None
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        return {}
    return metadata


def _read(path: Path, most: int) -> bytes:
    try:
        with open(open_regular(path), "rb") as file:
            size = os.fstat(file.fileno()).st_size
            data = file.read(min(most, size))
    except (OSError, ValueError) as error:
        raise ModelFileError(
            f"Model file {path} cannot be read: {getattr(error, 'strerror', None) or error}. Check the path given with "
            "`model=`."
        ) from error
    if size > MAX_FILE_BYTES:
        raise ModelFileError(
            f"{path} has {size / 2**20:.0f} MB; a GLCIC model has at most {MAX_FILE_BYTES / 2**20:.0f} MB. {REPLACE}"
        )
    # The ninth byte of a safetensors file opens its JSON header; before it stands a length, which may be anything.
    if data[8:9] != b"{" and data.startswith((b"\x80", b"PK")):
        raise ModelFileError(
            f"{path} is a pickle, which can run any program when it is opened, so it was not opened. "
            "Only safetensors files are read; a checkpoint is converted by `glcic-train export`."
        )
    return data
