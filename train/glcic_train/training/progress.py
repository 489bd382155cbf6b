"""The line that shows a run's progress in a terminal."""

import sys
import time
from typing import TextIO

_BAR = 20
_SECONDS_BETWEEN_LINES = 30


class ProgressLine:
    """Phase, losses, speed and remaining time: redrawn in place in a terminal, a line now and then elsewhere.

    Args:
        stream: where it is written; standard error, so that it never mixes with results.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._in_place = self._stream.isatty()
        self._width = 0
        self._last = float("-inf")

    def show(self, share: float, phase: str, values: dict[str, float], speed: float, remaining: float) -> None:
        """Show the state of the run.

        Args:
            share: how much of the run is done, 0..1.
            phase: name of the phase.
            values: losses by name.
            speed: samples per second.
            remaining: seconds to the end.
        """
        now = time.monotonic()
        if not self._in_place and now - self._last < _SECONDS_BETWEEN_LINES:
            return
        self._last = now
        filled = int(share * _BAR)
        losses = " ".join(f"{name} {value:.4g}" for name, value in values.items())
        text = (
            f"[{'#' * filled}{'.' * (_BAR - filled)}] {share:6.1%} {phase:13} {losses} | "
            f"{speed:.1f} samples/s, {duration(remaining)} left"
        )
        if self._in_place:
            self._stream.write("\r" + text.ljust(self._width))
            self._width = len(text)
        else:
            self._stream.write(text + "\n")
        self._stream.flush()

    def say(self, text: str) -> None:
        """Write a line that stays."""
        if self._in_place and self._width:
            self._stream.write("\r" + " " * self._width + "\r")
            self._width = 0
        self._stream.write(text + "\n")
        self._stream.flush()


def duration(seconds: float) -> str:
    """A time as people say it: `42 s`, `7 min`, `3 h 05 min`, `2 d 4 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes:02} min"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h"
