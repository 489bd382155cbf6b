"""The process that the engine runs in: started, asked, ended if it does not listen, and replaced if it dies."""

import contextlib
import logging
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from queue import Empty, SimpleQueue
from typing import IO, Any, NamedTuple

from glcic_backend import errors
from glcic_backend.daemon import engine_pipe
from glcic_backend.daemon.engine import EngineError
from glcic_backend.daemon.engine_pipe import OUT_OF_MEMORY, Message
from glcic_backend.errors import CancelledError
from glcic_backend.threads import wait_without_spinning
from glcic_backend.wire.connection import START_SECONDS
from glcic_backend.wire.messages import Buffer

GRACE_SECONDS = 4.2
"""How long an engine may compute on after a cancel before its process is ended: who has cancelled is told within five,
also on a busy machine, and the next process is started in between."""

MOST_DEATHS = 5
"""So many deaths in a row, and the engine is not started again."""

_POLL_SECONDS = 0.05
_DYING_SECONDS = 1.0
_PROGRAM = "glcic_backend.daemon.engine_program"

log = logging.getLogger(__name__)


class _Parcel(NamedTuple):
    """What is to be written to the engine."""

    header: dict[str, Any]
    buffers: list[Buffer]


def engine_command(device: str, threads: int | None) -> list[str]:
    """The command line of the engine's program; `device` and `threads` are those of `Inpainter.load`."""
    # -P: whatever folder the daemon was started in, no module is taken from it.
    return [sys.executable, "-P", "-m", _PROGRAM, device, str(threads or "")]


