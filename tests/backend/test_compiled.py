"""Loops as machine code: kept where that is possible, shared by threads with the same result."""

import os
import subprocess
import sys
import threading

import numba
import numpy as np
import pytest

from glcic_backend.compiled import compiled, in_chunks
from glcic_backend.errors import CancelledError


def nothing():
    pass


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("count", [0, 1, 100, 101, 1000])
def test_every_item_is_visited_once_however_many_threads_there_are(threads, count):
    visited = np.zeros(count, int)

    def run(begin, end):
        visited[begin:end] += 1

    in_chunks(run, count, 100, threads, nothing)

    assert (visited == 1).all()


def test_several_threads_take_part():
    names, both = set(), threading.Barrier(2, timeout=30)

    def run(begin, end):
        both.wait()
        names.add(threading.current_thread().name)

    in_chunks(run, 2, 1, 2, nothing)

    assert len(names) == 2


@pytest.mark.parametrize("threads", [1, 3])
def test_what_the_check_raises_ends_the_loop_at_once(threads):
    visited = []

    def cancel():
        raise CancelledError("enough")

    with pytest.raises(CancelledError):
        in_chunks(lambda begin, end: visited.append(begin), 1_000_000, 1, threads, cancel)

    assert len(visited) < 1_000_000


def test_an_error_in_another_thread_is_not_lost():
    mine = threading.current_thread()

    def run(begin, end):
        if threading.current_thread() is not mine:
            raise ValueError("in the helper")
        other.wait(30)

    other = threading.Event()
    threading.Timer(0.5, other.set).start()

    with pytest.raises(ValueError, match="in the helper"):
        in_chunks(run, 2, 1, 2, nothing)


def test_where_nothing_can_be_kept_it_is_compiled_all_the_same(monkeypatch):
    njit = numba.njit
    njit(lambda value: value)(1)  # what numba itself compiles on first use is made before

    def without_a_folder(*, cache=False, **options):
        if cache:
            return lambda function: (_ for _ in ()).throw(RuntimeError("no locator available"))
        return njit(**options)

    monkeypatch.setattr(numba, "njit", without_a_folder)

    double = compiled(lambda value: 2 * value)

    assert double(21) == 42 and double.nopython_signatures


@pytest.mark.skipif(sys.platform == "win32", reason="limits of Unix")
def test_a_disk_too_full_to_keep_it_does_not_stop_what_was_compiled(tmp_path):
    (tmp_path / "loops.py").write_text(
        "import resource\n"
        "from glcic_backend.compiled import compiled\n"
        "double = compiled(lambda value: 2 * value)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "print(double(21))\n"
    )
    env = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "kept")}

    said = subprocess.run([sys.executable, str(tmp_path / "loops.py")], env=env, capture_output=True, text=True)

    assert said.stdout == "42\n", said.stderr
