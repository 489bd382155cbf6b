"""Another user of the machine: sees nothing, reaches nothing, and cannot lay a trap."""

import os
import socket
import stat
import sys
import tempfile
from pathlib import Path

import pytest

from glcic_backend.wire.client import DaemonClient
from glcic_backend.wire.connection import connection_file, prepare_run_folder, read_connection, run_folder
from glcic_backend.wire.credentials import USERNAME
from glcic_backend.wire.errors import UnsafeFolderError, WireError
from glcic_backend.wire.zmtp import ZmtpConnection

from .conftest import SOFTWARE, Daemon, as_request, picture

pytestmark = pytest.mark.skipif(
    sys.platform == "win32" or os.getuid() != 0, reason="only root can become a second user for a test"
)

OTHER_USER = 65_534


def as_other_user(action):
    """What an action of another user ends in: the name of its exception, or "done". Modules must be loaded before."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        outcome = "done"
        try:
            os.setgroups([])
            os.setgid(OTHER_USER)
            os.setuid(OTHER_USER)
            action()
        except BaseException as error:
            outcome = type(error).__name__
        os.write(writing, outcome.encode())
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as said:
        outcome = said.read().decode()
    os.waitpid(child, 0)
    return outcome


@pytest.fixture
def open_home():
    """A home folder that anybody may enter and read."""
    with tempfile.TemporaryDirectory(prefix="glcic") as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


@pytest.fixture
def daemon(open_home):
    daemon = Daemon(open_home)
    yield daemon
    daemon.stop()


def test_the_helper_of_these_tests_can_do_what_is_allowed(open_home):
    assert as_other_user(lambda: os.listdir(open_home)) == "done"
    assert as_other_user(lambda: (open_home / "file").touch()) == "PermissionError"


def test_another_user_can_neither_read_the_connection_file_nor_see_the_folder(daemon, open_home):
    assert as_other_user(lambda: connection_file(open_home).read_bytes()) == "PermissionError"
    assert as_other_user(lambda: os.listdir(run_folder(open_home))) == "PermissionError"
    assert as_other_user(lambda: os.unlink(connection_file(open_home))) == "PermissionError"


def test_another_user_cannot_connect_to_the_socket(daemon):
    path = daemon.info.endpoint.removeprefix("ipc://")
    assert stat.S_ISSOCK(os.stat(path).st_mode)

    def connect():
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)

    connect()  # of the daemon's own user
    assert as_other_user(connect) == "PermissionError"


def test_another_user_gets_nothing_from_the_tcp_port_without_the_secret(open_home):
    daemon = Daemon(open_home, tcp=True)
    try:
        endpoint = daemon.info.endpoint
        guess = "0" * 64
        assert as_other_user(lambda: ZmtpConnection.open(endpoint, USERNAME, guess, timeout=5)) != "done"
        with daemon.client() as client:
            assert client.status().completed == 0
    finally:
        daemon.stop()


def test_a_folder_that_another_user_made_first_is_refused_by_daemon_and_client(open_home):
    os.chmod(open_home, 0o1777)  # such as /tmp
    assert as_other_user(lambda: os.mkdir(run_folder(open_home), 0o700)) == "done"

    with pytest.raises(UnsafeFolderError, match=f"belongs to user {OTHER_USER}"):
        prepare_run_folder(_below(open_home))
    with pytest.raises(UnsafeFolderError):
        read_connection(open_home)


def _below(home):
    """The same home with a mode that is not refused for its own sake."""
    os.chmod(home, 0o755)
    return home


def test_no_pixel_goes_to_a_connection_file_of_another_user(open_home):
    os.chmod(open_home, 0o1777)

    def lay_trap():
        os.mkdir(run_folder(open_home), 0o700)
        connection_file(open_home).write_text('{"endpoint": "tcp://127.0.0.1:9"}')

    assert as_other_user(lay_trap) == "done"
    os.chmod(open_home, 0o755)

    with pytest.raises(WireError, match=f"belongs to user {OTHER_USER}"):
        DaemonClient.connect(open_home, software=SOFTWARE).complete(**as_request(*picture()))
