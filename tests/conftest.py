"""What holds for every test."""

import ast
import re
import shutil
import sys
import tempfile
from collections import Counter
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


@pytest.fixture(scope="module", autouse=True)
def threads_of_torch():
    """Who sets their number, as a training does, gives it back to the next module: a completion's last bits depend on
    it. Fixtures of a module or the whole run train, too."""
    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch else 0
    yield
    if torch:
        torch.set_num_threads(before)


_QUIET_MODULES = [
    f"daemon/test_{name}.py"
    for name in ("clients", "clock", "completion", "engine_process", "flood", "lifecycle", "real_engine")
]
"""Modules whose tests wait for other processes within bounds of a second or two, by other means than a clock."""

_BOUNDS_A_TIME = re.compile(r"\b(monotonic|perf_counter|process_time)\(|\bwait_until\(.*\) <")


def pytest_collection_modifyitems(config, items):
    """Mark the tests that measure time, or wait within tight bounds: nothing else may run beside them.

    What reads a clock outside its tests, such as a helper, is taken to be of all its tests.
    """
    for item in items:
        parts = _parts_that_bound_a_time(item.path)
        of_all = item.path.relative_to(Path(__file__).parent).as_posix() in _QUIET_MODULES
        if of_all or item.originalname in parts or any(not name.startswith("test_") for name in parts):
            item.add_marker(pytest.mark.quiet)
    if hasattr(config, "workerinput"):
        _sort_long_ones_first(items)


_LONG_MODULES = [
    f"tests/{folder}/test_{name}.py"
    for folder, name in (
        ("cli", "complete_engines"),
        ("daemon", "endurance"),
        ("doctor", "selftest"),
        ("train/study", "browser"),
    )
]
"""Modules of few tests that take a quarter of a minute or more, none of them by itself."""

_SLOW_AS_MANY = 40
"""As many others a test marked `slow`, or such a module, lasts about as long as."""


def _sort_long_ones_first(items):
    """By the time that what is given out together takes: the last ones are short then, and no process waits long."""
    weights = Counter(dict.fromkeys(_LONG_MODULES, _SLOW_AS_MANY))
    for item in items:
        if not item.get_closest_marker("quiet"):
            weights[_together(item.nodeid)] += _SLOW_AS_MANY if item.get_closest_marker("slow") else 1
    items.sort(key=lambda item: -weights[_together(item.nodeid)])


def _together(nodeid):
    """The name of what one process runs: a module, or one GIMP, whose start takes seconds."""
    in_gimp = re.match(r"tests/gimp/.*\[(\d+\.\d+)", nodeid)
    return f"GIMP {in_gimp[1]}" if in_gimp else nodeid.partition("::")[0]


@cache
def _parts_that_bound_a_time(module: Path) -> set[str]:
    """The names of a module's functions that do, also of those in classes; empty for other lines that do."""
    text = module.read_text()
    body = ast.parse(text).body
    parts = [part for each in body for part in (each.body if isinstance(each, ast.ClassDef) else [each])]
    # Not by ast.get_source_segment, which splits the whole text anew for each part.
    lines = text.split("\n")
    source = {part: "\n".join(lines[part.lineno - 1 : part.end_lineno]) for part in parts}
    return {getattr(part, "name", "") for part in parts if _BOUNDS_A_TIME.search(source[part])}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """With `--dist=loadfile`, keep all tests in one GIMP in one process, and the order of `_sort_long_ones_first`."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    config.option.loadscopereorder = False  # by the number of tests alone

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid):
            return _together(nodeid)

    return Scheduling(config, log)
