"""A batch of photographs, in this process or in several; how it goes is told on standard error."""

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from itertools import islice
from multiprocessing import get_context

import click

from glcic_backend.cli.memory import free_bytes
from glcic_backend.cli.telling import ERASE_LINE, reason_of, tell, tell_failure, tell_notes
from glcic_backend.errors import as_options
from glcic_backend.image_files.batch_plan import Batch, Plan, Task, plan_batch
from glcic_backend.image_files.file_engines import FileEngine, LocalEngine
from glcic_backend.image_files.picture_job import PictureJob, PictureReport, complete_picture
from glcic_backend.network.devices import choose_device

EngineChoice = tuple[str | None, str, int | None]
"""Model, device and threads, as `LocalEngine` takes them."""

Outcome = tuple[Task, PictureReport | str]
"""A picture, and its report or why it failed."""

_BYTES_EACH = 2 << 30
"""Memory that must be free for each process; one that filled a hole of 1000 x 1000 in 12 megapixels took half of it."""

_MOST_LISTED = 10
_SECONDS_BETWEEN_LINES = 30.0


def run_batch(
    batch: Batch,
    job: PictureJob,
    engine: Callable[[], FileEngine],
    choice: EngineChoice | None,
    jobs: int | None,
    *,
    as_json: bool,
    verbose: bool,
) -> int:
    """Complete all photographs of a batch.

    Args:
        batch: which ones.
        job: how; its files are replaced by those of each photograph.
        engine: gives the engine of this process.
        choice: what makes the same engine in other processes; None if it works for one picture at a time.
        jobs: pictures at once; None for as many as this machine serves.
        as_json: print an object for each photograph.
        verbose: tell of each photograph, also without a terminal.

    Returns:
        Exit code: 0, or 1 if any failed.
    """
    _check_folders(batch)
    plan = plan_batch(batch)
    at_once = 1 if choice is None or len(plan.tasks) < 2 else jobs or jobs_that_fit(choice)
    if plan.tasks:
        engine()  # An engine that cannot be had is one error, not one for each photograph.
    _make_folders(plan.tasks)
    pairs = ((task, replace(job, image=task.image, mask=task.mask, output=task.output)) for task in plan.tasks)
    done = _one_by_one(pairs, engine) if choice is None or at_once == 1 else _side_by_side(pairs, choice, at_once)
    started, failed, seen = time.perf_counter(), 0, _Progress(len(plan.tasks), verbose)
    for task, outcome in done:
        failed += isinstance(outcome, str)
        if isinstance(outcome, str):
            tell_failure(task.name if not as_json else str(task.image), outcome, as_json)
        elif as_json:
            click.echo(json.dumps(outcome.as_dict()))
        else:
            tell_notes(outcome)
        seen.finished(task, outcome, failed)
    seen.end()
    _tell_skipped(plan, as_json)
    for note in plan.notes:
        tell(f"Note: {note}.")
    skipped = f", {len(plan.skipped)} skipped" if plan.skipped else ""
    seconds = time.perf_counter() - started
    click.echo(f"{len(plan.tasks) - failed} completed, {failed} failed{skipped}, in {seconds:.1f} s.", err=as_json)
    return 1 if failed else 0


