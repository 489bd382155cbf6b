"""Work shared by several processes or threads."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

import cv2

from glcic_backend.errors import GlcicError

Item = TypeVar("Item")
Result = TypeVar("Result")

# Items per message: a message costs about 0.2 ms, a photo some milliseconds.
_CHUNK = 8


def ordered_map(
    function: Callable[[Item], Result], items: Sequence[Item], workers: int
) -> Generator[Result, None, None]:
    """Apply a module-level function to every item in `workers` processes; yield the results in the items' order.

    At most a few chunks per worker are under way, however many items there are. One worker means this process.

    Raises:
        GlcicError: a worker process was ended from outside.
    """
    if workers == 1:
        yield from map(function, items)
        return
    # Spawned, not forked: the caller may hold threads and locks.
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=_start_worker)
    under_way: deque[Future[list[Result]]] = deque()
    try:
        for start in range(0, len(items), _CHUNK):
            under_way.append(pool.submit(_map_chunk, function, items[start : start + _CHUNK]))
            if len(under_way) >= 4 * workers:
                yield from under_way.popleft().result()
        while under_way:
            yield from under_way.popleft().result()
    except BrokenProcessPool as error:
        raise GlcicError(
            "A worker process was ended from outside, most likely because memory ran out. "
            "Run the same command again with fewer --workers; it goes on where it stopped."
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def in_threads(
    function: Callable[[int], None],
    count: int,
    progress: Callable[[int, int], None] | None = None,
    threads: int | None = None,
) -> None:
    """Call `function(0 .. count - 1)` from several threads, for work that releases Python's lock.

    Args:
        function: stores its own result.
        count: number of calls.
        progress: called in this thread with (calls done, calls in all).
        threads: how many; None = as many as there are cores.
    """

    def run_chunk(chunk: range) -> None:
        for number in chunk:
            function(number)

    threads = threads or os.cpu_count() or 1
    # Small enough that no thread waits while another has a queue.
    size = max(1, min(_CHUNK, count // threads))
    chunks = [range(start, min(start + size, count)) for start in range(0, count, size)]
    with ThreadPoolExecutor(threads) as pool:
        for chunk, _ in zip(chunks, pool.map(run_chunk, chunks), strict=True):
            if progress is not None:
                for number in chunk:
                    progress(number + 1, count)


def _map_chunk(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    return [function(item) for item in items]


def _start_worker() -> None:
    # The processes are the parallelism; Ctrl+C is for the parent, which ends its workers in order.
    cv2.setNumThreads(0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_exit_with_parent, daemon=True).start()


def _exit_with_parent() -> None:
    """A parent killed by SIGKILL cannot tell its workers; without this they would wait for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
