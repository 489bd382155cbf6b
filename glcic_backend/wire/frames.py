"""Frames of ZMTP 3 (ZeroMQ RFC 23), put together from whatever pieces a connection gives, for both sides."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from .messages import Buffer

MORE, LONG, COMMAND = 0x01, 0x02, 0x04
"""Flags of a frame."""

GREETING_BYTES = 64
_CHUNK = 1 << 16


class FrameReader:
    """Reads frames from a socket that does not block.

    The room for a frame grows with what has arrived of it, so that nobody gets memory by a header alone.

    Args:
        admit: given flags and size of a frame before anything of its body is kept; raises what ends the connection.
        grow: asked before that many more bytes are kept of a frame; False has the frame read on and thrown away.
    """

    def __init__(self, admit: Callable[[int, int], None], grow: Callable[[int], bool] = lambda more: True) -> None:
        self._admit, self._grow = admit, grow
        self._input = bytearray()  # received, not yet part of a frame
        self._flags = 0  # of the frame whose body is being received
        self._body: bytearray | None = None
        self._size = 0  # of the body
        self._filled = 0  # bytes of the body that are there
        self._thrown = False

    @property
    def is_amid(self) -> bool:
        """Whether a part of a frame has arrived."""
        return self._body is not None or bool(self._input)

    def read(self, connected: socket.socket) -> int:
        """Takes in what is there. Returns the number of bytes, 0 at the end of the connection.

        Raises:
            BlockingIOError: nothing is there.
            OSError: the connection broke.
        """
        if self._body is None:
            data = connected.recv(_CHUNK)
            self._input += data
            return len(data)
        missing = self._size - self._filled
        if self._thrown:
            count = len(connected.recv(min(_CHUNK, missing)))
        else:
            if self._filled == len(self._body) and not self._widen(self._body):
                return self.read(connected)
            with memoryview(self._body) as body, body[self._filled :] as room:
                count = connected.recv_into(room)
        self._filled += count
        return count

    def clear(self) -> None:
        """Let go of what has arrived."""
        self._input, self._body = bytearray(), None

    def take(self, count: int) -> bytes | None:
        """So many bytes before any frame, when they are there."""
        if len(self._input) < count:
            return None
        taken = bytes(self._input[:count])
        del self._input[:count]
        return taken

    def frame(self) -> tuple[int, bytearray | None] | None:
        """Flags and body of the next frame, when it is there in full; no body if it was thrown away."""
        if self._body is None and not self._begin():
            return None
        body = self._body
        assert body is not None
        if self._filled < self._size:
            return None
        self._body = None
        return self._flags, None if self._thrown else body

    def _begin(self) -> bool:
        """Reads a frame's header and what has come behind it."""
        if len(self._input) < (9 if self._input and self._input[0] & LONG else 2):
            return False
        flags = self._input[0]
        begin = 9 if flags & LONG else 2
        size = int.from_bytes(self._input[1:begin], "big")
        self._admit(flags, size)
        arrived = self._input[begin : begin + size]
        del self._input[: begin + len(arrived)]
        self._flags, self._size, self._filled = flags, size, len(arrived)
        self._thrown = not self._grow(len(arrived))
        self._body = bytearray() if self._thrown else arrived
        return True

    def _widen(self, body: bytearray) -> bool:
        more = min(self._size - len(body), max(len(body), _CHUNK))
        try:
            if self._grow(more):
                body.extend(bytes(more))
                return True
        except MemoryError:
            pass
        self._thrown = True
        body.clear()
        return False


def frame_header(size: int, flags: int) -> bytes:
    """What stands before a body of so many bytes."""
    if size <= 255:
        return bytes((flags, size))
    return bytes((flags | LONG,)) + size.to_bytes(8, "big")


def message_pieces(frames: list[Buffer]) -> list[Buffer]:
    """A message as the bytes to send, piece by piece; its frames are not copied."""
    pieces: list[Buffer] = []
    for place, frame in enumerate(frames):
        view = memoryview(frame).cast("B")
        pieces.append(frame_header(len(view), MORE if place + 1 < len(frames) else 0))
        pieces.append(view)
    return pieces


def command(name: bytes, data: bytes = b"") -> bytes:
    """A command frame."""
    body = short(name) + data
    return frame_header(len(body), COMMAND) + body


def greeting(as_server: bool) -> bytes:
    """The first 64 bytes of either side, for the mechanism PLAIN."""
    return b"\xff" + bytes(8) + b"\x7f" + bytes((3, 0)) + b"PLAIN".ljust(20, b"\0") + bytes((as_server,)) + bytes(31)


def short(data: bytes) -> bytes:
    """At most 255 bytes with their number before them."""
    return bytes((len(data),)) + data


def metadata(name: bytes, value: bytes) -> bytes:
    """A property of INITIATE and READY."""
    return short(name) + len(value).to_bytes(4, "big") + value
