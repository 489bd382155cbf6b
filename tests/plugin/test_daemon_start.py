"""The plug-in finds a daemon or starts one; here one with a fake engine."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from .conftest import REPOSITORY

FAKE = REPOSITORY / "tests" / "daemon" / "daemon_process.py"


@pytest.fixture
def home():
    folder = Path(tempfile.mkdtemp(prefix="glcic-"))
    yield folder
    from wire.client import DaemonClient

    with contextlib.suppress(Exception):
        client = DaemonClient.connect(folder, software="test")
        daemon = psutil.Process(client.info.pid)
        client.stop()
        daemon.wait(20)  # it removes its own files from the folder until then
    shutil.rmtree(folder)


@pytest.fixture
def installation(home):
    from inpaint_selection.installation import Installation

    return Installation("1.0", [sys.executable, str(FAKE)], home)


def test_a_daemon_is_started_and_then_found(installation):
    from inpaint_selection.daemon import DaemonStart

    waited = []
    with DaemonStart(installation).connect(lambda: waited.append(1)) as first:
        pid = first.status().pid
    assert waited
    with DaemonStart(installation).connect(lambda: pytest.fail("it had to wait")) as second:
        assert second.status().pid == pid
    assert os.getsid(pid) == pid


def connecting(installation, installed):
    """A process that finds or starts a daemon as the plug-in does, and says its number."""
    code = (
        f"import sys; sys.path.insert(0, {str(installed)!r}); from pathlib import Path\n"
        "from inpaint_selection.daemon import DaemonStart; from inpaint_selection.installation import Installation\n"
        f"start = DaemonStart(Installation('1.0', {installation.command!r}, Path({str(installation.home)!r})))\n"
        "print(start.connect(lambda: None).status().pid)"
    )
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


def test_two_that_start_at_once_share_one_daemon(installation, installed):
    both = [connecting(installation, installed) for _ in range(2)]

    (first, _), (second, _) = [each.communicate(timeout=60) for each in both]

    assert first == second
    assert psutil.pid_exists(int(first))


def test_who_finds_a_daemon_that_takes_long_to_start_waits_for_it(installation, installed):
    slow = installation._replace(command=[*installation.command, "load=6"])
    both = []
    for _ in range(2):
        both.append(connecting(slow, installed))
        time.sleep(1.5)

    (first, _), (second, _) = [each.communicate(timeout=60) for each in both]

    assert first == second and psutil.pid_exists(int(first))


def test_a_daemon_that_somebody_else_starts_may_end_again_and_another_one_takes_its_place(installation, installed):
    environment = {**os.environ, "GLCIC_HOME": str(installation.home)}
    other = subprocess.Popen([*installation.command, "load=30"], env=environment, stderr=subprocess.DEVNULL)
    time.sleep(1.5)
    waiting = connecting(installation, installed)
    time.sleep(2)
    other.kill()
    other.wait()

    said, _ = waiting.communicate(timeout=60)

    assert psutil.pid_exists(int(said))


def test_a_daemon_that_cannot_be_started_is_told_in_its_own_words(installation):
    from inpaint_selection.daemon import DaemonStart
    from inpaint_selection.refusals import Refusal

    failing = installation._replace(command=[*installation.command, "files=12"])

    with pytest.raises(Refusal, match="open 12 files"):
        DaemonStart(failing).connect(lambda: None)


def test_the_daemons_environment_is_that_of_the_user_without_gimps_own():
    from inpaint_selection.daemon import clean_environment

    users = {"HOME": "/home/me", "LANG": "de_DE.UTF-8", "HTTPS_PROXY": "x", "CUDA_VISIBLE_DEVICES": "0", "PATH": "/bin"}
    foreign = {
        "PYTHONHOME": "x",
        "PYTHONPATH": "x",
        "GI_TYPELIB_PATH": "x",
        "LD_LIBRARY_PATH": "x",
        "GIMP3_DIRECTORY": "x",
    }

    assert clean_environment(users | foreign, Path("/srv/glcic")) == users | {"GLCIC_HOME": "/srv/glcic"}


def test_in_flatpak_the_user_is_told_what_to_start(installation, monkeypatch, tmp_path):
    from inpaint_selection import daemon
    from inpaint_selection.refusals import Refusal

    (tmp_path / "mark").touch()
    monkeypatch.setattr(daemon, "_FLATPAK_MARK", tmp_path / "mark")

    with pytest.raises(Refusal, match=r"Flatpak.*\n.*daemon_process\.py serve"):
        daemon.DaemonStart(installation).connect(lambda: None)
