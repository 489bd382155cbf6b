"""What an installation shows, and the log that keeps all of it."""

import contextlib
import shutil
import threading
import time
from collections.abc import Iterator
from typing import NamedTuple, TextIO


class Event(NamedTuple):
    """Something a running step tells: a few words, and whether they are worth a line of their own."""

    text: str
    notable: bool


class Console:
    """Shows steps with their progress: a line for each notable event, and on a terminal one that changes below them.

    Args:
        stream: where the user reads.
        log: gets the same and more; None for none.
    """

    def __init__(self, stream: TextIO, log: TextIO | None = None) -> None:
        self._stream, self._log = stream, log
        self._live = stream.isatty()
        self._doing = ""

    def say(self, text: str) -> None:
        """Show and log a line."""
        self._show(text + "\n")
        self.log(text)

    def log(self, text: str) -> None:
        """Log a line without showing it."""
        if self._log:
            self._log.write(text + "\n")
            self._log.flush()

    def tell(self, event: Event) -> None:
        """Show what the running step does."""
        self._doing = event.text
        if event.notable:
            self._show(f"      {event.text}\n")

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Announce a step, keep a spinner turning while it runs, and tell its result and time."""
        self.say(title)
        self._doing = ""
        ended, started = threading.Event(), time.monotonic()
        spinner = threading.Thread(target=self._spin, args=(ended, started), daemon=True)
        if self._live:
            spinner.start()
        result = "failed"
        try:
            yield
            result = "done"
        finally:
            ended.set()
            if self._live:
                spinner.join()
            self.say(f"      {result} after {time.monotonic() - started:.0f} s")

    def _spin(self, ended: threading.Event, started: float) -> None:
        turns = 0
        while not ended.wait(0.2):
            turns += 1
            line = f"    {'.oOo'[turns % 4]} {time.monotonic() - started:.0f} s  {self._doing}"
            self._show(line[: shutil.get_terminal_size().columns - 1])
        self._show("")

    def _show(self, text: str) -> None:
        # The spinner's line is overwritten by whatever comes next.
        self._stream.write(("\r\033[K" if self._live else "") + text)
        self._stream.flush()


def pip_event(line: str) -> Event | None:
    """What a line of pip's output tells; None for nothing."""
    match line.split():
        case ["Collecting", name, *_]:
            return Event(f"looking up {name}", False)
        case ["Downloading", file, *size]:
            return Event(f"downloading {file.rsplit('/', 1)[-1]} {' '.join(size)}", size[-1:] in (["MB)"], ["GB)"]))
        case ["Processing", file]:
            return Event(f"reading {file.rsplit('/', 1)[-1]}", True)
        case ["Installing", "collected", "packages:", *names]:
            return Event(f"unpacking {len(names)} package{'s' * (len(names) > 1)}", True)
    return None


def every_line(line: str) -> Event | None:
    """Event of a program whose every line is meant for the user."""
    return Event(line, True) if line else None
