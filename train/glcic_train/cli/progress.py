"""The progress bar of the commands."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click


@contextmanager
def progress_bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error, in a terminal only, that appears with the first report of (done, total)."""
    bars: list[Any] = []

    def show(done: int, total: int) -> None:
        if not bars:
            hidden = not sys.stderr.isatty()
            bars.append(click.progressbar(length=total, label=label, show_pos=True, file=sys.stderr, hidden=hidden))
        bars[0].update(done - bars[0].pos)

    try:
        yield show
    finally:
        for bar in bars:
            bar.render_finish()
