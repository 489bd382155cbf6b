"""A client of the daemon: finds it, has it prove itself, and makes requests."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, TypeVar

from . import credentials, messages
from .codec import DEFAULT_MAX_BYTES, MAX_HEADER_BYTES, PROTOCOL_VERSION, decode, encode
from .connection import ConnectionInfo, read_connection
from .errors import (
    BusyError,
    CancelledError,
    DaemonLostError,
    DaemonNotRunningError,
    HandshakeError,
    ImpostorError,
    MessageError,
    ProtocolMismatchError,
    RequestError,
    StoppingError,
)
from .geometry import Rectangle
from .messages import ErrorCode, ErrorReply, Message, Progress
from .zmtp import ZmtpConnection

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from .checked import ListedModel
    from .messages import Buffer

_POLL_SECONDS = 0.1
_STOP_SECONDS = 5.0  # that a daemon may take to end
_UNPROVEN_MAX_BYTES = 1 << 16

ReplyT = TypeVar("ReplyT", bound=Message)

_REQUEST_ERRORS = {ErrorCode.BUSY: BusyError, ErrorCode.CANCELLED: CancelledError, ErrorCode.STOPPING: StoppingError}


class DaemonClient:
    """A connection to a daemon that has proved itself. A context manager; not for use by two threads at once.

    Attributes:
        info: what the connection file says of the daemon.
        timeout: seconds after which a request that is answered at once is given up, whatever comes meanwhile; and
            seconds without a word about any of the jobs after which the daemon is given up.
    """

    def __init__(self, info: ConnectionInfo, transport: ZmtpConnection, software: str, timeout: float) -> None:
        self.info = info
        self.timeout = timeout
        self._transport = transport
        self._software = software
        self._last_id = 0
        self._replies: dict[int, Message | None] = {}  # by request; None: not there yet
        self._progress: dict[int, tuple[str, float]] = {}  # the latest event, by request
        self._max_bytes = 0  # of a message to the daemon, as it says
        self._heard = time.monotonic()

    @classmethod
    def connect(
        cls,
        home: Path | None = None,
        *,
        software: str,
        timeout: float = 10.0,
        any_protocol: bool = False,
    ) -> DaemonClient:
        """Finds the running daemon and has it prove that it is the one that wrote the connection file.

        Args:
            home: folder of the user's GLCIC data, `connection.home_folder()` unless given.
            software: name and version of this program, for messages about versions that differ.
            timeout: seconds for all that this takes; also for what follows, see the class.
            any_protocol: connect to a daemon of another protocol version too; only `stop` works with it.

        Raises:
            DaemonNotRunningError, UnsafeFolderError, ProtocolMismatchError, ImpostorError, DaemonLostError
        """
        deadline = time.monotonic() + timeout
        info = read_connection(home)
        while True:
            try:
                return cls._connect(info, software, timeout, deadline, any_protocol)
            except DaemonLostError:
                # A daemon that was just ending has closed the door; there may be another one, or none, by now.
                found, info = info, read_connection(home)
                if found == info:
                    raise

    @classmethod
    def _connect(
        cls, info: ConnectionInfo, software: str, timeout: float, deadline: float, any_protocol: bool
    ) -> DaemonClient:
        if info.protocol != PROTOCOL_VERSION and not any_protocol:
            raise ProtocolMismatchError(
                f"The daemon that is running ({info.software}, process {info.pid}) speaks protocol {info.protocol}, "
                f"but this program ({software}) speaks protocol {PROTOCOL_VERSION}. End it with `glcic-backend stop` "
                "and try again; if that does not help, run `python3 install.py` so that both have the same version."
            )
        try:
            transport = ZmtpConnection.open(
                info.endpoint,
                credentials.USERNAME,
                credentials.derive_password(info.secret),
                max(deadline - time.monotonic(), _POLL_SECONDS),
                max_bytes=_UNPROVEN_MAX_BYTES,
            )
        except (HandshakeError, MessageError) as error:
            raise ImpostorError(f"{_impostor(info)} {error}") from None
        except OSError as error:
            raise DaemonNotRunningError(
                f"No daemon is running: process {info.pid} has left its connection file, but nothing answers at "
                f"{info.endpoint} ({error.strerror or error}). Start one with `glcic-backend serve`."
            ) from None
        client = cls(info, transport, software, timeout)
        try:
            client._demand_proof(deadline)
        except BaseException:
            client.close()
            raise
        return client

    def __enter__(self) -> DaemonClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection; the daemon drops what it was doing for this client."""
        self._transport.close()

    def status(self) -> messages.StatusReply:
        """How the daemon is."""
        return self._ask(messages.Status(self._next_id()), messages.StatusReply)

    def models(self) -> list[ListedModel]:
        """The models that can be asked for."""
        return self._ask(messages.Models(self._next_id()), messages.ModelsReply).models

    def context(
        self,
        width: int,
        height: int,
        hole: Rectangle,
        *,
        quality: str = "best",
        context: str = "automatic",
        distance: int = 0,
        model: str = "",
        progress: Callable[[str, float], None] | None = None,
    ) -> Rectangle:
        """The part of an image that must be sent to have `hole` completed as with the whole image.

        Answered at once, unless the model has to be loaded first; `progress` then hears of it.

        Args:
            quality, context, distance, model: those that `complete` will be given.

        Raises:
            RequestError: there is no such model (code `unknown_model`).
        """
        request = messages.Context(self._next_id(), width, height, hole, quality, context, distance, model)
        self._send(request)
        return self._wait(request.id, messages.ContextReply, progress, None).crop

    def complete(
        self,
        pixels: Buffer,
        mask: Buffer,
        *,
        width: int,
        height: int,
        channels: int,
        dtype: str,
        progress: Callable[[str, float], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
        **how: Any,
    ) -> messages.CompleteReply:
        """Completes the holes of an image; see `messages.Complete` for the arguments.

        Args:
            progress: called with a stage's name and its fraction 0..1 whenever these have changed.
            cancelled: asked ten times a second; when it returns True the job is dropped.
            how: the others that `submit` takes.

        Returns:
            The bounding rectangle of the mask, completed.

        Raises:
            BusyError: the queue is full; try again later.
            CancelledError: `cancelled` returned True, or the daemon is stopping.
            RequestError: the daemon could not do it; its text says why.
            DaemonLostError: the daemon ended or fell silent.
        """
        job = self.submit(pixels, mask, width=width, height=height, channels=channels, dtype=dtype, **how)
        reply = self.wait(job, progress, cancelled)
        sent = Rectangle(0, 0, width, height)
        if not sent.contains(reply.rectangle) or (reply.channels, reply.dtype) != (channels, dtype):
            raise MessageError(ErrorCode.MALFORMED, "The daemon's reply does not fit the image that was sent.", job)
        return reply

    def submit(
        self,
        pixels: Buffer,
        mask: Buffer,
        *,
        width: int,
        height: int,
        channels: int,
        dtype: str,
        curve: str = "perceptual",
        blend: bool = True,
        quality: str = "best",
        context: str = "automatic",
        sample_from: str = "automatic",
        distance: int = 0,
        lines: Sequence[Sequence[float]] = (),
        sources: Buffer = b"",
        seed: int = 0,
        model: str = "",
    ) -> int:
        """Sends a completion without waiting for it. Returns the job's number, for `wait` and `cancel`."""
        request = messages.Complete(
            self._next_id(),
            width,
            height,
            channels,
            dtype,
            curve,
            blend,
            quality,
            context,
            sample_from,
            distance,
            lines,
            seed,
            model,
            pixels,
            mask,
            sources,
        )
        size = len(request.pixels) + len(request.mask) + len(request.sources)
        if size + MAX_HEADER_BYTES > self._max_bytes:
            raise RequestError(
                ErrorCode.TOO_LARGE,
                f"The part of the image that is needed has {size} bytes, but the daemon takes {self._max_bytes} in a "
                "message. Fill smaller holes one after the other, or start it with a larger limit: `glcic-backend "
                "serve --max-bytes`.",
            )
        self._send(request)
        return request.id

    def wait(
        self,
        job: int,
        progress: Callable[[str, float], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> messages.CompleteReply:
        """Waits for a job of `submit`; arguments and errors as in `complete`."""
        return self._wait(job, messages.CompleteReply, progress, cancelled)

    def cancel(self, job: int) -> bool:
        """Drops a job of `submit`. Returns False if it had ended before; its `wait` raises `CancelledError`."""
        return self._ask(messages.Cancel(self._next_id(), job), messages.CancelReply).found

    def stop(self) -> None:
        """Asks the daemon to end, and waits until it has. Raises DaemonLostError if it does not in time."""
        self._ask(messages.Stop(self._next_id()), messages.StopReply)
        deadline = time.monotonic() + _STOP_SECONDS + self.timeout
        while time.monotonic() < deadline:
            try:
                self._listen()
            except DaemonLostError:
                self.close()
                return
        raise self._silence(_STOP_SECONDS + self.timeout, "has not ended after")

    def _demand_proof(self, deadline: float) -> None:
        nonce = credentials.new_nonce()
        try:
            reply = self._ask(messages.Hello(self._next_id(), nonce, self._software), messages.HelloReply, deadline)
        except (MessageError, RequestError) as error:
            raise ImpostorError(f"{_impostor(self.info)} {error}") from None
        if not credentials.same(reply.proof, credentials.prove(self.info.secret, nonce, self.info.endpoint)):
            raise ImpostorError(f"{_impostor(self.info)} Its proof is wrong.")
        self._max_bytes = reply.max_bytes
        # Until here a stranger may have been talking, who shall not make this process allocate much.
        self._transport.max_bytes = DEFAULT_MAX_BYTES

    def _next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def _ask(self, request: Message, kind: type[ReplyT], deadline: float | None = None) -> ReplyT:
        """Makes a request that is answered at once: whatever else comes, not later than at the deadline."""
        if deadline is None:
            deadline = time.monotonic() + self.timeout
        self._send(request)
        return self._wait(request.id, kind, None, None, deadline)

    def _wait(
        self,
        request: int,
        kind: type[ReplyT],
        progress: Callable[[str, float], None] | None,
        cancelled: Callable[[], bool] | None,
        deadline: float | None = None,
    ) -> ReplyT:
        shown = None
        while True:
            reply = self._take(request, kind)
            if reply is not None:
                return reply
            if progress is not None and self._progress.get(request, shown) != shown:
                shown = self._progress[request]
                progress(*shown)
            if cancelled is not None and cancelled():
                self.cancel(request)
                self._forget(request)
                raise CancelledError(ErrorCode.CANCELLED, "The completion was cancelled.")
            if deadline is not None and time.monotonic() > deadline:
                raise self._silence(self.timeout, "has not answered within")
            self._listen()

    def _send(self, request: Message) -> None:
        self._replies[request.id] = None
        self._transport.send(encode(request, self.info.protocol), self.timeout)
        self._heard = time.monotonic()

    def _take(self, request: int, kind: type[ReplyT]) -> ReplyT | None:
        """The reply to a request if it is there. Raises what an error reply says."""
        reply = self._replies[request]
        if reply is None:
            return None
        self._forget(request)
        if isinstance(reply, ErrorReply):
            raise _REQUEST_ERRORS.get(reply.code, RequestError)(reply.code, reply.message)
        if not isinstance(reply, kind):
            raise MessageError(ErrorCode.MALFORMED, f"The daemon answered with {reply.TYPE!r}.", request)
        return reply

    def _forget(self, request: int) -> None:
        self._replies.pop(request, None)
        self._progress.pop(request, None)

    def _listen(self) -> None:
        """Takes in one message, if one comes soon. Raises `DaemonLostError` when the daemon is gone or silent."""
        frames = self._transport.receive(_POLL_SECONDS)
        if frames is not None:
            message = decode(frames, messages.REPLIES, self.info.protocol)
            if isinstance(message, ErrorReply) and message.id == 0:
                raise RequestError(message.code, message.message)
            if message.id in self._replies:  # else it is the late reply to a request that was cancelled
                self._heard = time.monotonic()
                if isinstance(message, Progress):
                    self._progress[message.id] = (message.stage, message.fraction)
                else:
                    self._replies[message.id] = message
        if time.monotonic() - self._heard > self.timeout:
            raise self._silence(self.timeout, "has said nothing for")

    def _silence(self, seconds: float, what: str) -> DaemonLostError:
        return DaemonLostError(
            f"The daemon (process {self.info.pid}) {what} {seconds:.0f} s. End it with `glcic-backend stop`, or its "
            "process, and start it again with `glcic-backend serve`."
        )


def _impostor(info: ConnectionInfo) -> str:
    return (
        f"What answers at {info.endpoint} is not the daemon that wrote the connection file (process {info.pid}), "
        "so no image was sent to it. If that daemon has ended, start a new one with `glcic-backend serve`."
    )
