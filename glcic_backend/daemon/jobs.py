"""Jobs, and the bounded queue of those that run and wait. All of it belongs to the answering thread."""

import threading
import time
from collections import deque
from dataclasses import dataclass, field

from glcic_backend.wire.messages import Complete, Context


@dataclass(eq=False)
class Job:
    """A completion, or a context for which a model has to be loaded, that was asked for and not yet answered.

    Attributes:
        client: number of the connection that asked.
        cancelled: set by the answering thread, polled by the engine.
        stage, fraction: what it is at.
        told: time of the last event to its client.
        received: time of the request. Times are those of `time.monotonic`.
    """

    client: int
    request: Complete | Context
    cancelled: threading.Event = field(default_factory=threading.Event)
    stage: str = "queued"
    fraction: float = 0.0
    told: float = 0.0
    received: float = field(default_factory=time.monotonic)

    @property
    def size(self) -> int:
        """Bytes of pixels and masks."""
        if isinstance(self.request, Context):
            return 0
        return len(self.request.pixels) + len(self.request.mask) + len(self.request.sources)


class JobQueue:
    """The job that runs and those that wait, bounded in number and in bytes.

    Attributes:
        capacity: jobs that may run and wait together.
        max_bytes: that they may hold together; a job alone may always run.
        running: the worker's job.
        waiting: jobs to come, the next one first.
    """

    def __init__(self, capacity: int, max_bytes: int) -> None:
        self.capacity = capacity
        self.max_bytes = max_bytes
        self.running: Job | None = None
        self.waiting: deque[Job] = deque()

    def jobs(self) -> list[Job]:
        """All jobs, in the order in which they will end."""
        return [*([self.running] if self.running else []), *self.waiting]

    def find(self, client: int, request: int) -> Job | None:
        """A client's job, if it has not ended."""
        return next((job for job in self.jobs() if (job.client, job.request.id) == (client, request)), None)

    def refusal(self, job: Job) -> str | None:
        """Why a job cannot be taken now, as a sentence; None if it can."""
        jobs = self.jobs()
        # One that was cancelled, or whose client is gone, leaves its place before the engine has heard of it.
        alive = sum(not other.cancelled.is_set() for other in jobs)
        if alive >= self.capacity:
            return f"The daemon is busy: {alive} completions run or wait, as many as it takes. Try again in a moment."
        total = sum(other.size for other in jobs) + job.size
        if jobs and total > self.max_bytes:
            return (
                f"The daemon is busy: with this one its {len(jobs) + 1} completions would hold {total} bytes, "
                f"more than the {self.max_bytes} it keeps. Try again in a moment."
            )
        return None

    def start_next(self) -> Job | None:
        """Moves the next job to `running`, if there is one and the place is free."""
        if self.running is not None or not self.waiting:
            return None
        self.running = self.waiting.popleft()
        return self.running