def jobs_that_fit(choice: EngineChoice) -> int:
    """How many pictures this machine completes at once: one for each core as far as the memory goes; one on a GPU."""
    _, device, threads = choice
    if choose_device(device).type != "cpu":
        return 1
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return max(1, min(cores // (threads or 1), free_bytes() // _BYTES_EACH))


def _check_folders(batch: Batch) -> None:
    output = batch.output
    if not output.parent.is_dir():
        raise click.UsageError(f"The folder {output.parent}, in which {output.name} would lie, does not exist.")
    if output.exists() and not output.is_dir():
        raise click.UsageError(f"{output} is not a folder, which --batch needs.")
    for other in [*batch.images, batch.masks]:
        folder = other if other is None or other.is_dir() else other.parent
        if folder is not None and output.exists() and folder.exists() and output.samefile(folder):
            raise click.UsageError(f"The results would replace the files in {folder}. Choose another folder for them.")


def _make_folders(tasks: Iterable[Task]) -> None:
    for folder in {task.output.parent for task in tasks}:
        folder.mkdir(parents=True, exist_ok=True)


def _one_by_one(pairs: Iterable[tuple[Task, PictureJob]], engine: Callable[[], FileEngine]) -> Iterator[Outcome]:
    for task, job in pairs:
        yield task, _outcome(task, job, engine)


def _outcome(task: Task, job: PictureJob, engine: Callable[[], FileEngine]) -> PictureReport | str:
    """A batch goes on after any failure, even one that is a defect: the other photographs can be done."""
    if task.refusal:
        return task.refusal
    try:
        return complete_picture(job, engine, lambda stage, share: None)
    except Exception as error:
        return reason_of(error)


_engine: FileEngine


def _start_worker(choice: EngineChoice) -> None:
    global _engine
    _engine = LocalEngine(*choice)


def _work(task: Task, job: PictureJob) -> PictureReport | str:
    return _outcome(task, job, lambda: _engine)


def _side_by_side(pairs: Iterator[tuple[Task, PictureJob]], choice: EngineChoice, at_once: int) -> Iterator[Outcome]:
    """Complete pictures in processes, as they come. One whose process is killed has failed; the others go on."""
    model, device, threads = choice
    own = (model, device, threads or 1)
    while True:
        with ProcessPoolExecutor(at_once, get_context("spawn"), _start_worker, (own,)) as pool:
            running: dict[Future[PictureReport | str], Task] = {}
            broken = False
            while not broken:
                # No more than can run and wait: a batch may have millions.
                for task, job in islice(pairs, 2 * at_once - len(running)):
                    running[pool.submit(_work, task, job)] = task
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    error = future.exception()
                    broken = broken or isinstance(error, BrokenProcessPool)
                    reason = "a process was killed, perhaps for want of memory. Run it again, with fewer --jobs."
                    outcome = reason if isinstance(error, BrokenProcessPool) else error and reason_of(error)
                    yield running.pop(future), outcome or future.result()
            for task in running.values():
                yield task, "a process was killed, perhaps for want of memory. Run it again, with fewer --jobs."


class _Progress:
    """A line for each picture where someone looks on; else a line on the whole now and then."""

    def __init__(self, count: int, verbose: bool) -> None:
        self._count, self._finished = count, 0
        self._terminal = sys.stderr.isatty()
        self._each = verbose or self._terminal
        self._started = self._told = time.perf_counter()

    def finished(self, task: Task, outcome: PictureReport | str, failed: int) -> None:
        """Tell of one that is done."""
        self._finished += 1
        now = time.perf_counter()
        if self._each and isinstance(outcome, PictureReport):
            seconds = outcome.milliseconds["total"] / 1000
            tell(f"{self._finished}/{self._count} {task.name}: {outcome.hole.pixels:,} pixels in {seconds:.1f} s")
        each = (now - self._started) / self._finished
        left = each * (self._count - self._finished)
        whole = f"{self._finished} of {self._count}, {failed} failed, {each:.1f} s each, about {_spoken(left)} left"
        if self._terminal:
            click.echo(f"{ERASE_LINE}{whole}", err=True, nl=False)
        elif now - self._told >= _SECONDS_BETWEEN_LINES:
            self._told = now
            click.echo(whole, err=True)

    def end(self) -> None:
        """Take the last line away."""
        if self._terminal:
            click.echo(ERASE_LINE, err=True, nl=False)


def _spoken(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _tell_skipped(plan: Plan, as_json: bool) -> None:
    """Which pictures were left out, and why: the first few of each reason."""
    counts = Counter(reason for _, reason in plan.skipped)
    for reason, count in counts.items():
        listed = [name for name, why in plan.skipped if why == reason]
        more = f" and {count - _MOST_LISTED} more" * (count > _MOST_LISTED)
        tell(click.style("Skipped", fg="yellow") + f": {', '.join(listed[:_MOST_LISTED])}{more}: {reason}.")
    if as_json:
        for name, reason in plan.skipped:
            click.echo(json.dumps({"image": name, "skipped": as_options(reason)}))
