"""What may lie in the daemon's folder, and what the system may refuse: it serves, or says in a sentence what to do."""

import json
import os
import resource
import subprocess
import sys
import time

import pytest

from glcic_backend.wire.client import DaemonClient
from glcic_backend.wire.connection import connection_file, read_connection
from glcic_backend.wire.errors import DaemonNotRunningError, UnusableFolderError, WireError

from .conftest import SOFTWARE, DaemonProcess, as_request, picture
from .test_commands import COMMAND

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="files and limits of Unix")


def nothing(_home):
    """As a folder is at first."""


def a_folder(name):
    def lay(home):
        (home / "run" / name).mkdir(parents=True)
        (home / "run").chmod(0o700)

    return lay


def a_pipe(name):
    def lay(home):
        (home / "run").mkdir(mode=0o700)
        os.mkfifo(home / "run" / name, 0o600)

    return lay


def a_link(name):
    def lay(home):
        (home / "run").mkdir(mode=0o700)
        (home / "precious").write_text("precious")
        (home / "precious").chmod(0o644)
        (home / "run" / name).symlink_to(home / "precious")

    return lay


def a_file_for_the_folder(home):
    (home / "run").write_text("")
    (home / "run").chmod(0o600)


def content(text):
    def lay(home):
        (home / "run").mkdir(mode=0o700)
        connection_file(home).write_text(text)
        connection_file(home).chmod(0o600)

    return lay


def connection_text(**changes):
    values = {"endpoint": "ipc:///x", "secret": "5a" * 32, "pid": 1, "started": 1.0, "protocol": 2, "software": "x"}
    return content(json.dumps(values | changes))


PLACES = {
    "nothing": (nothing, True),
    "a file for the folder": (a_file_for_the_folder, False),
    "a folder for the connection file": (a_folder("daemon.json"), False),
    "a folder for its forerunner": (a_folder("daemon.new"), False),
    "a folder for the lock": (a_folder("daemon.lock"), False),
    "a folder for a socket": (a_folder("daemon-1.sock"), False),
    "a pipe for the connection file": (a_pipe("daemon.json"), True),
    "a pipe for the lock": (a_pipe("daemon.lock"), False),
    "a link for the connection file": (a_link("daemon.json"), True),
    "a link for the lock": (a_link("daemon.lock"), False),
    "an endless number": (connection_text(pid=float("inf")), True),
    "no time": (connection_text(started=float("nan")), True),
    "a number for a text": (connection_text(endpoint=5), True),
    "a list": (content("[]"), True),
    "a deep list": (content("[" * 15_000), True),
    "no text": (content("\0\udcff".encode("utf-8", "surrogateescape").decode("latin-1")), True),
    "another's port": (connection_text(endpoint="tcp://192.0.2.1:5000"), True),
    "no port": (connection_text(endpoint="tcp://127.0.0.1:٣٣"), True),
    "too large a port": (connection_text(endpoint="tcp://127.0.0.1:99999"), True),
    "a long path": (connection_text(endpoint="ipc:///" + "x" * 300), True),
}


@pytest.mark.parametrize(("lay", "serves"), PLACES.values(), ids=PLACES)
def test_a_client_and_a_daemon_meet_whatever_lies_there_with_a_sentence(home, lay, serves):
    lay(home)
    begun = time.monotonic()

    with pytest.raises(WireError) as caught:
        DaemonClient.connect(home, software=SOFTWARE, timeout=2)
    assert str(caught.value).endswith(("`.", "'", ".")) and str(caught.value).isprintable()
    assert time.monotonic() - begun < 3

    daemon = DaemonProcess(home)
    try:
        line = daemon.process.stderr.readline()
        if line == "ready\n":
            assert serves
            with daemon.client() as client:
                assert client.complete(**as_request(*picture()))
            daemon.process.terminate()
            assert daemon.end() == (0, "")
        else:
            code, rest = daemon.end()
            assert not serves, line + rest
            assert (code, "Traceback" in line + rest) == (2, False), line + rest
            assert line.rstrip().endswith((".", "`."))
    finally:
        daemon.process.kill()
        daemon.process.communicate()
    if (home / "precious").exists():
        assert (home / "precious").read_text() == "precious"
        assert (home / "precious").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("place", ["/proc/nothing", "/dev/null", "/dev/null/below"])
@pytest.mark.parametrize("command", ["serve", "status"])
def test_a_home_that_cannot_be_made_is_told_in_a_sentence(place, command):
    environment = {**os.environ, "GLCIC_HOME": place}
    done = subprocess.run([*COMMAND, command], env=environment, capture_output=True, text=True, timeout=60)

    said = done.stdout + done.stderr
    assert done.returncode in ((2,) if command == "serve" else (1, 2)), said
    assert "defect" not in said and "Traceback" not in said
    assert command == "status" or "GLCIC_HOME" in said


def test_the_folder_that_cannot_be_made_has_an_error_of_its_own(home):
    from glcic_backend.wire.connection import prepare_run_folder

    (home / "file").write_text("")
    with pytest.raises(UnusableFolderError, match="Set GLCIC_HOME"):
        prepare_run_folder(home / "file")
    with pytest.raises(DaemonNotRunningError):
        read_connection(home / "file" / "below")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("limit", "value", "told"),
    [(resource.RLIMIT_AS, 600 << 20, "ulimit -v"), (resource.RLIMIT_NOFILE, 12, "ulimit -n")],
    ids=["memory", "files"],
)
def test_limits_under_which_nothing_can_run_are_told_with_the_command_that_raises_them(home, limit, value, told):
    done = subprocess.run(
        [*COMMAND, "serve", "--device", "cpu"],
        env={**os.environ, "GLCIC_HOME": str(home)},
        preexec_fn=lambda: resource.setrlimit(limit, (value, value)),
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert (done.returncode, "defect" in done.stderr) == (2, False), done.stderr
    assert told in done.stderr
