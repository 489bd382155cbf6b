"""A thread for what needs files, so that the answering thread waits for no disk."""

import threading
from collections.abc import Callable
from functools import partial
from queue import Empty, SimpleQueue
from typing import TypeVar

from glcic_backend.daemon.bell import Bell

T = TypeVar("T")


class Errands(threading.Thread):
    """Runs errands one after the other, and rings when one is done.

    Args:
        bell: of the answering thread.
    """

    def __init__(self, bell: Bell) -> None:
        # A daemon thread, because a disk that does not answer must not keep the process alive.
        super().__init__(name="errands", daemon=True)
        self._bell = bell
        self._errands: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._done: SimpleQueue[Callable[[], None]] = SimpleQueue()

    def put(self, errand: Callable[[], T], then: Callable[[Callable[[], T]], None]) -> None:
        """Have something done beside the answering thread.

        Args:
            errand: what is done there.
            then: called by `take_done` with a function that gives the errand's result, or raises what it raised.
        """
        self._errands.put(lambda: self._done.put(partial(then, _outcome(errand))))

    def end(self) -> None:
        """Has the thread end after the errand that it is at."""
        self._errands.put(None)

    def take_done(self) -> None:
        """Call what follows each errand that is done; for the answering thread."""
        while True:
            try:
                then = self._done.get_nowait()
            except Empty:
                return
            then()

    def run(self) -> None:
        """The thread's body."""
        while (errand := self._errands.get()) is not None:
            errand()
            del errand  # an idle daemon shall not keep the last request, which may hold a picture
            self._bell.ring()


def _outcome(errand: Callable[[], T]) -> Callable[[], T]:
    try:
        result = errand()
    except Exception as error:
        failure = error

        def fail() -> T:
            raise failure

        return fail
    return lambda: result
