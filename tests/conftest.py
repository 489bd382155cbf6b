"""What holds for every test."""

import re
import shutil
import tempfile
from functools import cache
from pathlib import Path

import pytest

from glcic_backend.threads import wait_without_spinning

wait_without_spinning()


@pytest.fixture(scope="session", autouse=True)
def private_home():
    """No test reads or changes the models and the daemon of the user who runs it."""
    # A short path: the daemon's Unix socket lies below it.
    folder = tempfile.mkdtemp(prefix="glcic-")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GLCIC_HOME", folder)
        yield
    shutil.rmtree(folder, ignore_errors=True)


QUIET_ROOMS = ("daemon", "doctor", "fuzz", "gimp", "train/study")
"""Rooms whose tests wait for other processes, within bounds of time."""

_READS_A_CLOCK = re.compile(r"\b(monotonic|perf_counter|process_time)\(")


def pytest_collection_modifyitems(items):
    """Mark the tests that measure time, and those that wait for other processes: nothing else may run beside them."""
    for item in items:
        if _wants_quiet(item.path):
            item.add_marker(pytest.mark.quiet)


@cache
def _wants_quiet(module: Path) -> bool:
    room = module.relative_to(Path(__file__).parent).parent.as_posix()
    return room.startswith(QUIET_ROOMS) or bool(_READS_A_CLOCK.search(module.read_text()))
