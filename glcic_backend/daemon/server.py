"""The answering thread: authenticates, checks, queues and answers. It never computes, so it answers at once."""

import contextlib
import logging
import os
import socket
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import zmq

from glcic_backend.daemon.auth import Authenticator
from glcic_backend.daemon.engine import Engine
from glcic_backend.daemon.jobs import Job, JobQueue
from glcic_backend.daemon.worker import Finished, Worker
from glcic_backend.wire import credentials, messages
from glcic_backend.wire.codec import DEFAULT_MAX_BYTES, MAX_FRAMES, decode, encode
from glcic_backend.wire.errors import MessageError, ProtocolMismatchError
from glcic_backend.wire.messages import Buffer, ErrorCode, ErrorReply, Message, Progress

DEFAULT_CAPACITY = 8

_EVENT_SECONDS = 0.5  # each job's client hears of it at least this often, which also finds the clients that are gone
_TICK_MILLISECONDS = 200
_FINISH_SECONDS, _CANCEL_SECONDS = 3.0, 4.5  # from the wish to stop: when the running job is cancelled, given up

_STOPPING = "The daemon is stopping. Start it again and retry."

log = logging.getLogger(__name__)


class Server:
    """The daemon's ROUTER socket and queue. Make, `bind`, `run`, `close` in one thread."""

    def __init__(
        self, engine: Engine, secret: str, software: str, capacity: int, max_bytes: int = DEFAULT_MAX_BYTES
    ) -> None:
        """Args:
        engine: completes the images.
        secret: 64 hexadecimal digits, known to those who may use the daemon.
        software: name and version of this program.
        capacity: completions that may run and wait together.
        max_bytes: of one message, and of all completions that run and wait.
        """
        self._engine = engine
        self._secret = secret
        self._software = software
        self._max_bytes = max_bytes
        self._endpoint = ""
        self._begun = time.monotonic()
        self._counts: Counter[str] = Counter()
        self._queue = JobQueue(capacity, max_bytes)
        self._stopping_since: float | None = None
        self._stop_at_once = False
        self._wake, self.wake_handle = socket.socketpair()
        self._wake.setblocking(False)
        self.wake_handle.setblocking(False)
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._authenticator = Authenticator(self._context, secret)
        self._worker = Worker(self._context, engine)
        self._router = self._make_router()
        self._answers: dict[type[Message], Callable[[bytes, Any], Message | None]] = {
            messages.Hello: self._hello,
            messages.Status: self._status,
            messages.Context: self._context_rectangle,
            messages.Complete: self._complete,
            messages.Cancel: self._cancel,
            messages.Stop: self._stop,
        }

    def _make_router(self) -> "zmq.Socket[bytes]":
        router = self._context.socket(zmq.ROUTER)
        router.plain_server = True
        router.zap_domain = b"glcic"
        router.maxmsgsize = self._max_bytes
        router.handshake_ivl = 10_000
        router.router_mandatory = True
        router.linger = 1000
        return router

    def bind(self, endpoint: str) -> str:
        """Binds the socket. Returns the endpoint with the port that `tcp://127.0.0.1:*` was given."""
        self._router.bind(endpoint)
        self._endpoint = self._router.get_string(zmq.LAST_ENDPOINT).rstrip("\0")
        return self._endpoint

    def request_stop(self) -> None:
        """Has `run` end soon; once more: at once. May be called from any thread."""
        with contextlib.suppress(OSError):  # closed: it has stopped already
            self.wake_handle.send(b"\0")

    def run(self) -> bool:
        """Answers until it is asked to stop. Returns False if the engine is still at a job that it does not leave."""
        self._worker.start()
        poller = zmq.Poller()
        for readable in (self._router, self._authenticator.socket, self._worker.signal, self._wake):
            poller.register(readable, zmq.POLLIN)
        while not self._is_over():
            # Without jobs nothing is due, and an idle daemon shall not wake the processor.
            idle = not self._queue.jobs() and self._stopping_since is None
            events = dict(poller.poll(None if idle else _TICK_MILLISECONDS))
            if self._wake.fileno() in events:
                self._take_stop_requests()
            if self._authenticator.socket in events:
                self._authenticator.answer()
            if self._worker.signal in events:
                self._take_reports()
            if self._router in events:
                self._take_message()
            self._attend_jobs()
        if self._queue.running is not None:
            self._finish(self._queue.running, ErrorReply(self._queue.running.request.id, ErrorCode.STOPPING, _STOPPING))
        self._worker.end()
        self._worker.join(timeout=0.2)
        return not self._worker.is_alive()

    def close(self) -> None:
        """Closes the sockets and, if `run` returned True, waits until the last replies have left."""
        self._router.close()
        self._authenticator.socket.close(linger=0)
        self._worker.signal.close(linger=0)
        self._wake.close()
        self.wake_handle.close()
        if not self._worker.is_alive():
            self._context.term()

    # What comes in.

    def _take_message(self) -> None:
        client, frames = self._receive()
        request_id = 0
        reply: Message | None
        try:
            if not frames:
                text = f"The message has more than {MAX_FRAMES} frames or {self._max_bytes} bytes."
                raise MessageError(ErrorCode.TOO_LARGE, text)
            request = decode(frames, messages.REQUESTS)
            request_id = request.id
            reply = self._answers[type(request)](client, request)
        except MessageError as error:
            reply = ErrorReply(error.request, error.code, str(error))
        except ProtocolMismatchError as error:
            reply = ErrorReply(error.request, ErrorCode.PROTOCOL_MISMATCH, f"{self._software}: {error}")
        except Exception as error:
            # A defect must cost one request, not the daemon with everybody's jobs.
            log.exception("a request could not be answered")
            text = f"The daemon failed: {type(error).__name__}. Its log says where."
            reply = ErrorReply(request_id, ErrorCode.ENGINE_FAILED, text)
        if reply is not None:
            self._send(client, reply)

    def _receive(self) -> tuple[bytes, list[Buffer]]:
        """Routing id and frames of one message; no frames if it has too many or too large ones, which are dropped."""
        client = self._router.recv()
        frames: list[Buffer] = []
        count = total = 0
        while self._router.rcvmore:
            frame = self._router.recv(copy=False)
            count += 1
            total += len(frame)
            if count > MAX_FRAMES or total > self._max_bytes:
                frames.clear()
            else:
                frames.append(frame.buffer)
        return client, frames if count <= MAX_FRAMES and total <= self._max_bytes else []

    def _send(self, client: bytes, message: Message) -> bool:
        """Sends without waiting. Returns False if the client is gone; drops what a deaf client does not take."""
        try:
            self._router.send_multipart([client, *encode(message)], zmq.DONTWAIT, copy=False)
        except zmq.Again:
            log.warning("a client does not read; dropped a %s", message.TYPE)
        except zmq.ZMQError as error:
            if error.errno != zmq.EHOSTUNREACH:
                raise
            return False
        return True

    def _take_stop_requests(self) -> None:
        for _ in self._wake.recv(64):
            self._stop_at_once = self._stopping_since is not None
            self._begin_stopping()

    def _take_reports(self) -> None:
        for report in self._worker.reports():
            job = report.job
            if isinstance(report, Finished):
                self._queue.running = None
                self._finish(job, report.reply)
            elif (job.stage, job.fraction) != (report.stage, report.fraction):
                job.stage, job.fraction = report.stage, report.fraction
                job.told = 0.0

    # Requests.

    def _hello(self, _client: bytes, request: messages.Hello) -> messages.HelloReply:
        proof = credentials.prove(self._secret, request.nonce, self._endpoint)
        return messages.HelloReply(request.id, self._max_bytes, proof, self._software)

    def _status(self, _client: bytes, request: messages.Status) -> messages.StatusReply:
        stopping = self._stopping_since is not None
        return messages.StatusReply(
            id=request.id,
            state="stopping" if stopping else "busy" if self._queue.running else "idle",
            waiting=len(self._queue.waiting),
            capacity=self._queue.capacity,
            device=str(self._engine.device),
            model=self._engine.model.info.name,
            model_sha256=self._engine.model.info.sha256,
            software=self._software,
            pid=os.getpid(),
            uptime_seconds=time.monotonic() - self._begun,
            completed=self._counts["ok"],
            failed=self._counts[ErrorCode.ENGINE_FAILED] + self._counts[ErrorCode.INVALID_INPUT],
            cancelled=self._counts[ErrorCode.CANCELLED] + self._counts[ErrorCode.STOPPING],
            refused=self._counts[ErrorCode.BUSY],
        )

    def _context_rectangle(self, _client: bytes, request: messages.Context) -> messages.ContextReply:
        # Imports torch, which only a daemon with a real engine has loaded by now.
        from glcic_backend.region import context_rectangle

        return messages.ContextReply(request.id, context_rectangle(request.width, request.height, request.hole))

    def _complete(self, client: bytes, request: messages.Complete) -> ErrorReply | None:
        if self._queue.find(client, request.id):
            raise MessageError(ErrorCode.MALFORMED, f"There is a job {request.id} of this client already.", request.id)
        if self._stopping_since is not None:
            return ErrorReply(request.id, ErrorCode.STOPPING, _STOPPING)
        job = Job(client, request)
        refusal = self._queue.refusal(job)
        if refusal:
            self._counts[ErrorCode.BUSY] += 1
            return ErrorReply(request.id, ErrorCode.BUSY, refusal)
        self._queue.waiting.append(job)
        return None

    def _cancel(self, client: bytes, request: messages.Cancel) -> messages.CancelReply:
        job = self._queue.find(client, request.job)
        if job is not None:
            self._drop(job, ErrorCode.CANCELLED, "The completion was cancelled.")
        return messages.CancelReply(request.id, job is not None)

    def _stop(self, _client: bytes, request: messages.Stop) -> messages.StopReply:
        self._begin_stopping()
        return messages.StopReply(request.id)

    # Jobs.

    def _attend_jobs(self) -> None:
        """Starts the next job, tells clients how theirs is, and drops the jobs of those who are gone."""
        job = self._queue.start_next()
        if job is not None:
            self._worker.put(job)
        now = time.monotonic()
        for job in self._queue.jobs():
            if now - job.told >= _EVENT_SECONDS and not job.cancelled.is_set():
                job.told = now
                if not self._send(job.client, Progress(job.request.id, job.stage, job.fraction)):
                    log.info("a client is gone; its job is dropped")
                    self._drop(job, ErrorCode.CANCELLED, "The client is gone.")
        running = self._queue.running
        if running and self._stopping_since is not None and now - self._stopping_since > _FINISH_SECONDS:
            running.cancelled.set()

    def _drop(self, job: Job, code: str, text: str) -> None:
        """Ends a waiting job now, the running one as soon as the engine hears of it."""
        job.cancelled.set()
        if job in self._queue.waiting:
            self._queue.waiting.remove(job)
            self._finish(job, ErrorReply(job.request.id, code, text))

    def _finish(self, job: Job, reply: messages.CompleteReply | ErrorReply) -> None:
        self._counts[reply.code if isinstance(reply, ErrorReply) else "ok"] += 1
        self._send(job.client, reply)

    def _begin_stopping(self) -> None:
        if self._stopping_since is None:
            self._stopping_since = time.monotonic()
            for job in list(self._queue.waiting):
                self._drop(job, ErrorCode.STOPPING, _STOPPING)

    def _is_over(self) -> bool:
        if self._stopping_since is None:
            return False
        patience_ends = self._stopping_since + _CANCEL_SECONDS
        return self._stop_at_once or self._queue.running is None or time.monotonic() > patience_ends
