"""Errors of the wire protocol. Every text says what happened, why, and what to do next."""

from __future__ import annotations

ALREADY_RUNS = 4
"""Exit code of `glcic-backend serve` when another daemon has its place: the one who wanted one has one."""


class WireError(Exception):
    """Anything that went wrong between a client and the daemon; on the command line, exit code 2."""

    exit_code = 2


class UnsafeFolderError(WireError):
    """The daemon's folder or connection file could have been written or read by somebody else."""


class UnusableFolderError(WireError):
    """The daemon's folder cannot be made or written by this user."""


class DaemonNotRunningError(WireError):
    """No daemon is running: there is no connection file, or nothing answers at its endpoint."""

    exit_code = 1


class DaemonLostError(WireError):
    """The daemon went away, or fell silent, while it was being talked to."""


class ImpostorError(WireError):
    """Whatever answers at the endpoint does not hold the daemon's secret. No image data was sent to it."""


class HandshakeError(WireError):
    """The other side of a connection does not speak ZMTP with PLAIN, or refuses the password."""


class ProtocolMismatchError(WireError):
    """The other side speaks another version of the protocol.

    Attributes:
        request: id of the request at fault, 0 if it could not be read.
    """

    def __init__(self, text: str, request: int = 0) -> None:
        super().__init__(text)
        self.request = request


class MessageError(WireError):
    """A message that breaks the protocol.

    Attributes:
        code: the error code of the reply to it, a value of `messages.ErrorCode`.
        request: id of the request at fault, 0 if it could not be read.
    """

    def __init__(self, code: str, text: str, request: int = 0) -> None:
        super().__init__(text)
        self.code = code
        self.request = request


class RequestError(WireError):
    """The daemon refused or failed a request.

    Attributes:
        code: the reply's error code, a value of `messages.ErrorCode`.
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class BusyError(RequestError):
    """The daemon's queue is full; the request was not accepted."""


class CancelledError(RequestError):
    """The request was cancelled, by this client or because the daemon is stopping."""


class StoppingError(CancelledError):
    """The daemon is ending, and has not completed the request. Another daemon will."""
