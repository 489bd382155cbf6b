"""The time of day jumps by hours, under the daemon, its clients, and the locks: nothing is measured with it.

Each program under test is a process of its own in which `time.time` can jump, as it does when the clock is set.
"""

import ast
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from glcic_backend.installer.prefix import lock_path
from glcic_backend.wire.connection import read_connection
from glcic_backend.wire.errors import CancelledError, DaemonLostError

from ..test_code_style import REPOSITORY
from .conftest import as_request, picture, wait_until

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and locks of Unix")

JUMPS = pytest.mark.parametrize("jump", [6, -6], ids="{:+} hours".format)


class Clock:
    """The time of day of the Python programs that have `environment`; other clocks are theirs as always."""

    def __init__(self, folder):
        self.file = folder / "offset"
        self.jump(0)
        (folder / "sitecustomize.py").write_text(
            "import time\n"
            "true_ns = time.time_ns\n"
            "def offset():\n"
            f"    with open({str(self.file)!r}) as file:\n"
            "        return int(file.read()) * 3600\n"
            "time.time_ns = lambda: true_ns() + offset() * 10**9\n"
            "time.time = lambda: time.time_ns() / 1e9\n"
        )
        others = [os.environ["PYTHONPATH"]] if "PYTHONPATH" in os.environ else []
        self.environment = {"PYTHONPATH": os.pathsep.join([str(folder), *others])}

    def jump(self, hours):
        """From now on it is so far from the true time."""
        beside = self.file.with_suffix(".new")
        beside.write_text(str(hours))
        os.replace(beside, self.file)


@pytest.fixture
def clock(tmp_path):
    return Clock(tmp_path)


@pytest.fixture
def start(start_process, clock):
    """Starts a daemon whose time of day can jump; see daemon_process.py for its arguments."""
    return lambda *arguments: start_process(*arguments, **clock.environment)


def run_later(seconds, action):
    timer = threading.Timer(seconds, action)
    timer.start()
    return timer


@JUMPS
def test_a_daemon_started_at_another_time_of_day_takes_over_what_a_killed_one_has_left(start, clock, home, jump):
    killed = start().wait_until_ready()
    killed.process.kill()
    killed.end()
    clock.jump(jump)

    start().wait_until_ready().client().close()

    assert abs(read_connection(home).started - time.time() - jump * 3600) < 60


@JUMPS
def test_a_completion_goes_on_and_can_be_cancelled_within_a_second(start, clock, jump):
    with start("hold").wait_until_ready().client(timeout=3) as client:
        job = client.submit(**as_request(*picture()))
        told = []
        client_cancel = threading.Event()
        run_later(0.5, lambda: clock.jump(jump))
        timer = run_later(1.5, client_cancel.set)

        with pytest.raises(CancelledError):
            client.wait(job, progress=lambda *news: told.append(news), cancelled=client_cancel.is_set)
        timer.join()

        assert told
        assert wait_until(lambda: client.status().state == "idle") < 1
        assert 1 < client.status().uptime_seconds < 60


@JUMPS
def test_a_silent_daemon_is_given_up_after_the_time_that_was_given(start_process, clock, home, jump):
    """The client's clock jumps, while the daemon says nothing."""
    process = start_process("hold").wait_until_ready()
    script = f"""
import sys, time
from pathlib import Path
from glcic_backend.wire.client import DaemonClient
client = DaemonClient.connect(Path({str(home)!r}), software="test", timeout=2)
print("connected", flush=True)
sys.stdin.readline()
begun = time.monotonic()
try:
    client.status()
except Exception as error:
    print(type(error).__name__, time.monotonic() - begun)
"""
    child = subprocess.Popen(
        [sys.executable, "-c", script],
        env={**os.environ, **clock.environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with child:
        assert child.stdout.readline() == "connected\n"
        process.process.send_signal(signal.SIGSTOP)
        timer = run_later(0.5, lambda: clock.jump(jump))
        said, _ = child.communicate("\n", timeout=20)
        timer.join()
    process.process.send_signal(signal.SIGCONT)

    error, seconds = said.split()
    assert error == DaemonLostError.__name__
    assert 1.9 < float(seconds) < 4


@JUMPS
def test_the_idle_exit_comes_when_it_should(start, clock, jump):
    process = start("idle=3").wait_until_ready()
    with process.client() as client:
        client.status()
        begun = time.monotonic()
        clock.jump(jump)

    assert process.end() == (0, "")
    assert 2.5 < time.monotonic() - begun < 6


@JUMPS
def test_at_sigterm_the_running_completion_has_its_time(start, clock, jump):
    process = start("hold").wait_until_ready()
    with process.client() as client:
        job = client.submit(**as_request(*picture()))
        client.status()
        begun = time.monotonic()
        process.process.send_signal(signal.SIGTERM)
        timer = run_later(0.5, lambda: clock.jump(jump))

        with pytest.raises(CancelledError):
            client.wait(job)
        timer.join()

    assert process.end()[0] == 0
    assert 2.5 < time.monotonic() - begun < 8


@JUMPS
def test_a_second_daemon_waits_its_time_for_the_lock_of_one_that_is_starting(start, clock, home, jump):
    first = start().wait_until_ready()
    first.process.terminate()
    first.end()
    with open(home / "run" / "daemon.lock", "a+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        begun = time.monotonic()
        second = start("patience=2")
        timer = run_later(1.5, lambda: clock.jump(jump))
        code, said = second.end()
        timer.join()

    assert code == 4 and "starting or ending" in said, said
    assert 2 <= time.monotonic() - begun < 8


@JUMPS
def test_an_installation_waits_for_the_lock_of_another_one_until_that_ends(clock, tmp_path, jump):
    script = """
import sys
from pathlib import Path
from glcic_backend.installer.prefix import hold_lock, lock_path
with open(lock_path(Path(sys.argv[1])), "a") as lock:
    hold_lock(lock, lambda text: print("waits", flush=True))
    print("holds", flush=True)
    sys.stdin.readline()
"""
    environment = {**os.environ, **clock.environment}
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, env=environment, **streams) as first:
        assert first.stdout.readline() == "holds\n"
        with subprocess.Popen(command, env=environment, **streams) as second:
            assert second.stdout.readline() == "waits\n"
            clock.jump(jump)
            time.sleep(0.5)
            assert second.poll() is None and lock_path(tmp_path).exists()
            first.kill()
            assert second.stdout.readline() == "holds\n"
            second.communicate("\n", timeout=20)


def test_the_program_and_the_plug_in_read_the_time_of_day_for_the_connection_file_only():
    readers = []
    for path in sorted(path for root in ("glcic_backend", "gimp_plugin") for path in (REPOSITORY / root).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            named = ast.unparse(node) if isinstance(node, ast.Attribute | ast.Import | ast.ImportFrom) else ""
            if named in ("time.time", "time.time_ns") or "datetime" in named or named.startswith("from time import"):
                readers.append(f"{path.relative_to(REPOSITORY)}: {named}")

    assert readers == ["glcic_backend/daemon/lifecycle.py: time.time"]
