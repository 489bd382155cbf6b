"""Loops over pixels as machine code: functions in, compiled ones out, and threads that share loops and tasks."""

import contextlib
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import lru_cache, partial
from itertools import islice
from queue import Empty, SimpleQueue
from threading import Event
from typing import Any, ParamSpec, TypeVar

import numba
from numba.core import caching

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

_POLL_SECONDS = 0.1

_MATHS = {"reassoc", "contract", "nsz", "arcp"}
"""What the compiler may assume of floating point: the order of a sum is free. Infinities stay what they are."""


_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": _MATHS}


def inlined(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """A function of which each `compiled` one of the same module that calls it gets a copy: calls in the innermost
    loop would cost more than what they do."""
    result: Callable[Parameters, Result] = numba.njit(forceinline=True, **_OPTIONS)(function)
    return result


def compiled(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """A function that is compiled when it is first called, and kept beside its module for the next process.

    Where that folder cannot be written to, what is there already is used, as the installation left it; the rest numba
    keeps in the user's folder for caches. Where that cannot be written to either, or the disk is full, it is compiled
    in every process. It runs without Python's lock, so that threads can share a loop.
    """
    make = partial(numba.njit, **_OPTIONS)
    beside: Any = _BesideModule(function)  # type: ignore[no-untyped-call]
    try:
        kept: Any = make(cache=True)(function)
        kept._cache.save_overload = _if_possible(kept._cache.save_overload)
    except RuntimeError:  # there is no folder that can be written to
        kept = make()(function)
        kept._cache = beside
    else:
        if kept._cache.cache_path != beside.cache_path:
            kept._cache.load_overload = _first_of(kept._cache.load_overload, beside.load_overload)
    result: Callable[Parameters, Result] = kept
    return result


class _BesideModuleLocator(caching.InTreeCacheLocator):
    """The folder beside a module, whether or not it can be written to; numba takes it only if it can."""

    def ensure_cache_path(self) -> None:
        """Makes nothing: it is read only."""


class _BesideModuleFiles(caching.CompileResultCacheImpl):
    def __init__(self, function: Callable[..., object]) -> None:
        self._locator_classes = [_BesideModuleLocator]
        super().__init__(function)  # type: ignore[no-untyped-call]


class _BesideModule(caching.FunctionCache):
    """What is kept beside a function's module, to be read."""

    _impl_class = _BesideModuleFiles

    def load_overload(self, sig: object, target_context: object) -> object:
        """What was compiled for a signature; None where nothing was, or it may not be read."""
        with contextlib.suppress(OSError):
            return super().load_overload(sig, target_context)  # type: ignore[no-untyped-call]
        return None

    def save_overload(self, sig: object, data: object) -> None:
        """Keeps nothing."""


def _first_of(*loads: Callable[..., object]) -> Callable[..., object]:
    """The first that finds something; None if none does."""

    def load(*arguments: object) -> object:
        return next((found for each in loads if (found := each(*arguments)) is not None), None)

    return load


def _if_possible(save: Callable[..., None]) -> Callable[..., None]:
    """Numba takes a full disk for a failure of the call that compiled; what was compiled can be used all the same."""

    def attempt(*arguments: object) -> None:
        with contextlib.suppress(OSError):
            save(*arguments)

    return attempt


def in_chunks(
    run: Callable[[int, int], object], count: int, chunk: int, threads: int, check: Callable[[], None]
) -> None:
    """Call `run(begin, end)` for all of 0..count in chunks, by several threads. No chunk may need another's result.

    Args:
        run: a compiled function at heart, since nothing else can run at the same time.
        threads: how many at most, this one included.
        check: called by this thread between chunks; what it raises ends the loop.
    """
    begins = iter(range(0, count, chunk))
    is_over = False

    def work(check: Callable[[], None]) -> None:
        for begin in begins:
            if is_over:
                return
            run(begin, min(begin + chunk, count))
            check()

    helpers = min(threads, -(-count // chunk)) - 1
    if helpers <= 0:
        work(check)
        return
    pool = _pool(os.getpid())
    futures = [pool.submit(work, lambda: None) for _ in range(helpers)]
    try:
        work(check)
    finally:
        is_over = True
        for future in futures:
            # One that no thread has begun, as all of them are busy, has nothing left to do.
            if not future.cancel():
                future.result()


def side_by_side(
    tasks: Sequence[Callable[[bool, Callable[[], bool]], Result]], threads: int, cancelled: Callable[[], bool]
) -> list[Result]:
    """Run tasks that do not need each other, by several threads; a task may share its own loops (`in_chunks`).

    Args:
        tasks: each is called once, and told whether this thread runs it and what to poll, which ends it when true.
        threads: how many at most, this one included.
        cancelled: what this thread's tasks are to poll; also polled while others are waited for.

    Returns:
        What the tasks return, in their order.
    """
    numbers = iter(range(len(tasks)))
    results: dict[int, Result] = {}
    is_over = False

    def work(is_mine: bool, poll: Callable[[], bool]) -> None:
        for number in numbers:
            if is_over:
                return
            results[number] = tasks[number](is_mine, poll)

    pool = _pool(os.getpid())
    futures = [pool.submit(work, False, lambda: is_over) for _ in range(min(threads, len(tasks)) - 1)]
    try:
        work(True, cancelled)
        while any(future.running() for future in futures) and not cancelled():
            wait(futures, _POLL_SECONDS)
    finally:
        is_over = len(results) < len(tasks)
        begun = [future for future in futures if not future.cancel()]
        wait(begun)
    for future in begun:
        future.result()
    return [results[number] for number in range(len(tasks))]


def ahead(
    tasks: Iterable[Callable[[Callable[[], bool]], Result]], threads: int, cancelled: Callable[[], bool]
) -> Generator[Result, None, None]:
    """Run tasks in their order, by another thread while what the earlier ones gave is worked with.

    Args:
        tasks: each is called once and told what to poll; it has to raise once that is true. It is asked for when it is
            to begin, by either thread. Nothing bounds how many are done ahead: all results may exist at a time.
        threads: how many at most; with one, or where all are busy, a task runs when its result is asked for.
        cancelled: what this thread's tasks are to poll; also polled while the other one is waited for.

    Yields:
        What the tasks return. Closed (`contextlib.closing`), it ends the one that runs.
    """
    upcoming, over, done = iter(tasks), Event(), SimpleQueue[list[Result]]()

    def run() -> None:
        try:
            for task in upcoming:
                done.put([task(over.is_set)])
        finally:
            done.put([])  # the end

    helper: Future[None] | None = None
    try:
        while True:
            if helper is None or helper.cancel():
                result = [task(cancelled) for task in islice(upcoming, 1)]
                if not result:
                    return
                helper = _pool(os.getpid()).submit(run) if threads > 1 else None
            else:
                result = _polled(done, cancelled, over)
                if not result:
                    helper.result()
                    return
            # What is done with gives its memory back: nothing here may hold it.
            yield result.pop()
    finally:
        over.set()
        if helper is not None and not helper.cancel():
            wait([helper])
        helper = None  # its error holds this frame, which would hold it


@contextlib.contextmanager
def meanwhile(
    task: Callable[[Callable[[], bool]], Result], threads: int, cancelled: Callable[[], bool]
) -> Iterator[Callable[[], Result]]:
    """Run a task by another thread while this one goes on. What is given waits for its result, and is called once.

    Args:
        task, threads, cancelled: as those of `ahead`.
    """

    def nothing(_poll: Callable[[], bool]) -> Any:
        """Once its result is asked for, the other thread has the task."""

    with contextlib.closing(ahead([nothing, task], threads, cancelled)) as results:
        next(results)
        yield lambda: next(results)


def _polled(queue: SimpleQueue[Result], cancelled: Callable[[], bool], over: Event) -> Result:
    """What comes next; meanwhile `over` is set once it is cancelled."""
    while True:
        try:
            return queue.get(timeout=_POLL_SECONDS)
        except Empty:
            if cancelled():
                over.set()


@lru_cache(1)
def _pool(process: int) -> ThreadPoolExecutor:
    """Threads that help; those of another process do not exist in this one."""
    return ThreadPoolExecutor(max(1, (os.cpu_count() or 1) - 1), "glcic-loop")
