"""Loops as machine code: kept where that is possible, shared by threads with the same result."""

import os
import shutil
import subprocess
import sys
import threading
import time
from contextlib import closing

import numpy as np
import pytest

from glcic_backend.compiled import ahead, in_chunks, meanwhile, side_by_side
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


def never():
    return False


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("count", [0, 1, 2, 9])
def test_tasks_give_their_results_in_order_however_many_threads_share_them(threads, count):
    tasks = [lambda is_mine, poll, number=number: 10 * number for number in range(count)]

    assert side_by_side(tasks, threads, never) == [10 * number for number in range(count)]


def test_tasks_run_at_the_same_time_and_one_thread_of_all_is_the_callers():
    both = threading.Barrier(2, timeout=30)

    def task(is_mine, poll):
        both.wait()
        return is_mine, threading.current_thread()

    answers = side_by_side([task, task], 2, never)

    assert sorted(is_mine for is_mine, _ in answers) == [False, True]
    assert all((thread is threading.current_thread()) == is_mine for is_mine, thread in answers)


def test_tasks_that_share_loops_do_not_wait_for_each_other_for_ever():
    visited = np.zeros((4, 1000), int)

    def task(number):
        def run(begin, end):
            visited[number, begin:end] += 1

        return lambda is_mine, poll: in_chunks(run, 1000, 10, 4, nothing)

    side_by_side([task(number) for number in range(4)], 4, never)

    assert (visited == 1).all()


def test_a_cancel_ends_the_tasks_of_all_threads():
    ended = []

    def task(is_mine, poll):
        while not poll():
            time.sleep(0.01)
        ended.append(is_mine)
        raise CancelledError("enough")

    asked = time.monotonic()
    with pytest.raises(CancelledError):
        side_by_side([task] * 6, 2, lambda: time.monotonic() > asked + 0.3)

    assert sorted(ended) == [False, True]


def test_a_cancel_is_seen_while_another_thread_is_waited_for():
    def task(is_mine, poll):
        both.wait()
        while not is_mine and not poll():
            time.sleep(0.01)
        if not is_mine:
            raise CancelledError("enough")

    both, asked = threading.Barrier(2, timeout=30), time.monotonic()
    with pytest.raises(CancelledError):
        side_by_side([task, task], 2, lambda: time.monotonic() > asked + 0.3)


def test_an_error_in_another_threads_task_is_not_lost():
    def task(is_mine, poll):
        both.wait()
        if not is_mine:
            raise ValueError("in the helper")

    both = threading.Barrier(2, timeout=30)
    with pytest.raises(ValueError, match="in the helper"):
        side_by_side([task, task], 2, never)


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("count", [0, 1, 2, 9])
def test_tasks_run_ahead_give_their_results_in_order(threads, count):
    tasks = (lambda poll, number=number: 10 * number for number in range(count))

    assert list(ahead(tasks, threads, never)) == [10 * number for number in range(count)]


def test_a_task_runs_while_the_result_before_it_is_used():
    begun = threading.Event()

    def task(poll):
        begun.set()
        return threading.current_thread()

    with closing(ahead([lambda poll: None, task], 2, never)) as results:
        assert next(results) is None
        assert begun.wait(30)
        assert next(results) is not threading.current_thread()


def test_with_one_thread_a_task_runs_when_its_result_is_asked_for():
    begun = []

    with closing(ahead([lambda poll: None, lambda poll: begun.append(1)], 1, never)) as results:
        next(results)
        assert not begun
        next(results)
        assert begun


def until_told(poll):
    while not poll():
        time.sleep(0.01)
    raise CancelledError("enough")


def endless():
    """A task that ends when it is told to; what is set once it has begun; and once it has ended."""
    begun, ended = threading.Event(), threading.Event()

    def task(poll):
        begun.set()
        try:
            until_told(poll)
        finally:
            ended.set()

    return task, begun, ended


@pytest.mark.parametrize("threads", [1, 2])
def test_meanwhile_a_task_runs_by_another_thread_if_there_is_one(threads):
    begun = threading.Event()

    def task(poll):
        begun.set()
        return threading.current_thread()

    with meanwhile(task, threads, never) as result:
        assert begun.wait(30 if threads > 1 else 0.2) is (threads > 1)
        assert (result() is threading.current_thread()) is (threads == 1)


def test_a_task_meanwhile_ends_with_who_began_it():
    task, begun, ended = endless()

    with pytest.raises(ValueError, match="no use"), meanwhile(task, 2, never):
        assert begun.wait(30)
        raise ValueError("no use")

    assert ended.is_set()


