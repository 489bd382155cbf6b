"""The connection file: where it lies, and when it is not believed."""

import json
import os
import stat
import sys
from pathlib import Path

import pytest

from glcic_backend.wire import connection
from glcic_backend.wire.connection import ConnectionInfo
from glcic_backend.wire.errors import DaemonNotRunningError, UnsafeFolderError

INFO = ConnectionInfo("tcp://127.0.0.1:5555", "5a" * 32, 123, 1.5, 1, "glcic-backend 0.1.0")

needs_modes = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no owners and modes of this kind")


@pytest.fixture
def home(tmp_path):
    """A home folder with a connection file."""
    connection.prepare_run_folder(tmp_path / "home")
    connection.write_connection(INFO, tmp_path / "home")
    return tmp_path / "home"


def mode_of(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def test_what_was_written_is_read(home):
    assert connection.read_connection(home) == INFO


@needs_modes
def test_only_the_user_can_enter_the_folder_and_read_the_file(home):
    assert mode_of(connection.run_folder(home)) == 0o700
    assert mode_of(connection.connection_file(home)) == 0o600


def test_writing_again_replaces_the_file_and_leaves_nothing_beside_it(home):
    connection.write_connection(ConnectionInfo(**{**vars(INFO), "pid": 7}), home)

    assert connection.read_connection(home).pid == 7
    assert os.listdir(connection.run_folder(home)) == ["daemon.json"]


def test_without_a_file_no_daemon_is_running(tmp_path):
    with pytest.raises(DaemonNotRunningError, match="glcic-backend serve"):
        connection.read_connection(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "{}", json.dumps({**vars(INFO), "secret": "short"}), json.dumps({**vars(INFO), "pid": None})],
)
def test_a_damaged_file_is_named(home, content):
    connection.connection_file(home).write_text(content)

    with pytest.raises(DaemonNotRunningError, match=r"daemon\.json is damaged"):
        connection.read_connection(home)


@needs_modes
@pytest.mark.parametrize("part, mode", [("run/daemon.json", 0o644), ("run", 0o750), ("run", 0o701), (".", 0o777)])
def test_a_file_or_folder_open_to_others_is_refused_with_the_command_that_closes_it(home, part, mode):
    os.chmod(home / part, mode)

    with pytest.raises(UnsafeFolderError, match=r"mode 0\d+.*chmod"):
        connection.read_connection(home)


@needs_modes
def test_a_daemon_does_not_put_its_file_into_an_open_folder(home):
    os.chmod(home / "run", 0o755)

    with pytest.raises(UnsafeFolderError):
        connection.prepare_run_folder(home)


@needs_modes
def test_a_folder_of_another_user_is_refused(home, monkeypatch):
    monkeypatch.setattr(os, "getuid", lambda: os.stat(home).st_uid + 1)

    with pytest.raises(UnsafeFolderError, match="belongs to user"):
        connection.read_connection(home)


@needs_modes
def test_a_link_in_place_of_the_file_is_refused(home, tmp_path):
    real = connection.connection_file(home).rename(tmp_path / "elsewhere.json")
    connection.connection_file(home).symlink_to(real)

    with pytest.raises(UnsafeFolderError, match="cannot be opened"):
        connection.read_connection(home)


def test_the_secret_is_not_shown_with_the_rest():
    assert INFO.secret not in repr(INFO)


@pytest.mark.parametrize(
    "platform, expected",
    [
        ("linux", ".local/share/glcic"),
        ("darwin", "Library/Application Support/glcic"),
        ("win32", "AppData/Local/glcic"),
    ],
)
def test_the_home_folder_is_where_each_system_keeps_such_things(platform, expected, monkeypatch):
    monkeypatch.setattr(sys, "platform", platform)
    for name in ("GLCIC_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", "/flatpak/changes/this")

    assert connection.home_folder() == Path.home() / expected


def test_glcic_home_overrides_the_home_folder(monkeypatch):
    monkeypatch.setenv("GLCIC_HOME", "/some/place")

    assert connection.connection_file() == Path("/some/place/run/daemon.json")
