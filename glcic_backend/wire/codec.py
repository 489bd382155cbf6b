"""Messages to frames and back: one JSON object (the header, frame 0), then one raw frame for each buffer."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .errors import MessageError, ProtocolMismatchError
from .messages import ErrorCode, Message, request_id

if TYPE_CHECKING:
    from .messages import Buffer

PROTOCOL_VERSION = 4
"""Raised by one with every change to any message. Both sides must speak the same version.

Only `hello`, `stop` and `error` keep their form in all versions: with them a newer program can end an older daemon.
"""

MAX_FRAMES = 8
MAX_HEADER_BYTES = 64 * 1024
DEFAULT_MAX_BYTES = 1 << 30
"""Largest total of a message's frames that is accepted unless told otherwise."""


def encode(message: Message, protocol: int = PROTOCOL_VERSION) -> list[Buffer]:
    """The frames of a message: its JSON header (UTF-8), then its buffers, not copied."""
    header: dict[str, Any] = {"protocol": protocol, "type": message.TYPE}
    if message.STATUS is not None:
        header["status"] = message.STATUS
    frames: list[Buffer] = []
    for field in dataclasses.fields(message):
        value = getattr(message, field.name)
        if "frame" in field.metadata:
            frames.append(value)
        else:
            header[field.name] = value
    return [json.dumps(header, separators=(",", ":")).encode("utf-8"), *frames]


def decode(frames: Sequence[Buffer], kinds: Mapping[str, type[Message]], protocol: int = PROTOCOL_VERSION) -> Message:
    """The message that some frames hold; its buffers are views of the frames.

    Args:
        frames: header and buffers, as received.
        kinds: the messages that may come, `REQUESTS` or `REPLIES`.
        protocol: version that the message must be in.

    Raises:
        ProtocolMismatchError: the other side speaks another protocol version.
        MessageError: anything else that breaks the protocol.
    """
    header = _header(frames)
    request = request_id(header.get("id"))
    version = header.pop("protocol", None)
    if type(version) is not int:
        raise _malformed_header(f'its "protocol" must be a whole number, not {version!r:.60}', request)
    if version != protocol:
        text = f"The other side speaks protocol {version!r:.20}, but this side speaks protocol {protocol}."
        raise ProtocolMismatchError(text, request)
    name = header.pop("type", None)
    if type(name) is not str or name not in kinds:
        raise MessageError(
            ErrorCode.UNKNOWN_TYPE, f"There is no message of type {name!r:.60} in protocol {protocol}.", request
        )
    kind = kinds[name]
    if header.pop("status", None) != kind.STATUS:
        raise _malformed_header(f'the "status" of "{name}" must be {kind.STATUS!r}', request)
    fields = dataclasses.fields(kind)
    buffers = [field.name for field in fields if "frame" in field.metadata]
    expected = {field.name for field in fields} - set(buffers)
    if set(header) != expected:
        wrong = sorted(expected ^ set(header))[:3]
        raise _malformed_header(f'"{name}" has missing or unknown fields: {wrong!r:.120}', request)
    if len(frames) - 1 != len(buffers):
        raise _malformed_header(f'"{name}" takes {len(buffers)} frames after it, not {len(frames) - 1}', request)
    header.update((buffer, frames[place]) for place, buffer in enumerate(buffers, start=1))
    return kind(**header)


def id_in(frames: Sequence[Buffer]) -> int:
    """The id of the request that some frames begin with, 0 if it cannot be read."""
    try:
        return request_id(_header(frames).get("id"))
    except MessageError:
        return 0


def _header(frames: Sequence[Buffer]) -> dict[str, Any]:
    if not 1 <= len(frames) <= MAX_FRAMES:
        raise _malformed_header(f"a message has 1 to {MAX_FRAMES} frames, not {len(frames)}")
    if len(frames[0]) > MAX_HEADER_BYTES:
        raise _malformed_header(f"it has {len(frames[0])} bytes, more than {MAX_HEADER_BYTES}")
    try:
        header = json.loads(bytes(frames[0]).decode("utf-8"))
    except (ValueError, RecursionError):
        raise _malformed_header("it is not JSON in UTF-8") from None
    if type(header) is not dict:
        raise _malformed_header("it is not a JSON object")
    return header


def _malformed_header(text: str, request: int = 0) -> MessageError:
    return MessageError(ErrorCode.MALFORMED, f"The header of a message breaks the protocol: {text}.", request)
