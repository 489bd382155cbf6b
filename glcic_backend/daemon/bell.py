"""A bell by which any thread, or a signal, wakes the answering thread from its wait."""

import contextlib
import socket


class Bell:
    """To be polled like a socket: readable when it was rung.

    Attributes:
        handle: the end that is rung, for `signal.set_wakeup_fd`.
    """

    def __init__(self) -> None:
        self._ear, self.handle = socket.socketpair()
        self._ear.setblocking(False)
        self.handle.setblocking(False)

    def fileno(self) -> int:
        """For a selector."""
        return self._ear.fileno()

    def ring(self) -> None:
        """Wake the other side; from any thread. Does nothing once the bell is closed, or if it rings already."""
        with contextlib.suppress(OSError):
            self.handle.send(b"\0")

    def heard(self) -> int:
        """How often it was rung since the last call, at most 64; for the side that polls."""
        with contextlib.suppress(OSError):
            return len(self._ear.recv(64))
        return 0

    def close(self) -> None:
        """Close both ends."""
        self._ear.close()
        self.handle.close()
