"""The engine's side of the pipe to the daemon: a process that reads requests from standard input and answers them.

It ends when the daemon does. The form of the messages is that of `engine_pipe`.

Requests, each with a `number`:
    {"do": "load", "file": identity}
    {"do": "complete", "file": identity, "shape": [H, W, C], "dtype": text, "options": {...}}, image, mask [H, W]
        and, unless texture may come from anywhere, where it may come from [H, W]
    {"do": "cancel"}, with the number of the request to cancel, and all before it; has no answer of its own

What it says:
    {"say": "ready"}, once: from now on it hears of a cancel
    {"say": "log", "name": text, "level": number, "text": text}
with the number of the request:
    {"say": "begun"}
    {"say": "progress", "stage": text, "share": 0..1}
    {"say": "loaded", "info": {...}, "device": text}
    {"say": "completed", "used": text, "first": number}, the rows of the image from `first` on that were changed
    {"say": "error", "kind": text, "text": text}
"""

import ctypes
import faulthandler
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import IO, Any

import numpy as np

from glcic_backend.daemon import engine_pipe
from glcic_backend.daemon.allocator import give_back_what_is_free
from glcic_backend.daemon.engine import Engine
from glcic_backend.errors import CancelledError, GlcicError
from glcic_backend.wire.messages import MAX_TEXT, Buffer

REST_SECONDS = 1.0
"""So long without a request, and the memory that is free is given back."""

_PR_SET_PDEATHSIG = 1  # of linux/prctl.h

log = logging.getLogger(__name__)


class EngineServer:
    """Answers requests with engines.

    Args:
        load: gives the engine for a file's identity.
        source, sink: where requests come from, and answers go to.
    """

    def __init__(self, load: Callable[..., Engine], source: IO[bytes], sink: IO[bytes]) -> None:
        self._load, self._source, self._sink = load, source, sink
        self._requests: SimpleQueue[engine_pipe.Message] = SimpleQueue()
        self._cancelled = 0
        self._lock = threading.Lock()

    def run(self) -> None:
        """Answer until the process ends, which it does when `source` ends."""
        threading.Thread(target=self._listen, daemon=True).start()
        self.say({"say": "ready"})
        while True:
            request, buffers = self._next()
            number = request["number"]
            self.say({"say": "begun", "number": number})
            try:
                if self._cancelled >= number:
                    raise CancelledError("The completion was cancelled before it began.")
                answer, results = self._answer(request, buffers)
            except GlcicError as error:
                answer, results = {"say": "error", "kind": type(error).__name__, "text": str(error)}, []
            except Exception as error:
                log.exception("%s of %s failed", request["do"], request.get("shape"))
                reason = f"{type(error).__name__}: {str(error)[: MAX_TEXT // 2]}"
                text = f"{engine_pipe.FAILED[request['do']]} ({reason}). The daemon's log says where."
                answer, results = {"say": "error", "kind": "", "text": text}, []
            self.say({**answer, "number": number}, results)
            del request, buffers, answer, results  # an idle engine shall not keep the last picture

    def _next(self) -> engine_pipe.Message:
        try:
            return self._requests.get(timeout=REST_SECONDS)
        except Empty:
            # Pictures of ever new sizes leave a heap full of holes. Between two requests that follow each other the
            # holes stay, because filling them again costs a tenth of a small completion.
            give_back_what_is_free()
            return self._requests.get()

    def say(self, message: dict[str, Any], buffers: list[Buffer] | None = None) -> None:
        """Say something to the daemon; from any thread."""
        with self._lock:
            engine_pipe.send(self._sink, message, buffers or [])

    def _listen(self) -> None:
        try:
            while (message := engine_pipe.receive(self._source)) is not None:
                if message[0]["do"] == "cancel":
                    self._cancelled = message[0]["number"]
                else:
                    self._requests.put(message)
        except MemoryError:  # what was half taken in cannot be answered; the daemon must not wait for it
            os._exit(engine_pipe.OUT_OF_MEMORY)
        os._exit(0)

    def _answer(self, request: dict[str, Any], buffers: list[bytes]) -> tuple[dict[str, Any], list[Buffer]]:
        engine = self._load(*request["file"])
        if request["do"] == "load":
            info = dict(vars(engine.model.info))
            return {"say": "loaded", "info": info, "device": str(engine.device)}, []
        image, mask = np.frombuffer(buffers[0], request["dtype"]), np.frombuffer(buffers[1], np.uint8)
        mask = mask.reshape(request["shape"][:2])
        completed = engine.complete(
            image.reshape(request["shape"]),
            mask,
            sources=np.frombuffer(buffers[2], np.uint8).reshape(mask.shape) if len(buffers) > 2 else None,
            **request["options"],
            progress=lambda stage, share: self.say(
                {"say": "progress", "number": request["number"], "stage": stage, "share": share}
            ),
            cancelled=lambda: self._cancelled >= request["number"],
        )
        rows = np.flatnonzero(mask.any(axis=1))
        changed = np.ascontiguousarray(completed[rows[0] : rows[-1] + 1])
        return {"say": "completed", "used": engine.used, "first": int(rows[0])}, [changed.data]


class _ToDaemon(logging.Handler):
    """Passes the log on to the daemon, which has the file."""

    def __init__(self, say: Callable[[dict[str, Any]], None]) -> None:
        super().__init__()
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        self._say({"say": "log", "name": record.name, "level": record.levelno, "text": self.format(record)})


def _end_with_the_daemon() -> None:
    """Have the system end this process when the daemon dies, also if it is stopped and reads nothing more."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def serve(load: Callable[..., Engine]) -> None:
    """Make this process the daemon's engine. Never returns.

    Args:
        load: gives the engine for a file's identity; asked before each completion.
    """
    faulthandler.enable()  # to standard error, which is the daemon's log where it has one
    _end_with_the_daemon()
    # The daemon decides when this process ends: a signal to both shall leave the running completion its time.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    # What libraries print must not get between the messages.
    sink = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    server = EngineServer(load, sys.stdin.buffer, sink)
    logging.basicConfig(level=logging.INFO, handlers=[_ToDaemon(server.say)], format="%(message)s")
    server.run()
