"""The daemon as a process: start, signals, and what is left behind."""

import contextlib
import os
import signal
import stat
import sys
import time
from pathlib import Path

import pytest

from glcic_backend.daemon.lifecycle import choose_endpoint
from glcic_backend.daemon.server import CHECK_SECONDS
from glcic_backend.wire.codec import PROTOCOL_VERSION
from glcic_backend.wire.connection import connection_file, read_connection, run_folder
from glcic_backend.wire.errors import BusyError, CancelledError, DaemonLostError, DaemonNotRunningError, StoppingError

from .conftest import as_request, picture, wait_until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="about signals and modes of Unix")


def names_in(folder):
    return sorted(os.listdir(folder))


def test_a_ready_daemon_has_written_its_private_connection_file(start_process, home):
    process = start_process().wait_until_ready()

    info = read_connection(home)

    assert (info.pid, info.protocol) == (process.process.pid, PROTOCOL_VERSION)
    assert abs(info.started - time.time()) < 60
    assert stat.S_IMODE(run_folder(home).stat().st_mode) == 0o700
    assert stat.S_IMODE(connection_file(home).stat().st_mode) == 0o600


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_an_idle_daemon_with_exit_code_0_and_removes_its_files(start_process, home, number):
    process = start_process().wait_until_ready()

    process.process.send_signal(number)

    assert process.end() == (0, "")
    assert names_in(run_folder(home)) == ["daemon.lock"]


def test_sigterm_gives_the_running_completion_its_time_and_then_cancels_it(start_process):
    process = start_process("hold").wait_until_ready()
    with process.client() as client:
        job = client.submit(**as_request(*picture()))
        client.status()
        begun = time.monotonic()
        process.process.send_signal(signal.SIGTERM)

        with pytest.raises(CancelledError):
            client.wait(job)

    assert process.end()[0] == 0
    assert 2.5 < time.monotonic() - begun < 8


def test_sigterm_ends_the_daemon_even_if_the_engine_does_not_listen(start_process, home):
    process = start_process("deaf").wait_until_ready()
    with process.client() as client:
        job = client.submit(**as_request(*picture()))
        client.status()
        begun = time.monotonic()
        process.process.send_signal(signal.SIGTERM)

        with pytest.raises((CancelledError, DaemonLostError)):
            client.wait(job)

    assert process.end()[0] == 0
    assert time.monotonic() - begun < 8
    assert not connection_file(home).exists()


def test_a_second_sigterm_ends_the_daemon_at_once(start_process, home):
    process = start_process("deaf").wait_until_ready()
    with process.client() as client:
        client.submit(**as_request(*picture()))
        client.status()
        process.process.send_signal(signal.SIGTERM)
        wait_until(lambda: client.status().state == "stopping")
        begun = time.monotonic()

        process.process.send_signal(signal.SIGTERM)

        assert process.end()[0] == 0
        assert time.monotonic() - begun < 2
        assert not connection_file(home).exists()


def test_a_second_daemon_finds_the_first_and_leaves_it_alone(start_process, home):
    first = start_process().wait_until_ready()

    code, said = start_process().end()

    assert code == 4
    assert f"process {first.process.pid} at {read_connection(home).endpoint}" in said
    with first.client() as client:
        assert client.complete(**as_request(*picture()))


def test_a_second_daemon_names_the_first_also_while_that_takes_long_to_start(start_process, home):
    first = start_process("load=4")
    time.sleep(1.5)

    code, said = start_process().end()

    first.wait_until_ready()
    assert code == 4
    assert f"process {first.process.pid} at {read_connection(home).endpoint}" in said


def test_after_kill_9_the_next_daemon_starts_over_what_was_left(start_process, home):
    first = start_process("hold").wait_until_ready()
    with first.client() as client:
        client.submit(**as_request(*picture()))
        client.status()
        first.process.kill()
        first.end()
    left = read_connection(home)

    second = start_process().wait_until_ready()

    assert read_connection(home).secret != left.secret
    with second.client() as client:
        assert client.complete(**as_request(*picture()))


