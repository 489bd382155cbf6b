"""The answering thread: authenticates, checks, queues and answers. It computes nothing and waits for nobody."""

import logging
import os
import selectors
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

from glcic_backend.daemon.bell import Bell
from glcic_backend.daemon.engine import Engine, UnknownModelError
from glcic_backend.daemon.errands import Errands
from glcic_backend.daemon.jobs import Job, JobQueue
from glcic_backend.daemon.limits import MOST_PEERS
from glcic_backend.daemon.mailbox import Mailbox
from glcic_backend.daemon.model_room import ModelRoom
from glcic_backend.daemon.peer import Letter
from glcic_backend.daemon.worker import Finished, Reply, Worker, context_reply
from glcic_backend.wire import credentials, messages
from glcic_backend.wire.checked import ListedModel
from glcic_backend.wire.codec import DEFAULT_MAX_BYTES, MAX_FRAMES, decode, id_in
from glcic_backend.wire.errors import MessageError, ProtocolMismatchError
from glcic_backend.wire.messages import ErrorCode, ErrorReply, Message, Progress

DEFAULT_CAPACITY = 8

CHECK_SECONDS = 60.0
"""So often it is looked whether the daemon can still be found."""

_EVENT_SECONDS = 0.4  # each job's client hears of it at least this often
_TICK_SECONDS = 0.1
_FINISH_SECONDS, _CANCEL_SECONDS = 3.0, 4.2  # from the wish to stop: when the running job is cancelled, given up
_QUIET_SECONDS = 0.2  # after which a daemon that nobody can find any more ends at its idle exit

_MOST_LOOKED_UP = 256  # contexts whose model is being looked for; that takes a moment for each

_FAILURES = (ErrorCode.ENGINE_FAILED, ErrorCode.INVALID_INPUT, ErrorCode.UNKNOWN_MODEL)
_CANCELLED = "The completion was cancelled."
_STOPPING = "The daemon is stopping. Start it again and retry."

log = logging.getLogger(__name__)


