"""At run time nothing reaches for the network, and nothing needs one."""

import os
import shutil
import subprocess
import sys

import pytest

WATCHER = """
import os, sys

def watch(event, arguments):
    if event == "socket.getaddrinfo" or event == "socket.gethostbyname":
        attempt = arguments[0]
    elif event in ("socket.connect", "socket.bind", "socket.sendto") and isinstance(arguments[1], tuple):
        attempt = arguments[1][0]
    else:
        return
    with open(os.environ["GLCIC_TEST_ATTEMPTS"], "a") as file:
        file.write(f"{event} {attempt}\\n")

sys.addaudithook(watch)
"""


@pytest.fixture
def watched(tmp_path):
    """An environment whose Pythons, and theirs, note each attempt to reach an address; and the file of the notes."""
    (tmp_path / "sitecustomize.py").write_text(WATCHER)
    attempts = tmp_path / "attempts"
    attempts.touch()
    return os.environ | {"PYTHONPATH": str(tmp_path), "GLCIC_TEST_ATTEMPTS": str(attempts)}, attempts


def without_network():
    """What has a command run on a machine without any network, not even 127.0.0.1; nothing where it may not."""
    unshare = shutil.which("unshare")
    if unshare and subprocess.run([unshare, "--net", "true"], capture_output=True).returncode == 0:
        return [unshare, "--net"]
    return []


def test_the_watcher_notes_an_attempt(watched):
    environment, attempts = watched
    program = "import socket\ntry: socket.create_connection(('example.invalid', 80), 1)\nexcept OSError: pass"

    subprocess.run([*without_network(), sys.executable, "-c", program], env=environment, check=True)

    assert "socket.getaddrinfo example.invalid" in attempts.read_text()


@pytest.mark.skipif(sys.platform == "win32", reason="there the daemon listens on a port of 127.0.0.1")
def test_loading_a_model_serving_and_completing_need_no_network_and_try_none(watched, tmp_path):
    environment, attempts = watched
    main = "from glcic_backend.cli import main; main()"
    command = [sys.executable, "-c", main, "selftest", "--device", "cpu", "--out", str(tmp_path / "out")]

    done = subprocess.run([*without_network(), *command], env=environment, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "out" / "before-after.png").is_file()
    assert attempts.read_text() == ""