@contextlib.contextmanager
def killed_client(process, jobs):
    """A process that submits jobs; ended as GIMP ends a plug-in whose user pressed Cancel, without any cleaning up."""
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            client = process.client()
            for _ in range(jobs):
                client.submit(**as_request(*picture()))
            time.sleep(60)
        os._exit(1)
    try:
        yield
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_a_client_killed_in_mid_request_frees_its_places_within_a_second(start_process):
    process = start_process("hold").wait_until_ready()
    with process.client() as witness:
        with killed_client(process, jobs=8):
            wait_until(lambda: witness.status().waiting == 7)

        assert wait_until(lambda: witness.status().state == "idle") < 1
        assert witness.status().waiting == 0


def test_a_killed_clients_place_is_free_within_a_second_even_if_the_engine_is_in_a_long_computation(start_process):
    process = start_process("deaf").wait_until_ready()
    with process.client() as witness:
        with killed_client(process, jobs=8):
            wait_until(lambda: witness.status().waiting == 7)
        wait_until(lambda: witness.status().waiting == 0, seconds=1)

        # All eight places: the running job of the client that is gone takes none.
        jobs = [witness.submit(**as_request(*picture())) for _ in range(8)]
        wait_until(lambda: witness.status().waiting == 8)
        with pytest.raises(BusyError):
            witness.wait(witness.submit(**as_request(*picture())))
        assert len(jobs) == 8


def test_stop_returns_when_the_daemon_has_gone(start_process, home):
    process = start_process().wait_until_ready()

    with process.client() as client:
        client.stop()

    with pytest.raises(DaemonNotRunningError):
        read_connection(home)
    assert process.end()[0] == 0


def test_a_daemon_can_be_started_as_soon_as_stop_returns(start_process):
    process = start_process().wait_until_ready()
    with process.client() as client:
        client.stop()

    again = start_process().wait_until_ready()

    with again.client() as client:
        assert client.status().pid == again.process.pid


@pytest.mark.parametrize("length, scheme", [(100, "ipc"), (101, "tcp")])
def test_a_path_too_long_for_a_unix_socket_makes_it_tcp(length, scheme):
    folder = Path("/" + "x" * (length - len(f"//daemon-{os.getpid()}.sock")))

    assert choose_endpoint(folder, tcp=False).startswith(scheme)


def test_tcp_can_be_asked_for():
    assert choose_endpoint(Path("/x"), tcp=True) == "tcp://127.0.0.1:*"


def test_with_an_idle_exit_the_daemon_ends_after_its_last_request_with_exit_code_0_and_without_files(
    start_process, home
):
    process = start_process("idle=0.6").wait_until_ready()
    with process.client() as client:
        for _ in range(5):
            time.sleep(0.3)
            assert client.status().state == "idle"  # each request begins the 0.6 s anew
        asked = time.monotonic()

        code, said = process.end()

    assert (code, said) == (0, "")
    assert 0.5 < time.monotonic() - asked < 5
    assert names_in(run_folder(home)) == ["daemon.lock"]


@pytest.mark.parametrize("late", [-0.05, -0.02, -0.01, 0.0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.15])
def test_a_request_in_the_moment_of_the_idle_exit_is_answered_or_the_client_knows_that_the_daemon_has_gone(
    start_process, late
):
    process = start_process("idle=0.5").wait_until_ready()
    with process.client() as client:
        client.status()
        time.sleep(0.5 + late)
        try:
            answered = client.complete(**as_request(*picture()))
        except (StoppingError, DaemonLostError):  # then whoever asks starts another one
            answered = None
        assert answered or late > 0.05

    assert process.end() == (0, "")


def test_the_idle_exit_does_not_end_a_daemon_with_a_job(start_process):
    process = start_process("idle=0.6", "hold").wait_until_ready()
    with process.client() as client:
        job = client.submit(**as_request(*picture()))
        time.sleep(1.5)

        assert process.process.poll() is None
        assert client.cancel(job)
        assert process.end()[0] == 0


def test_without_an_idle_exit_an_idle_daemon_wakes_once_a_minute_only(start_daemon):
    server = start_daemon().server

    assert 50 < server._patience() <= CHECK_SECONDS == 60
