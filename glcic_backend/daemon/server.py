"""The answering thread: authenticates, checks, queues and answers. It never computes, so it answers at once."""

import contextlib
import logging
import math
import os
import socket
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import zmq

from glcic_backend.daemon.auth import Authenticator
from glcic_backend.daemon.engine import UnknownModelError
from glcic_backend.daemon.jobs import Job, JobQueue
from glcic_backend.daemon.mailbox import Mailbox
from glcic_backend.daemon.model_room import ModelRoom
from glcic_backend.daemon.worker import Finished, Reply, Worker, context_reply
from glcic_backend.wire import credentials, messages
from glcic_backend.wire.codec import DEFAULT_MAX_BYTES, MAX_FRAMES, decode
from glcic_backend.wire.errors import MessageError, ProtocolMismatchError
from glcic_backend.wire.messages import ErrorCode, ErrorReply, Message, Progress

DEFAULT_CAPACITY = 8

_EVENT_SECONDS = 0.4  # each job's client hears of it at least this often, which also finds the clients that are gone
_TICK_MILLISECONDS = 100
_FINISH_SECONDS, _CANCEL_SECONDS = 3.0, 4.5  # from the wish to stop: when the running job is cancelled, given up

_FAILURES = (ErrorCode.ENGINE_FAILED, ErrorCode.INVALID_INPUT, ErrorCode.UNKNOWN_MODEL)
_STOPPING = "The daemon is stopping. Start it again and retry."

log = logging.getLogger(__name__)


