"""A slice of what `python -m tests.daemon.endurance` does many times."""

import os

import pytest

from .endurance import end_anywhere, start_pairs
from .soak import real_soak, soak

pytestmark = pytest.mark.skipif(os.name != "posix", reason="about signals of Unix")


def test_of_two_daemons_started_at_once_one_serves_and_the_other_names_it(home):
    assert start_pairs(home, 4).total() == 4


def test_a_daemon_ended_anywhere_leaves_no_half_file_and_no_lock_that_blocks_the_next(home):
    assert end_anywhere(home, 8).total() == 8


def test_mixed_requests_are_answered_right_and_leave_neither_memory_nor_descriptors_behind(home):
    counts, usage = soak(home, 150)

    assert set(counts) == {"whole", "cancelled", "malformed", "killed"}
    memory, _, descriptors = zip(*usage[1:], strict=True)  # when all that is kept for reuse is there
    assert max(descriptors) <= descriptors[0] + 4
    assert max(memory[5:]) < 1.05 * max(memory[:5])


def test_mixed_requests_to_the_shipped_model_are_answered_as_the_engine_in_this_process_does(home):
    counts, usage = real_soak(home, 30, cases=6, rests=2)

    assert counts["whole"] >= 20
    (*_, between), (*_, at_the_end) = usage[1:]  # descriptors, after all libraries were used
    assert at_the_end <= between + 4
