"""What the daemon and the process of its engine say to each other: JSON objects, and buffers behind them. No pickle."""

import json
from collections.abc import Iterable
from typing import IO, Any

from glcic_backend.wire.messages import Buffer

Message = tuple[dict[str, Any], list[bytes]]
"""A header and its buffers."""

OUT_OF_MEMORY = 12
"""Exit code of an engine whose memory does not suffice to take in a request: the system's number for that."""

FAILED = {"load": "The model could not be loaded", "complete": "The completion failed"}
"""What to say of a request that came to nothing, by what it asked for."""

_LENGTH_BYTES = 4


def send(pipe: IO[bytes], header: dict[str, Any], buffers: Iterable[Buffer] = ()) -> None:
    """Writes a message: the length of the header, the header with the lengths of the buffers, the buffers.

    Raises:
        OSError: the other process is gone.
    """
    views = [memoryview(buffer).cast("B") for buffer in buffers]
    text = json.dumps({**header, "sizes": [len(view) for view in views]}).encode()
    pipe.write(len(text).to_bytes(_LENGTH_BYTES, "little") + text)
    for view in views:
        pipe.write(view)
    pipe.flush()


def receive(pipe: IO[bytes]) -> Message | None:
    """Waits for a message. None if the other process is gone, be it in the midst of one."""
    start = pipe.read(_LENGTH_BYTES)
    text = pipe.read(int.from_bytes(start, "little"))
    if len(start) < _LENGTH_BYTES or len(text) < int.from_bytes(start, "little"):
        return None
    header: dict[str, Any] = json.loads(text)
    buffers = [pipe.read(size) for size in header["sizes"]]
    return (header, buffers) if [len(buffer) for buffer in buffers] == header["sizes"] else None