def test_where_all_threads_are_busy_tasks_run_when_their_results_are_asked_for():
    """As on a sheet of specks, which such a thread fills itself."""

    def task(is_mine, poll):
        both.wait()
        answers = list(ahead([lambda poll: threading.current_thread()] * 3, 2, never))
        both.wait()
        return is_mine, set(answers) == {threading.current_thread()}

    threads = os.cpu_count() or 1
    both = threading.Barrier(max(2, threads), timeout=30)
    answers = side_by_side([task] * max(2, threads), max(2, threads), never)

    assert all(alone for _, alone in answers)


def test_a_task_that_runs_ahead_ends_with_who_uses_its_result():
    task, begun, ended = endless()

    with pytest.raises(ValueError, match="no use"), closing(ahead([lambda poll: None, task], 2, never)) as results:
        next(results)
        assert begun.wait(30)
        raise ValueError("no use")

    assert ended.is_set()


def test_a_cancel_is_seen_while_a_task_that_runs_ahead_is_waited_for():
    asked = time.monotonic()
    with (
        pytest.raises(CancelledError),
        closing(ahead([lambda poll: None, until_told], 2, lambda: time.monotonic() > asked + 0.3)) as results,
    ):
        list(results)


def test_an_error_in_a_task_that_runs_ahead_is_raised_where_its_result_is_asked_for():
    def task(poll):
        raise ValueError("in the helper")

    with closing(ahead([lambda poll: 1, task, lambda poll: 3], 2, never)) as results:
        assert next(results) == 1
        with pytest.raises(ValueError, match="in the helper"):
            next(results)


LOOPS = """
import os, tempfile

if "NOWHERE" in os.environ:
    def refuse(*arguments, **options):
        raise PermissionError("a folder that cannot be written to")

    tempfile.TemporaryFile = refuse

from glcic_backend.compiled import compiled

double = compiled(lambda value: 2 * value)

if __name__ == "__main__":
    print(double(21), sum(double.stats.cache_hits.values()))
"""


def said_by_loops(folder, **variables):
    """What a program of loops prints: the result, and how many loops were found compiled."""
    env = {**os.environ, **variables}
    ran = subprocess.run([sys.executable, str(folder / "loops.py")], env=env, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.split()


@pytest.fixture(scope="module")
def compiled_loops(tmp_path_factory):
    """A folder with a program of loops that has run once."""
    folder = tmp_path_factory.mktemp("compiled")
    (folder / "loops.py").write_text(LOOPS)
    assert said_by_loops(folder) == ["42", "0"]
    return folder


@pytest.fixture
def loops(compiled_loops, tmp_path):
    """A copy of it for one test."""
    return shutil.copytree(compiled_loops, tmp_path / "installed")


def test_what_was_compiled_is_kept_beside_the_module(loops):
    assert said_by_loops(loops) == ["42", "1"]


def test_what_is_beside_the_module_serves_who_keeps_his_own_elsewhere(loops, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    assert said_by_loops(loops, NUMBA_CACHE_DIR=str(elsewhere)) == ["42", "1"]

    shutil.rmtree(loops / "__pycache__")
    assert said_by_loops(loops, NUMBA_CACHE_DIR=str(elsewhere)) == ["42", "0"]
    assert said_by_loops(loops, NUMBA_CACHE_DIR=str(elsewhere)) == ["42", "1"]


def test_what_is_beside_the_module_serves_where_nothing_can_be_written(loops):
    assert said_by_loops(loops, NOWHERE="1") == ["42", "1"]


def test_where_nothing_can_be_kept_it_is_compiled_all_the_same(loops):
    shutil.rmtree(loops / "__pycache__")

    assert said_by_loops(loops, NOWHERE="1") == ["42", "0"]
    assert said_by_loops(loops, NOWHERE="1") == ["42", "0"]


def test_what_is_beside_the_module_and_may_not_be_read_is_compiled_anew(loops):
    (index,) = (loops / "__pycache__").glob("*.nbi")
    index.unlink()
    index.mkdir()  # no user may read it, not even root

    assert said_by_loops(loops, NOWHERE="1") == ["42", "0"]


def test_loops_of_a_changed_module_are_compiled_anew(loops):
    (loops / "loops.py").write_text(LOOPS.replace("2 * value", "value + 1"))

    assert said_by_loops(loops, NOWHERE="1") == ["22", "0"]


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
