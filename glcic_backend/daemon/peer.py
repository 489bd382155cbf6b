"""One connection as the daemon sees it: handshake, messages in, messages out, nobody waited for.

ZMTP 3.0 (ZeroMQ RFC 23) with the mechanism PLAIN (RFC 24), the side of a ROUTER.
"""

import socket
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from glcic_backend.wire import credentials
from glcic_backend.wire.codec import MAX_FRAMES
from glcic_backend.wire.frames import COMMAND, GREETING_BYTES, MORE, FrameReader, command, greeting, metadata, short
from glcic_backend.wire.messages import Buffer, ErrorCode

SMALL_BYTES = 1 << 16
"""Frames up to this size are always taken: requests without a picture never wait for memory."""

_HANDSHAKE_FRAME_BYTES = 1024
_MOST_PIECES = 64  # handed to the system at once, which takes no more than 1024


class PeerGoneError(Exception):
    """The connection has ended, or must: the other side left, breaks the protocol, or may not come in."""


@dataclass
class Intake:
    """How many bytes of unfinished messages all connections hold together.

    Attributes:
        most: that they may hold; one connection alone may hold as many.
    """

    most: int
    held: int = 0


@dataclass(frozen=True)
class Letter:
    """A message that has arrived.

    Attributes:
        frames: header and buffers.
        refusal: the error code with which it is to be refused, because a part of it was thrown away; or nothing.
    """

    frames: list[Buffer]
    refusal: str = ""


@dataclass
class _Message:
    """An unfinished message."""

    frames: list[Buffer] = field(default_factory=list)
    count: int = 0
    size: int = 0
    refusal: str = ""


