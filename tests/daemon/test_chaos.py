"""A slice of `python -m tests.daemon.chaos`: no wrong pixel, no hang, nothing left behind."""

import sys

import pytest

from .chaos import run

SECONDS = 30


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
def test_whatever_is_killed_stopped_or_flooded_every_answer_is_right_and_nothing_is_left_behind():
    counts, wrong = run(SECONDS, seed=1)

    assert wrong == []
    assert counts["right"] > 20, counts
