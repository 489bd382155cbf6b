"""The working thread: loads models and runs engines, one job at a time, and reports to the answering thread."""

import logging
import threading
import time
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glcic_backend.daemon.bell import Bell
from glcic_backend.daemon.engine import Engine, EngineError, UnknownModelError
from glcic_backend.daemon.jobs import Job
from glcic_backend.daemon.model_room import ModelRoom
from glcic_backend.errors import CancelledError, InvalidInputError, OutOfMemoryError
from glcic_backend.wire.geometry import Rectangle
from glcic_backend.wire.messages import MAX_TEXT, Complete, CompleteReply, Context, ContextReply, ErrorCode, ErrorReply

_REPORT_SECONDS = 0.05
_DTYPES: dict[str, np.dtype[Any]] = {"u8": np.dtype("<u1"), "u16": np.dtype("<u2"), "f32": np.dtype("<f4")}

Reply = CompleteReply | ContextReply | ErrorReply

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Moved:
    """A job has come to `fraction` (0..1) of a stage."""

    job: Job
    stage: str
    fraction: float


@dataclass(frozen=True)
class Finished:
    """A job has ended with this reply."""

    job: Job
    reply: Reply


class Worker(threading.Thread):
    """Runs engines beside the answering thread.

    Args:
        bell: of the answering thread; rung when there are reports.
        models: the engines.
    """

    def __init__(self, bell: Bell, models: ModelRoom) -> None:
        # A daemon thread, because an engine that does not listen to `cancelled` must not keep the process alive.
        super().__init__(name="worker", daemon=True)
        self._bell = bell
        self._models = models
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._reports: SimpleQueue[Moved | Finished] = SimpleQueue()

    def put(self, job: Job) -> None:
        """Gives the worker its next job."""
        self._jobs.put(job)

    def end(self) -> None:
        """Has the thread end after the job it is at."""
        self._jobs.put(None)

    def reports(self) -> list[Moved | Finished]:
        """What has happened since the last call; for the answering thread."""
        reports = []
        while True:
            try:
                reports.append(self._reports.get_nowait())
            except Empty:
                return reports

    def run(self) -> None:
        """The thread's body."""
        while (job := self._jobs.get()) is not None:
            self._report(Finished(job, self._answer(job)))
            del job  # an idle daemon shall not keep the last picture

    def _report(self, report: Moved | Finished) -> None:
        self._reports.put(report)
        self._bell.ring()

    def _answer(self, job: Job) -> Reply:
        stages = _Stages(job)
        try:
            cancelled = job.cancelled.is_set
            engine = self._models.engine(job.request.model, lambda: self._progress(stages, "load", 0.0), cancelled)
            if job.cancelled.is_set():
                raise CancelledError("The job was cancelled while its model was loaded.")
            if isinstance(job.request, Context):
                return context_reply(engine, job.request)
            return self._complete(job.request, engine, stages)
        except CancelledError:
            code, text = ErrorCode.CANCELLED, "The completion was cancelled."
        except UnknownModelError as error:
            code, text = ErrorCode.UNKNOWN_MODEL, str(error)
        except InvalidInputError as error:
            code, text = ErrorCode.INVALID_INPUT, str(error)
        except (OutOfMemoryError, EngineError) as error:
            log.warning("%d x %d pixels: %s", job.request.width, job.request.height, error)
            code, text = ErrorCode.ENGINE_FAILED, str(error)
        except MemoryError as error:
            log.warning("%d x %d pixels: %s", job.request.width, job.request.height, error)
            code = ErrorCode.ENGINE_FAILED
            text = "The daemon's memory does not suffice for this completion. Close other programs, then try again."
        except Exception as error:
            log.exception("%s of %d x %d pixels failed", job.request.TYPE, job.request.width, job.request.height)
            reason = str(error)[: MAX_TEXT // 2]
            code = ErrorCode.ENGINE_FAILED
            text = f"The completion failed: {type(error).__name__}: {reason}. The daemon's log says where."
        return ErrorReply(job.request.id, code, text[:MAX_TEXT] or code)

    def _complete(self, request: Complete, engine: Engine, stages: "_Stages") -> CompleteReply:
        shape = (request.height, request.width, request.channels)
        mask = np.frombuffer(request.mask, np.uint8).reshape(shape[:2])
        completed = engine.complete(
            np.frombuffer(request.pixels, _DTYPES[request.dtype]).reshape(shape),
            mask,
            sources=np.frombuffer(request.sources, np.uint8).reshape(shape[:2]) if len(request.sources) else None,
            blend=request.blend,
            quality=request.quality,
            context=request.context,
            sample_from=request.sample_from,
            distance=request.distance,
            lines=request.lines,
            seed=request.seed,
            linear=request.curve == "linear",
            progress=lambda stage, fraction: self._progress(stages, stage, fraction),
            cancelled=stages.job.cancelled.is_set,
        )
        filled = _bounding_rectangle(mask)
        part = completed[filled.y : filled.bottom, filled.x : filled.right]
        return CompleteReply(
            request.id,
            filled,
            request.channels,
            request.dtype,
            engine.model.info.name,
            engine.used,
            stages.end(),
            np.ascontiguousarray(part, _DTYPES[request.dtype]).data,
        )

    def _progress(self, stages: "_Stages", stage: str, fraction: float) -> None:
        if stages.move(stage):
            self._report(Moved(stages.job, stage, min(max(float(fraction), 0.0), 1.0)))


def context_reply(engine: Engine, request: Context) -> ContextReply:
    """The answer of a loaded engine; quick, on any thread."""
    crop = engine.context(
        request.width,
        request.height,
        request.hole,
        quality=request.quality,
        context=request.context,
        distance=request.distance,
    )
    return ContextReply(request.id, crop)


class _Stages:
    """Measures how long a job is at each stage, and how often to report it."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self._stage = "queued"
        self._since = job.received
        self._reported = 0.0
        self._milliseconds: dict[str, float] = {}
        self._enter("start")

    def move(self, stage: str) -> bool:
        """Notes what the engine is at. Returns whether that is news worth a report."""
        now = time.monotonic()
        if stage == self._stage and now - self._reported < _REPORT_SECONDS:
            return False
        self._reported = now
        if stage != self._stage:
            self._enter(stage)
        return True

    def end(self) -> dict[str, float]:
        """Milliseconds of each stage; those from the start to the engine's first report, if any, as `start`."""
        self._enter("")
        return self._milliseconds

    def _enter(self, stage: str) -> None:
        now = time.monotonic()
        spent = self._milliseconds.get(self._stage, 0.0) + (now - self._since) * 1000
        self._milliseconds[self._stage] = round(spent, 3)
        self._stage, self._since = stage, now


def _bounding_rectangle(mask: NDArray[Any]) -> Rectangle:
    """The smallest rectangle that holds all of a mask, uint8 [H, W], that is above 0."""
    columns = np.flatnonzero(mask.any(axis=0))
    rows = np.flatnonzero(mask.any(axis=1))
    x, y = int(columns[0]), int(rows[0])
    return Rectangle(x, y, int(columns[-1]) + 1 - x, int(rows[-1]) + 1 - y)