class Peer:
    """A connection.

    Attributes:
        number: tells it from every other one that this daemon ever had.
        is_let_in: whether it has given the password.
        begun, moved: times of its beginning and of its last byte, by `time.monotonic`.
        unsent: bytes that it has not taken yet.
    """

    def __init__(self, number: int, connected: socket.socket, password: str, max_bytes: int, intake: Intake) -> None:
        """Greets the other side. Raises PeerGoneError."""
        self.number, self._socket = number, connected
        self.is_let_in = False
        self.begun = self.moved = time.monotonic()
        self.unsent = 0
        self._password, self._max_bytes, self._intake = password, max_bytes, intake
        self._reader = FrameReader(self._admit, self._grow)
        self._greeted = self._knows_password = self._is_command = False
        self._message = _Message()
        self._pieces: deque[memoryview] = deque()
        connected.setblocking(False)
        self._send(greeting(as_server=True))

    @property
    def socket(self) -> socket.socket:
        """To be polled."""
        return self._socket

    @property
    def is_amid(self) -> bool:
        """Whether the handshake or a message has begun and not ended."""
        return not self.is_let_in or self._reader.is_amid or bool(self._message.count)

    def close(self) -> None:
        """Close the connection, and let go at once of what is kept for it: it and its reader know each other."""
        self._intake.held -= self._message.size
        self._message = _Message()
        self._pieces.clear()
        self._reader.clear()
        self._socket.close()

    def read(self) -> None:
        """Take in what is there. Raises PeerGoneError."""
        try:
            if not self._reader.read(self._socket):
                raise PeerGoneError("it has left")
        except BlockingIOError:
            return
        except OSError as error:
            raise PeerGoneError(f"its connection broke: {error.strerror}") from None
        self.moved = time.monotonic()

    def letters(self) -> Iterator[Letter | None]:
        """What has arrived: the messages, and None for anything else that took its time. Raises PeerGoneError."""
        if not self._greeted:
            theirs = self._reader.take(GREETING_BYTES)
            if theirs is None:
                return
            if theirs[0] != 0xFF or theirs[9] != 0x7F or theirs[10] < 3 or theirs[12:32].rstrip(b"\0") != b"PLAIN":
                raise PeerGoneError("it does not speak ZMTP 3 with PLAIN")
            self._greeted = True
        while (frame := self._reader.frame()) is not None:
            flags, body = frame
            if flags & COMMAND:
                self._take_command(body or bytearray())
                yield None
            elif not self.is_let_in:
                raise PeerGoneError("it sends messages before the handshake is over")
            else:
                yield self._take_frame(flags, body)

    def post(self, pieces: list[Buffer]) -> None:
        """Send as much as the other side takes now, and keep the rest. Raises PeerGoneError."""
        for piece in pieces:
            view = memoryview(piece).cast("B")
            if view:
                self._pieces.append(view)
                self.unsent += len(view)
        self.flush()

    def flush(self) -> None:
        """Send what is kept, as much as the other side takes now. Raises PeerGoneError."""
        while self._pieces:
            some = [piece for piece, _ in zip(self._pieces, range(_MOST_PIECES), strict=False)]
            try:
                sent = self._socket.sendmsg(some) if hasattr(self._socket, "sendmsg") else self._socket.send(some[0])
            except BlockingIOError:
                return
            except OSError as error:
                raise PeerGoneError(f"its connection broke: {error.strerror}") from None
            self.unsent -= sent
            while sent:
                piece = self._pieces.popleft()
                if sent < len(piece):
                    self._pieces.appendleft(piece[sent:])
                    break
                sent -= len(piece)

    # What FrameReader asks.

    def _admit(self, flags: int, size: int) -> None:
        if flags & ~(MORE | COMMAND | 2):
            raise PeerGoneError("it sends frames of an unknown kind")
        most = _HANDSHAKE_FRAME_BYTES if flags & COMMAND or not self.is_let_in else self._max_bytes
        if size > most:
            raise PeerGoneError(f"it sends a frame of {size} bytes, more than {most}")
        self._is_command = bool(flags & COMMAND)
        if not self._is_command:
            message = self._message
            message.count += 1
            if message.count > MAX_FRAMES or message.size + size > self._max_bytes:
                self._refuse(ErrorCode.TOO_LARGE)

    def _grow(self, more: int) -> bool:
        message, intake = self._message, self._intake
        if self._is_command or message.refusal:
            return self._is_command
        is_alone = intake.held == message.size
        if message.size + more > SMALL_BYTES and intake.held + more > intake.most and not is_alone:
            self._refuse(ErrorCode.BUSY)
            return False
        message.size += more
        intake.held += more
        return True

    def _refuse(self, code: str) -> None:
        """Keep nothing more of the message that is arriving, but its header, which tells what request it was."""
        message = self._message
        message.refusal = message.refusal or code
        message.frames = [frame for frame in message.frames[:1] if len(frame) <= SMALL_BYTES]
        self._intake.held -= message.size
        message.size = 0

    # What has arrived.

    def _take_command(self, body: bytearray) -> None:
        if body.startswith(b"\x04PING"):  # a time to live of two bytes, then up to 16 bytes that the PONG repeats
            self._send(command(b"PONG", bytes(body[7:23])))
        elif not self._knows_password:
            if not _is_hello(bytes(body), self._password):
                self._send(command(b"ERROR", short(b"400")))
                raise PeerGoneError("it does not know the password")
            self._knows_password = True
            self._send(command(b"WELCOME"))
        elif not self.is_let_in:
            if not body.startswith(short(b"INITIATE")) or metadata(b"Socket-Type", b"DEALER") not in body:
                self._send(command(b"ERROR", short(b"400")))
                raise PeerGoneError("it is no DEALER")
            self.is_let_in = True
            self._send(command(b"READY", metadata(b"Socket-Type", b"ROUTER") + metadata(b"Identity", b"")))

    def _take_frame(self, flags: int, body: bytearray | None) -> Letter | None:
        message = self._message
        if body is None:
            self._refuse(ErrorCode.BUSY)  # if not for another reason before: there was no memory for it
        elif not message.refusal:
            message.frames.append(body)
        if flags & MORE:
            return None
        self._message = _Message()
        self._intake.held -= message.size
        return Letter(message.frames, message.refusal)

    def _send(self, data: bytes) -> None:
        self.post([data])


def _is_hello(body: bytes, password: str) -> bool:
    """Whether a command is HELLO with the right name and password, both preceded by their lengths."""
    start = short(b"HELLO") + short(credentials.USERNAME.encode())
    given = body[len(start) :] if body.startswith(start) else b""
    return credentials.same(given.decode("latin-1"), short(password.encode()).decode("latin-1"))
