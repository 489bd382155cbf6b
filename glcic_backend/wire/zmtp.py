"""A ZMTP 3.0 connection with the mechanism PLAIN, over a Unix socket or TCP on this machine.

This is the part of ZeroMQ's wire protocol (ZeroMQ RFC 23 and 24) that talks to the daemon. It needs the standard
library only, because Python inside GIMP has nothing else.
"""

from __future__ import annotations

import selectors
import socket
import time
from typing import TYPE_CHECKING

from .codec import DEFAULT_MAX_BYTES, MAX_FRAMES
from .errors import DaemonLostError, HandshakeError, MessageError
from .frames import COMMAND, GREETING_BYTES, MORE, FrameReader, command, greeting, message_pieces, metadata, short
from .messages import ErrorCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .messages import Buffer

_ERRORS = (b"\x05ERROR", b"\x5eRROR")  # libzmq 4.3.5 sends the second: a slip in its source ("\x5ERROR")
_CHUNK = 1 << 18
_HANDSHAKE_MAX_BYTES = 1024


class ZmtpConnection:
    """One authenticated connection. Not for use by two threads at once; it does not reconnect.

    Attributes:
        max_bytes: largest message that is accepted; nothing is kept of a larger one.
    """

    def __init__(self, connected: socket.socket, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._socket = connected
        self._socket.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(connected, selectors.EVENT_READ)
        self._reader = FrameReader(self._admit)
        self._parts: list[bytearray] = []  # frames of an unfinished message

    @classmethod
    def open(
        cls, endpoint: str, username: str, password: str, timeout: float, max_bytes: int = DEFAULT_MAX_BYTES
    ) -> ZmtpConnection:
        """Connects and authenticates.

        Args:
            endpoint: `ipc://PATH` or `tcp://127.0.0.1:PORT`.
            timeout: seconds for connecting and the handshake together.

        Raises:
            OSError: nothing listens there.
            HandshakeError: what listens there is no ZeroMQ socket with PLAIN, or refuses the password.
            DaemonLostError: it does not answer in time, or closes the connection.
        """
        deadline = time.monotonic() + timeout
        connection = cls(_connect(endpoint, timeout), _HANDSHAKE_MAX_BYTES)
        try:
            connection._handshake(username, password, deadline)
        except BaseException:
            connection.close()
            raise
        connection.max_bytes = max_bytes
        return connection

    def close(self) -> None:
        """Closes the connection; the daemon drops what it was doing for it."""
        self._selector.close()
        self._socket.close()
        self._reader.clear()

    def send(self, frames: Sequence[Buffer], timeout: float) -> None:
        """Sends one message. Raises `DaemonLostError` if no byte moves for `timeout` seconds."""
        for piece in message_pieces(list(frames)):
            self._send_all(piece, timeout)

    def receive(self, timeout: float) -> list[bytearray] | None:
        """The next message, or None if it is not complete within `timeout` seconds; ask again to go on.

        Raises:
            DaemonLostError: the other side has closed the connection.
            MessageError: a message of more than `max_bytes` bytes or `MAX_FRAMES` frames.
        """
        deadline = time.monotonic() + timeout
        while True:
            frame = self._receive_frame(deadline)
            if frame is None:
                return None
            flags, body = frame
            if flags & COMMAND:
                self._answer_command(body)
                if time.monotonic() > deadline:  # however many commands come
                    return None
                continue
            self._parts.append(body)
            if not flags & MORE:
                message, self._parts = self._parts, []
                return message

    def _admit(self, _flags: int, size: int) -> None:
        if len(self._parts) == MAX_FRAMES or sum(map(len, self._parts)) + size > self.max_bytes:
            raise MessageError(
                ErrorCode.TOO_LARGE,
                f"The other side sends a message of more than {self.max_bytes} bytes or {MAX_FRAMES} frames.",
            )

    def _handshake(self, username: str, password: str, deadline: float) -> None:
        self._send_all(greeting(as_server=False), deadline - time.monotonic())
        while (theirs := self._reader.take(GREETING_BYTES)) is None:
            if not self._read_more(deadline):
                raise DaemonLostError("What listens there has not answered in time.")
        if theirs[0] != 0xFF or theirs[9] != 0x7F or theirs[10] < 3:
            raise HandshakeError("What listens there does not speak ZMTP 3.")
        if theirs[12:32].rstrip(b"\0") != b"PLAIN":
            raise HandshakeError("The ZeroMQ socket there does not ask for a password.")
        hello = short(username.encode()) + short(password.encode())
        self._send_all(command(b"HELLO", hello), deadline - time.monotonic())
        self._expect_command(b"WELCOME", deadline)
        initiate = metadata(b"Socket-Type", b"DEALER") + metadata(b"Identity", b"")
        self._send_all(command(b"INITIATE", initiate), deadline - time.monotonic())
        self._expect_command(b"READY", deadline)

    def _expect_command(self, name: bytes, deadline: float) -> None:
        frame = self._receive_frame(deadline)
        if frame is None:
            raise DaemonLostError("What listens there has not answered in time.")
        flags, body = frame
        if flags & COMMAND and body.startswith(_ERRORS):
            raise HandshakeError("What listens there refuses the password.")
        if not flags & COMMAND or not body.startswith(short(name)):
            raise HandshakeError("What listens there breaks the handshake.")

    def _answer_command(self, body: bytearray) -> None:
        # PING: a time to live of two bytes, then up to 16 bytes that the PONG repeats. Other commands need no answer.
        if body.startswith(b"\x04PING"):
            self._send_all(command(b"PONG", bytes(body[7:23])), timeout=1.0)

    def _send_all(self, data: Buffer, timeout: float) -> None:
        view = memoryview(data)
        while view:
            try:
                sent = self._socket.send(view[:_CHUNK])
            except BlockingIOError:
                if not self._wait(selectors.EVENT_WRITE, timeout):
                    raise DaemonLostError(f"The daemon has taken no data for {timeout:.0f} s.") from None
            except OSError as error:
                raise DaemonLostError(f"The connection broke: {error.strerror}.") from None
            else:
                view = view[sent:]

    def _receive_frame(self, deadline: float) -> tuple[int, bytearray] | None:
        """Flags and body of the next frame, or None at the deadline; what has arrived by then is kept."""
        while (frame := self._reader.frame()) is None:
            if not self._read_more(deadline):
                return None
        flags, body = frame
        if body is None:
            raise MessageError(ErrorCode.TOO_LARGE, "The memory does not suffice for what the other side sends.")
        return flags, body

    def _read_more(self, deadline: float) -> bool:
        """Takes in what has arrived; False if nothing comes before the deadline."""
        while True:
            try:
                count = self._reader.read(self._socket)
            except BlockingIOError:
                if not self._wait(selectors.EVENT_READ, deadline - time.monotonic()):
                    return False
            except OSError as error:
                raise DaemonLostError(f"The connection broke: {error.strerror}.") from None
            else:
                if count == 0:
                    raise DaemonLostError(
                        "The daemon has closed the connection; it has ended. Start it again with `glcic-backend serve`."
                    )
                return True

    def _wait(self, event: int, timeout: float) -> bool:
        self._selector.modify(self._socket, event)
        return bool(self._selector.select(max(timeout, 0)))


def _connect(endpoint: str, timeout: float) -> socket.socket:
    scheme, _, address = endpoint.partition("://")
    host, _, port = address.rpartition(":")
    if scheme == "ipc" and hasattr(socket, "AF_UNIX"):
        connecting = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connecting.settimeout(timeout)
        try:
            connecting.connect(address)
        except BaseException:
            connecting.close()
            raise
        return connecting
    # The password goes over the wire in clear text, so it must not leave this machine.
    if scheme == "tcp" and host == "127.0.0.1" and port.isascii() and port.isdigit() and int(port) < 1 << 16:
        connected = socket.create_connection((host, int(port)), timeout)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connected
    raise HandshakeError(f"The endpoint {endpoint} is neither ipc://PATH nor tcp://127.0.0.1:PORT.")