class EngineProcess:
    """One child process with the engine, asked by one thread at a time.

    Whatever the child does, no call here waits for it longer than it says: another thread writes to it, and another
    one reads from it.

    Args:
        command: starts the process.
        complaints: file where its standard error goes; None for that of this process.
    """

    def __init__(self, command: Sequence[str], complaints: IO[bytes] | None = None) -> None:
        """Start it. Does not wait until it is ready."""
        self._command, self._complaints = command, complaints
        self._deaths = 0
        self._asked = 0
        self._closed = self._is_ready = False
        self._started = 0.0
        self._start()

    @property
    def is_dead(self) -> bool:
        """Whether it has died too often to be started again."""
        return self._deaths >= MOST_DEATHS

    def ask(
        self,
        request: dict[str, Any],
        buffers: Iterable[Buffer] = (),
        progress: Callable[[str, float], None] = lambda stage, share: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Message:
        """Have the engine do something, and wait for its answer.

        A process that dies before it has begun with the request is not the request's fault: the next one gets it.

        Args:
            request, buffers: see `engine_server`.
            progress: told what the engine is at.
            cancelled: polled; True ends the wait at once while the process starts, else the computation, by ending the
                process if it does not listen.

        Returns:
            The answer and its buffers.

        Raises:
            EngineError: the process died, or does not live any more; or the engine failed.
            GlcicError: the engine refused, or was cancelled.
        """
        if not self.is_dead and self._child.poll() is not None:
            self._bury()
        if self.is_dead:
            raise EngineError(
                f"The engine has died {self._deaths} times in a row and is not started again. Look into the daemon's "
                "log, end the daemon with `glcic-backend stop`, and try again; `glcic-backend doctor` checks the rest."
            )
        parcel = _Parcel(request, list(buffers))
        try:
            return self._ask_once(parcel, progress, cancelled)
        except _NotBegunError as death:
            if self.is_dead or self._closed:
                raise self._failure(request["do"], death) from None
        try:
            return self._ask_once(parcel, progress, cancelled)
        except _NotBegunError as death:
            raise self._failure(request["do"], death) from None

    def _ask_once(
        self, parcel: _Parcel, progress: Callable[[str, float], None], cancelled: Callable[[], bool]
    ) -> Message:
        self._asked += 1
        self._parcels.put(_Parcel({**parcel.header, "number": self._asked}, parcel.buffers))
        told_at: float | None = None
        has_begun = False
        while True:
            now = time.monotonic()
            if told_at is None and cancelled():
                told_at = now
                self._parcels.put(_Parcel({"do": "cancel", "number": self._asked}, []))
            if told_at is not None and not self._is_ready:
                raise CancelledError("The completion was cancelled while the engine starts.")
            if not self._is_ready and now - self._started > START_SECONDS:
                log.warning("the engine was not ready after %.0f s; its process is ended", START_SECONDS)
                raise self._failure(parcel.header["do"], self._bury())
            try:
                message = self._messages.get(timeout=_POLL_SECONDS)
            except Empty:
                if told_at is not None and now - told_at > GRACE_SECONDS:
                    log.warning("the engine did not hear of a cancel for %.0f s; its process is ended", GRACE_SECONDS)
                    self._end()
                    self._start()
                    raise CancelledError("The completion was cancelled by ending the engine.") from None
                continue
            if message is None:
                child = self._child
                death = self._bury()
                is_full = child.returncode == OUT_OF_MEMORY  # by this very request, which it could not take in
                if told_at is not None:
                    raise CancelledError(f"The completion was cancelled; {death}.")
                if has_begun or is_full:
                    raise self._failure(parcel.header["do"], death)
                raise _NotBegunError(death)
            header, answers = message
            if header["say"] == "ready":
                self._is_ready = True
            elif header["number"] != self._asked:
                continue  # about a request that was given up
            elif header["say"] == "begun":
                has_begun = True
            elif header["say"] == "progress":
                progress(header["stage"], header["share"])
            else:
                self._deaths = 0
                if header["say"] == "error":
                    raise _ERRORS.get(header["kind"], EngineError)(header["text"])
                return header, answers

    def close(self) -> None:
        """End the process for good, whatever it is at; from any thread."""
        self._closed = True
        self._end()

    def _start(self) -> None:
        wait_without_spinning()  # the child inherits it
        self._child = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._complaints
        )
        self._started, self._is_ready = time.monotonic(), False
        # Their own queues for each child, so that nothing of an older one is taken for an answer.
        self._messages: SimpleQueue[Message | None] = SimpleQueue()
        self._parcels: SimpleQueue[_Parcel | None] = SimpleQueue()
        for work, pipe, queue in (
            (_listen, self._child.stdout, self._messages),
            (_write, self._child.stdin, self._parcels),
        ):
            threading.Thread(target=work, args=(pipe, queue), daemon=True).start()

    def _end(self) -> int:
        """Returns the exit code."""
        self._child.kill()
        self._parcels.put(None)
        return self._child.wait()

    def _bury(self) -> str:
        """Note that the process has died, and start the next one. Returns what happened, as half a sentence."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(_DYING_SECONDS)
        code = self._end()  # one that still lives has said what there was no memory for
        self._deaths += 1
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        what = f"the engine's process {self._child.pid} {how}"
        log.error("%s, death %d in a row", what, self._deaths)
        if not self.is_dead and not self._closed:
            self._start()
        return what

    def _failure(self, asked: str, death: object) -> EngineError:
        """What to raise about a request, by what it asked for, when the process has died over it."""
        next_step = "It is being started again: try once more. If it happens again, "
        next_step += "look into the daemon's log." if asked == "load" else "select a smaller area."
        if self.is_dead:
            next_step = f"It was death {self._deaths} in a row: it is not started again. The daemon's log says more."
        return EngineError(f"{engine_pipe.FAILED[asked]}: {death}. {next_step}")


class _NotBegunError(Exception):
    """The process died before it began with a request. The text says how, as half a sentence."""


def _write(pipe: IO[bytes], parcels: "SimpleQueue[_Parcel | None]") -> None:
    with contextlib.suppress(OSError), pipe:  # it is gone, as the listening thread tells
        while (parcel := parcels.get()) is not None:
            engine_pipe.send(pipe, *parcel)
            del parcel  # an idle daemon shall not keep the last picture


def _listen(pipe: IO[bytes], messages: "SimpleQueue[Message | None]") -> None:
    try:
        with pipe:
            while (message := engine_pipe.receive(pipe)) is not None:
                header, _ = message
                if header["say"] == "log":
                    logging.getLogger(header["name"]).log(header["level"], "%s", header["text"])
                else:
                    messages.put(message)
    except MemoryError:
        log.error("the memory does not suffice to take in what the engine has made")
    finally:
        messages.put(None)


_ERRORS: dict[str, type[errors.GlcicError]] = {
    kind.__name__: kind
    for kind in (errors.CancelledError, errors.InvalidInputError, errors.ModelFileError, errors.OutOfMemoryError)
}
