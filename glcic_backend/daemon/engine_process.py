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
from typing import IO, Any

from glcic_backend import errors
from glcic_backend.daemon import engine_pipe
from glcic_backend.daemon.engine import EngineError
from glcic_backend.daemon.engine_pipe import Message
from glcic_backend.errors import CancelledError
from glcic_backend.threads import wait_without_spinning
from glcic_backend.wire.messages import Buffer

GRACE_SECONDS = 5.0
"""How long an engine may compute on after a cancel before its process is ended."""

MOST_DEATHS = 5
"""So many deaths in a row, and the engine is not started again."""

_POLL_SECONDS = 0.05
_DYING_SECONDS = 1.0
_PROGRAM = "glcic_backend.daemon.engine_program"

log = logging.getLogger(__name__)


def engine_command(device: str, threads: int | None) -> list[str]:
    """The command line of the engine's program; `device` and `threads` are those of `Inpainter.load`."""
    # -P: whatever folder the daemon was started in, no module is taken from it.
    return [sys.executable, "-P", "-m", _PROGRAM, device, str(threads or "")]


class EngineProcess:
    """One child process with the engine, asked by one thread at a time."""

    def __init__(self, command: Sequence[str]) -> None:
        """Start it. Does not wait until it is ready."""
        self._command = command
        self._deaths = 0
        self._asked = 0
        self._closed = False
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

        Args:
            request, buffers: see `engine_server`.
            progress: told what the engine is at.
            cancelled: polled; True ends the computation, by ending the process if it does not listen.

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
        self._asked += 1
        with contextlib.suppress(OSError):  # it is gone, as the listening thread will tell
            engine_pipe.send(self._stdin, {**request, "number": self._asked}, buffers)
        told_at: float | None = None
        while True:
            if told_at is None and cancelled():
                told_at = time.monotonic()
                with contextlib.suppress(OSError):
                    engine_pipe.send(self._stdin, {"do": "cancel", "number": self._asked})
            try:
                message = self._messages.get(timeout=_POLL_SECONDS)
            except Empty:
                if told_at is not None and time.monotonic() - told_at > GRACE_SECONDS:
                    log.warning("the engine did not hear of a cancel for %.0f s; its process is ended", GRACE_SECONDS)
                    self._end()
                    self._start()
                    raise CancelledError("The completion was cancelled by ending the engine.") from None
                continue
            if message is None:
                raise EngineError(f"The completion failed: {self._bury()}. {self._next_step()}")
            header, answers = message
            if header["say"] == "progress":
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
        self._child = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._child.stdin is not None and self._child.stdout is not None
        self._stdin: IO[bytes] = self._child.stdin
        # Its own queue for each child, so that nothing of an older one is taken for an answer.
        self._messages: SimpleQueue[Message | None] = SimpleQueue()
        listen = threading.Thread(target=_listen, args=(self._child.stdout, self._messages), daemon=True)
        listen.start()

    def _end(self) -> int:
        """Returns the exit code."""
        self._child.kill()
        with contextlib.suppress(OSError):  # what it has not taken is lost
            self._stdin.close()
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

    def _next_step(self) -> str:
        if self.is_dead:
            return f"It was death {self._deaths} in a row: it is not started again. The daemon's log says more."
        return "It is being started again: try once more. If it happens again, select a smaller area."


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