class Server:
    """The daemon's socket and queue. Make, `bind`, `run`, `close` in one thread."""

    def __init__(
        self,
        models: ModelRoom,
        secret: str,
        software: str,
        capacity: int,
        max_bytes: int = DEFAULT_MAX_BYTES,
        idle_exit: float = 0.0,
        *,
        most_peers: int = MOST_PEERS,
        can_be_found: Callable[[], bool] = lambda: True,
    ) -> None:
        """Args:
        models: the engines that complete the images.
        secret: 64 hexadecimal digits, known to those who may use the daemon.
        software: name and version of this program.
        capacity: completions that may run and wait together.
        max_bytes: of one message, and of all completions that run and wait.
        idle_exit: seconds without a request or a job after which `run` ends; 0 for never.
        most_peers: connections at most.
        can_be_found: whether clients can still find this daemon; if not, `run` ends. Called on another thread.
        """
        self._models = models
        self._secret = secret
        self._software = software
        self._idle_exit = idle_exit
        self._can_be_found = can_be_found
        self._begun = self._active = self._checked = time.monotonic()  # active: the last request, the last job's end
        self._endpoint = ""
        self._counts: Counter[str] = Counter()
        self._queue = JobQueue(capacity, max_bytes)
        self._looked_up: dict[tuple[int, int], messages.Context] = {}  # by client and id, until its model is found
        self._want_list: list[tuple[int, int]] = []  # clients and ids that wait for the list of models
        self._stopping_since: float | None = None
        self._leaving_since: float | None = None
        self._stop_at_once = False
        self._selector = selectors.DefaultSelector()
        self._stop_bell, self._report_bell = Bell(), Bell()
        self._selector.register(self._stop_bell, selectors.EVENT_READ, self._take_stop_requests)
        self._selector.register(self._report_bell, selectors.EVENT_READ, self._take_reports)
        self._worker = Worker(self._report_bell, models)
        self._errands = Errands(self._report_bell)
        password = credentials.derive_password(secret)
        self._mailbox = Mailbox(
            self._selector, password, max_bytes, most_peers, deliver=self._take_letter, lost=self._forget_client
        )
        self._answers: dict[type[Message], Callable[[int, Any], Message | None]] = {
            messages.Hello: self._hello,
            messages.Status: self._status,
            messages.Models: self._list_models,
            messages.Context: self._context_rectangle,
            messages.Complete: self._complete,
            messages.Cancel: self._cancel,
            messages.Stop: self._stop,
        }

    @property
    def wake_handle(self) -> int:
        """Descriptor for `signal.set_wakeup_fd`: a signal asks `run` to end, the next one asks it to end at once."""
        return self._stop_bell.handle.fileno()

    def bind(self, endpoint: str) -> str:
        """Binds the socket. Returns the endpoint with the port that `tcp://127.0.0.1:*` was given. Raises OSError."""
        self._endpoint = self._mailbox.bind(endpoint)
        return self._endpoint

    def request_stop(self) -> None:
        """Has `run` end soon; once more: at once. May be called from any thread."""
        self._stop_bell.ring()

    def run(self) -> bool:
        """Answers until it is asked to stop. Returns False if the engine is still at a job that it does not leave."""
        self._worker.start()
        self._errands.start()
        while not self._is_over():
            self._turn(self._patience())
            self._look_after_itself()
        self._begin_stopping()
        self._turn(0)  # whoever has asked in the last moment is told
        if self._queue.running is not None:
            self._finish(self._queue.running, ErrorReply(self._queue.running.request.id, ErrorCode.STOPPING, _STOPPING))
        self._worker.end()
        self._errands.end()
        self._models.library.close()
        self._worker.join(timeout=0.2)
        return not self._worker.is_alive()

    def close(self) -> None:
        """Closes the sockets, when the last replies have left or a second has passed."""
        self._mailbox.close()
        self._selector.close()
        self._stop_bell.close()
        self._report_bell.close()

    def _turn(self, patience: float | None) -> None:
        for key, events in self._selector.select(patience):
            key.data(events)
        self._mailbox.attend()
        self._attend_jobs()

    def _patience(self) -> float | None:
        """Seconds until something is due: an idle daemon wakes the processor once a minute."""
        now = time.monotonic()
        due = [self._checked + CHECK_SECONDS - now]
        if self._queue.jobs() or self._stopping_since is not None or self._leaving_since is not None:
            due.append(_TICK_SECONDS)
        elif self._idle_exit:
            due.append(self._active + self._idle_exit - now)
        mailbox = self._mailbox.patience()
        if mailbox is not None:
            due.append(mailbox)
        return max(0.0, min(due))

    def _look_after_itself(self) -> None:
        now = time.monotonic()
        is_idle = not self._queue.jobs() and now - self._active >= self._idle_exit
        if self._idle_exit and is_idle and self._leaving_since is None:
            log.info("nothing was asked for %.0f s; ending", self._idle_exit)
            # What comes from those who have found this daemon already is still answered.
            self._mailbox.stop_listening()
            self._leaving_since = now
        if now - self._checked >= CHECK_SECONDS:
            self._checked = now
            self._errands.put(self._can_be_found, self._judge_whether_found)

    def _judge_whether_found(self, outcome: Callable[[], bool]) -> None:
        if not outcome():
            log.warning("the socket or the connection file is not this daemon's any more; ending")
            self._begin_stopping()

    # What comes in.

    def _take_letter(self, client: int, letter: Letter) -> None:
        self._active = time.monotonic()
        request_id = id_in(letter.frames)

        def answer() -> Message | None:
            if letter.refusal == ErrorCode.TOO_LARGE:
                text = f"The message has more than {MAX_FRAMES} frames or {self._mailbox.max_bytes} bytes."
                raise MessageError(ErrorCode.TOO_LARGE, text, request_id)
            if letter.refusal:
                text = "The daemon is busy: it has no memory for this message beside the others. Try again in a moment."
                raise MessageError(letter.refusal, text, request_id)
            request = decode(letter.frames, messages.REQUESTS)
            return self._answers[type(request)](client, request)

        self._answer(client, request_id, answer)

    def _answer(self, client: int, request_id: int, answer: Callable[[], Message | None]) -> None:
        """Sends the message that `answer` gives, if any, or the error reply to what it raises."""
        reply: Message | None
        try:
            reply = answer()
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

    def _take_stop_requests(self, _events: int) -> None:
        for _ in range(self._stop_bell.heard()):
            self._stop_at_once = self._stopping_since is not None
            self._begin_stopping()

    def _take_reports(self, _events: int) -> None:
        self._report_bell.heard()
        self._errands.take_done()
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

    def _hello(self, _client: int, request: messages.Hello) -> messages.HelloReply:
        proof = credentials.prove(self._secret, request.nonce, self._endpoint)
        return messages.HelloReply(request.id, self._mailbox.max_bytes, proof, self._software)

    def _status(self, _client: int, request: messages.Status) -> messages.StatusReply:
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

    def _list_models(self, client: int, request: messages.Models) -> None:
        self._want_list.append((client, request.id))
        if len(self._want_list) == 1:
            self._begin_list()

    def _begin_list(self) -> None:
        """Have the models listed, once for all who want that by then; who comes later gets a list of a later moment."""
        served = len(self._want_list)

        def reply(outcome: Callable[[], list[ListedModel]]) -> None:
            waiting, self._want_list = self._want_list[:served], self._want_list[served:]
            for client, number in waiting:
                self._answer(client, number, partial(lambda n: messages.ModelsReply(n, outcome()), number))
            if self._want_list:
                self._begin_list()

        self._errands.put(self._models.library.listed, reply)

    def _context_rectangle(self, client: int, request: messages.Context) -> ErrorReply | None:
        self._check_number(client, request)
        if len(self._looked_up) >= _MOST_LOOKED_UP:
            return ErrorReply(request.id, ErrorCode.BUSY, "The daemon is busy: it looks for models. Try again soon.")
        self._looked_up[client, request.id] = request

        def reply(outcome: Callable[[], Engine | None]) -> None:
            def answer() -> Message | None:
                engine = outcome()
                return context_reply(engine, request) if engine else self._queue_job(client, request)

            if self._looked_up.pop((client, request.id), None) is request:  # neither cancelled nor its client gone
                self._answer(client, request.id, answer)

        self._errands.put(lambda: self._models.loaded(request.model), reply)
        return None

    def _complete(self, client: int, request: messages.Complete) -> ErrorReply | None:
        refusal = self._queue_job(client, request)

        def judge(outcome: Callable[[], Engine | None]) -> None:
            # One whose model is not there is told at once, and does not wait for its turn.
            job = self._queue.find(client, request.id)
            try:
                outcome()
            except UnknownModelError as error:
                if job is not None and job.request is request:
                    self._drop(job, ErrorCode.UNKNOWN_MODEL, str(error)[: messages.MAX_TEXT])

        if refusal is None:
            self._errands.put(lambda: self._models.loaded(request.model), judge)
        return refusal

    def _check_number(self, client: int, request: messages.Complete | messages.Context) -> None:
        if self._queue.find(client, request.id) or (client, request.id) in self._looked_up:
            raise MessageError(ErrorCode.MALFORMED, f"There is a job {request.id} of this client already.", request.id)

    def _queue_job(self, client: int, request: messages.Complete | messages.Context) -> ErrorReply | None:
        self._check_number(client, request)
        if self._stopping_since is not None:
            return ErrorReply(request.id, ErrorCode.STOPPING, _STOPPING)
        job = Job(client, request)
        refusal = self._queue.refusal(job)
        if refusal:
            self._counts[ErrorCode.BUSY] += 1
            return ErrorReply(request.id, ErrorCode.BUSY, refusal)
        self._queue.waiting.append(job)
        return None

    def _cancel(self, client: int, request: messages.Cancel) -> messages.CancelReply:
        job = self._queue.find(client, request.job)
        if job is not None:
            self._drop(job, ErrorCode.CANCELLED, _CANCELLED)
        looked_up = self._looked_up.pop((client, request.job), None)
        if looked_up is not None:
            self._mailbox.send(client, ErrorReply(looked_up.id, ErrorCode.CANCELLED, _CANCELLED))
        return messages.CancelReply(request.id, job is not None or looked_up is not None)

    def _stop(self, _client: int, request: messages.Stop) -> messages.StopReply:
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
                self._mailbox.send(job.client, Progress(job.request.id, job.stage, job.fraction))
        running = self._queue.running
        if running and self._stopping_since is not None and now - self._stopping_since > _FINISH_SECONDS:
            running.cancelled.set()

    def _forget_client(self, client: int) -> None:
        for key in [key for key in self._looked_up if key[0] == client]:
            del self._looked_up[key]
        for job in self._queue.jobs():
            if job.client == client and not job.cancelled.is_set():
                log.info("a client is gone; its job is dropped")
                self._drop(job, ErrorCode.CANCELLED, "The client is gone.")

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
        if self._leaving_since is not None and not self._queue.jobs():
            return time.monotonic() - max(self._leaving_since, self._active) > _QUIET_SECONDS
        if self._stopping_since is None:
            return False
        patience_ends = self._stopping_since + _CANCEL_SECONDS
        return self._stop_at_once or self._queue.running is None or time.monotonic() > patience_ends
