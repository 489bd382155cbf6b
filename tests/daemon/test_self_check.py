"""A daemon that nobody can find any more ends itself; what crashes says where, and leaves no secret behind."""

import os
import resource
import signal
import subprocess
import sys

import psutil
import pytest

from glcic_backend.daemon import server
from glcic_backend.wire.connection import connection_file, read_connection

from .conftest import wait_until
from .test_commands import COMMAND

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and sockets of Unix")


def lose_connection_file(home):
    connection_file(home).unlink()


def lose_socket(home):
    os.unlink(read_connection(home).endpoint.removeprefix("ipc://"))


def another_socket(home):
    lose_socket(home)
    open(read_connection(home).endpoint.removeprefix("ipc://"), "w").close()


def anothers_connection_file(home):
    text = connection_file(home).read_text()
    connection_file(home).write_text(text.replace('"started": ', '"started": 1'))


@pytest.mark.parametrize("lose", [lose_connection_file, lose_socket, another_socket, anothers_connection_file])
def test_a_daemon_that_cannot_be_found_any_more_ends(start_process, home, lose):
    process = start_process("check=0.3").wait_until_ready()
    lose(home)

    code, _ = process.end()

    assert code == 0


def test_a_daemon_that_can_be_found_stays(start_process):
    process = start_process("check=0.1").wait_until_ready()
    with process.client() as client:
        wait_until(lambda: client.status().uptime_seconds > 1)

    assert process.process.poll() is None


def test_it_looks_every_minute():
    assert server.CHECK_SECONDS == 60


def test_neither_daemon_nor_engine_leaves_a_core_dump(start_process):
    process = start_process().wait_until_ready()

    assert resource.prlimit(process.process.pid, resource.RLIMIT_CORE) == (0, 0)


@pytest.mark.slow
def test_where_daemon_and_engine_crash_stands_in_the_log(home):
    log = home / "log"
    process = subprocess.Popen(
        [*COMMAND, "serve", "--device", "cpu", "--threads", "1", "--log-file", str(log)],
        env={**os.environ, "GLCIC_HOME": str(home)},
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert "ready" in process.stderr.readline()
        (engine,) = psutil.Process(process.pid).children()
        assert resource.prlimit(engine.pid, resource.RLIMIT_CORE) == (0, 0)
        engine.send_signal(signal.SIGSEGV)
        # Both write piece by piece, so the daemon is to begin when the engine has ended.
        wait_until(lambda: not engine.is_running() or engine.status() == psutil.STATUS_ZOMBIE)
        process.send_signal(signal.SIGABRT)
        process.wait(20)

    assert "Fatal Python error: Segmentation fault" in log.read_text() and "engine_server.py" in log.read_text()
    assert "Fatal Python error: Aborted" in log.read_text() and "daemon/server.py" in log.read_text()