class Server:
    """The daemon's ROUTER socket and queue. Make, `bind`, `run`, `close` in one thread."""

    def __init__(
        self,
        models: ModelRoom,
        secret: str,
        software: str,
        capacity: int,
        max_bytes: int = DEFAULT_MAX_BYTES,
        idle_exit: float = 0.0,
    ) -> None:
        """Args:
        models: the engines that complete the images.
        secret: 64 hexadecimal digits, known to those who may use the daemon.
        software: name and version of this program.
        capacity: completions that may run and wait together.
        max_bytes: of one message, and of all completions that run and wait.
        idle_exit: seconds without a request or a job after which `run` ends; 0 for never.
        """
        self._models = models
        self._secret = secret
        self._software = software
        self._idle_exit = idle_exit
        self._active = time.monotonic()  # when the last request came or the last job ended
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
        self._worker = Worker(self._context, models)
        self._mailbox = Mailbox(self._context, max_bytes)
        self._answers: dict[type[Message], Callable[[bytes, Any], Message | None]] = {
            messages.Hello: self._hello,
            messages.Status: self._status,
            messages.Models: self._list_models,
            messages.Context: self._context_rectangle,
            messages.Complete: self._complete,
            messages.Cancel: self._cancel,
            messages.Stop: self._stop,
        }

    def bind(self, endpoint: str) -> str:
        """Binds the socket. Returns the endpoint with the port that `tcp://127.0.0.1:*` was given."""
        self._endpoint = self._mailbox.bind(endpoint)
        return self._endpoint

    def request_stop(self) -> None:
        """Has `run` end soon; once more: at once. May be called from any thread."""
        with contextlib.suppress(OSError):  # closed: it has stopped already
            self.wake_handle.send(b"\0")

    def run(self) -> bool:
        """Answers until it is asked to stop. Returns False if the engine is still at a job that it does not leave."""
        self._worker.start()
        poller = zmq.Poller()
        for readable in (self._mailbox.socket, self._authenticator.socket, self._worker.signal, self._wake):
            poller.register(readable, zmq.POLLIN)
        while not self._is_over():
            events = dict(poller.poll(self._patience()))
            if self._wake.fileno() in events:
                self._take_stop_requests()
            if self._authenticator.socket in events:
                self._authenticator.answer()
            if self._worker.signal in events:
                self._take_reports()
            if self._mailbox.socket in events:
                self._take_message()
            self._attend_jobs()
            if self._patience() == 0:
                log.info("nothing was asked for %.0f s; ending", self._idle_exit)
                self._begin_stopping()
        if self._queue.running is not None:
            self._finish(self._queue.running, ErrorReply(self._queue.running.request.id, ErrorCode.STOPPING, _STOPPING))
        self._worker.end()
        self._models.library.close()
        self._worker.join(timeout=0.2)
        return not self._worker.is_alive()

    def close(self) -> None:
        """Closes the sockets and, if `run` returned True, waits until the last replies have left."""
        self._mailbox.socket.close()
        self._authenticator.socket.close(linger=0)
        self._worker.close()
        self._wake.close()
        self.wake_handle.close()
        if not self._worker.is_alive():
            self._context.term()

    def _patience(self) -> int | None:
        """Milliseconds until something is due, None if nothing is: an idle daemon shall not wake the processor."""
        if self._queue.jobs() or self._stopping_since is not None:
            return _TICK_MILLISECONDS
        if not self._idle_exit:
            return None
        return max(0, math.ceil((self._active + self._idle_exit - time.monotonic()) * 1000))

    # What comes in.

    def _take_message(self) -> None:
        self._active = time.monotonic()
        client, frames = self._mailbox.receive()
        request_id = 0
        reply: Message | None
        try:
            if not frames:
                text = f"The message has more than {MAX_FRAMES} frames or {self._mailbox.max_bytes} bytes."
                raise MessageError(ErrorCode.TOO_LARGE, text)
            request = decode(frames, messages.REQUESTS)
            request_id = request.id
            reply = self._answers[type(request)](client, request)
        except MessageError as error:
            reply = ErrorReply(error.request, error.code, str(error))
        except ProtocolMismatchError as error:
            reply = ErrorReply(error.request, ErrorCode.PROTOCOL_MISMATCH, f"{self._software}: {error}")
        except UnknownModelError as error:
            reply = ErrorReply(request_id, ErrorCode.UNKNOWN_MODEL, str(error)[: messages.MAX_TEXT])
        except Exception as error:
            # A defect must cost one request, not the daemon with everybody's jobs.
            log.exception("a request could not be answered")
            text = f"The daemon failed: {type(error).__name__}. Its log says where."
            reply = ErrorReply(request_id, ErrorCode.ENGINE_FAILED, text)
        if reply is not None:
            self._mailbox.send(client, reply)

    def _take_stop_requests(self) -> None:
        for _ in self._wake.recv(64):
            self._stop_at_once = self._stopping_since is not None
            self._begin_stopping()

    def _take_reports(self) -> None:
        for report in self._worker.reports():
            job = report.job
            if isinstance(report, Finished):
                self._queue.running = None
                self._active = time.monotonic()
                self._finish(job, report.reply)
            elif (job.stage, job.fraction) != (report.stage, report.fraction):
                job.stage, job.fraction = report.stage, report.fraction
                job.told = 0.0

    # Requests.

    def _hello(self, _client: bytes, request: messages.Hello) -> messages.HelloReply:
        proof = credentials.prove(self._secret, request.nonce, self._endpoint)
        return messages.HelloReply(request.id, self._mailbox.max_bytes, proof, self._software)

    def _status(self, _client: bytes, request: messages.Status) -> messages.StatusReply:
        if self._stopping_since is not None:
            state = "stopping"
        elif self._models.library.is_dead:
            state = "dead"
        else:
            state = "busy" if self._queue.running else "idle"
        return messages.StatusReply(
            id=request.id,
            state=state,
            waiting=len(self._queue.waiting),
            capacity=self._queue.capacity,
            device=str(self._models.default.device),
            model=self._models.default.model.info.name,
            model_sha256=self._models.default.model.info.sha256,
            software=self._software,
            pid=os.getpid(),
            uptime_seconds=time.monotonic() - self._begun,
            completed=self._counts["ok"],
            failed=sum(self._counts[code] for code in _FAILURES),
            cancelled=self._counts[ErrorCode.CANCELLED] + self._counts[ErrorCode.STOPPING],
            refused=self._counts[ErrorCode.BUSY],
        )

    def _list_models(self, _client: bytes, request: messages.Models) -> messages.ModelsReply:
        return messages.ModelsReply(request.id, self._models.library.listed())

    def _context_rectangle(self, client: bytes, request: messages.Context) -> messages.ContextReply | ErrorReply | None:
        engine = self._models.loaded(request.model)
        return context_reply(engine, request) if engine else self._queue_job(client, request)

    def _complete(self, client: bytes, request: messages.Complete) -> ErrorReply | None:
        self._models.loaded(request.model)  # raises if there is no such model, before it waits for its turn
        return self._queue_job(client, request)

    def _queue_job(self, client: bytes, request: messages.Complete | messages.Context) -> ErrorReply | None:
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
                if not self._mailbox.send(job.client, Progress(job.request.id, job.stage, job.fraction)):
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

    def _finish(self, job: Job, reply: Reply) -> None:
        if isinstance(job.request, messages.Complete):
            self._counts[reply.code if isinstance(reply, ErrorReply) else "ok"] += 1
        self._mailbox.send(job.client, reply)

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
