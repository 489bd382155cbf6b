"""`glcic-backend doctor`: what each check finds, what it advises, and what it keeps to itself."""

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
import torch

from glcic_backend import cli
from glcic_backend.cli import doctor
from glcic_backend.doctor import daemon_checks, engine_checks, gimp_checks
from glcic_backend.doctor.examination import CHECKS, examine
from glcic_backend.doctor.finding import FAILED, OK, WARNING, Finding, redact
from glcic_backend.errors import DaemonError, OutputError
from glcic_backend.installer.gimp_discovery import FLATPAK_NOTE, SNAP_NOTE, Gimp
from glcic_backend.installer.plugin_files import install_plugin
from glcic_backend.model_files import library as model_library
from glcic_backend.wire import connection, credentials
from glcic_backend.wire.connection import ConnectionInfo

from ..daemon.conftest import Daemon
from ..installer.tiny_project import REPOSITORY, everything_in


@pytest.fixture
def home(monkeypatch):
    """A home folder of the program, with a path short enough for a Unix socket."""
    folder = Path(tempfile.mkdtemp(prefix="glcic"))
    monkeypatch.setenv("GLCIC_HOME", str(folder))
    yield folder
    shutil.rmtree(folder)


def only(findings):
    (finding,) = findings
    return finding


# The whole


def test_the_real_examination_looks_at_all_that_matters_and_changes_nothing(home, monkeypatch):
    monkeypatch.setattr(gimp_checks, "find_gimps", lambda: [])
    before = everything_in(home)

    findings = list(examine())

    names = " ".join(finding.name for finding in findings)
    for part in ("versions", "disk", "GIMP", "model shipped, in use", "device", "socket", "daemon"):
        assert part in names
    assert [finding for finding in findings if finding.state == FAILED] == []
    assert "one could be started" in findings[-1].text
    assert everything_in(home) == before


def run(monkeypatch, capsys, findings, *arguments):
    """The command with these findings. Returns its exit code and what it printed."""
    monkeypatch.setattr(doctor, "examine", lambda: iter(findings))
    monkeypatch.setattr(sys, "argv", ["glcic-backend", "doctor", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return ended.value.code, capsys.readouterr().out


GOOD = Finding("disk", OK, "9 GB are free")
BAD = Finding("plug-in", FAILED, "it is not there", "Run install.py.")
DOUBTFUL = Finding("GIMP", WARNING, "none", "Install one.")


def test_each_finding_is_one_line_with_its_state_and_what_to_do(monkeypatch, capsys):
    _, said = run(monkeypatch, capsys, [GOOD, DOUBTFUL, BAD])

    assert said.splitlines() == [
        "ok       disk: 9 GB are free",
        "warning  GIMP: none -> Install one.",
        "failed   plug-in: it is not there -> Run install.py.",
    ]


@pytest.mark.parametrize(("findings", "code"), [([GOOD], 0), ([GOOD, DOUBTFUL], 0), ([GOOD, BAD], 1)])
def test_the_exit_code_is_1_if_something_failed(monkeypatch, capsys, findings, code):
    assert run(monkeypatch, capsys, findings)[0] == code


def test_as_json_it_is_one_object(monkeypatch, capsys):
    code, said = run(monkeypatch, capsys, [GOOD, BAD], "--json")

    assert code == 1
    assert json.loads(said) == {
        "ok": False,
        "findings": [
            {"name": "disk", "state": "ok", "text": "9 GB are free", "advice": ""},
            {"name": "plug-in", "state": "failed", "text": "it is not there", "advice": "Run install.py."},
        ],
    }


def test_a_check_that_breaks_down_is_a_finding_and_the_others_go_on():
    def broken():
        raise ImportError("libtorch.so is missing")

    def refused():
        raise OutputError("The disk is full.")

    findings = list(examine({"model": broken, "disk": refused, "other": lambda: [GOOD]}))

    assert [(finding.name, finding.state) for finding in findings] == [
        ("model", FAILED),
        ("disk", FAILED),
        ("disk", OK),
    ]
    assert "ImportError: libtorch.so is missing" in findings[0].text
    assert findings[1].text == "The disk is full."
    assert set(CHECKS) == {"versions", "disk", "GIMP", "plug-in", "model", "device", "socket", "daemon"}


# What is kept private


def test_the_secret_and_the_users_name_are_left_out():
    secret = credentials.new_secret()
    finding = Finding("plug-in in /home/ada/x", FAILED, f"secret {secret}\nin /data/ada/run", "chmod '/home/ada/y'")

    shown = redact(finding, Path("/home/ada"))

    assert shown == Finding("plug-in in ~/x", FAILED, "secret (secret) in /data/USER/run", "chmod '~/y'")


def test_a_folder_whose_name_only_begins_like_the_users_is_left_as_it_is():
    finding = Finding("x", OK, "/data/adam/ada.txt and /data/ada-old and /data/ada")

    assert redact(finding, Path("/home/ada")).text == "/data/adam/ada.txt and /data/ada-old and /data/USER"


# GIMP and the plug-in


@pytest.fixture
def profile(tmp_path, monkeypatch):
    """A profile of a GIMP that is found, with the plug-in in it."""
    profile = tmp_path / "GIMP" / "3.0"
    monkeypatch.setattr(gimp_checks, "find_gimps", lambda: [Gimp("distribution package", "3.0", tmp_path, profile)])
    install_plugin(REPOSITORY, profile, [sys.executable], None)
    return profile


def test_without_gimp_there_is_a_warning(monkeypatch):
    monkeypatch.setattr(gimp_checks, "find_gimps", lambda: [])

    assert only(gimp_checks.check_gimps()).state == WARNING
    assert gimp_checks.check_plugins() == []


def test_each_gimp_is_told_and_a_snap_or_a_flatpak_without_a_service_is_a_warning(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    gimps = [
        Gimp("distribution package", "3.0", Path("/usr/bin/gimp-3.0"), tmp_path),
        Gimp("Flatpak", "3.2", Path("/var/lib/flatpak"), tmp_path / "a", FLATPAK_NOTE),
        Gimp("Flatpak", "3.2", Path("/var/lib/flatpak"), tmp_path / "b", FLATPAK_NOTE),
        Gimp("Snap", "3", Path("/snap/gimp"), None, SNAP_NOTE),
    ]
    monkeypatch.setattr(gimp_checks, "find_gimps", lambda: gimps)

    assert [finding.state for finding in gimp_checks.check_gimps()] == [OK, WARNING, WARNING]

    (tmp_path / "systemd" / "user").mkdir(parents=True)
    (tmp_path / "systemd" / "user" / "glcic-backend.service").touch()
    assert [finding.state for finding in gimp_checks.check_gimps()] == [OK, OK, WARNING]


def test_a_plugin_as_it_was_installed_is_right(profile):
    finding = only(gimp_checks.check_plugins())

    assert finding.state == OK, finding.text
    assert "version 0.1.0" in finding.text


def remove_main(folder):
    (folder / "inpaint-selection.py").unlink()


def take_rights(folder):
    (folder / "inpaint-selection.py").chmod(0o644)


def spoil_description(folder):
    (folder / "installation.json").write_text("{}")


def age(folder):
    stated = json.loads((folder / "installation.json").read_text())
    (folder / "installation.json").write_text(json.dumps(stated | {"version": "0.0.9", "protocol": 1}))


def change_protocol(folder):
    (folder / "wire" / "client.py").write_text("# older")


def lose_program(folder):
    stated = json.loads((folder / "installation.json").read_text())
    (folder / "installation.json").write_text(json.dumps(stated | {"command": ["/nowhere/glcic-backend"]}))


@pytest.mark.skipif(os.name != "posix", reason="executable bits")
@pytest.mark.parametrize(
    ("spoil", "text", "advice"),
    [
        (remove_main, "it is not there", "install.py"),
        (take_rights, "not executable", "chmod +x"),
        (spoil_description, "cannot be read", "install.py"),
        (age, "version 0.0.9 with protocol 1", "install.py"),
        (change_protocol, "differs in client.py", "install.py"),
        (lose_program, "/nowhere/glcic-backend, which it starts, is not there", "install.py"),
    ],
)
def test_a_plugin_that_gimp_or_the_daemon_would_not_take_is_told_with_what_to_do(profile, spoil, text, advice):
    spoil(profile / "plug-ins" / "inpaint-selection")

    finding = only(gimp_checks.check_plugins())

    assert finding.state == FAILED
    assert text in finding.text and advice in finding.advice


# Model, device, disk


def test_a_damaged_model_is_a_failure_if_it_is_in_use_and_a_warning_if_not(home):
    shipped = model_library.default_model_path()
    model_library.import_model(shipped, "mine")
    model_library.use_model("mine")
    model_library.import_model(shipped, "other")
    for name in ("mine", "other"):
        path = home / "models" / f"{name}.safetensors"
        content = bytearray(path.read_bytes())
        content[-100] ^= 255
        path.write_bytes(content)

    states = {finding.name: finding.state for finding in engine_checks.check_models()}

    assert states == {"model shipped": OK, "model mine, in use": FAILED, "model other": WARNING}


def test_a_model_in_use_that_is_gone_is_a_failure(home):
    model_library.import_model(model_library.default_model_path(), "mine")
    model_library.use_model("mine")
    (home / "models" / "mine.safetensors").unlink()

    assert [(f.name, f.state) for f in engine_checks.check_models()] == [("model shipped", OK), ("model mine", FAILED)]


def test_a_device_that_computes_wrongly_is_a_failure(monkeypatch):
    real = torch.nn.functional.conv2d
    results = iter([0.0, 0.5])
    monkeypatch.setattr(torch.nn.functional, "conv2d", lambda *args: real(*args) + next(results))

    finding = only(engine_checks.check_device())

    assert (finding.state, "off by 0.5" in finding.text) == (FAILED, True)


def test_an_nvidia_gpu_that_pytorch_does_not_use_is_a_warning(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(engine_checks, "has_nvidia_driver", lambda: True)

    assert only(engine_checks.check_device()).state == WARNING


@pytest.mark.parametrize(("free", "state"), [(0.05, FAILED), (0.5, WARNING), (5.0, OK)])
def test_a_disk_that_is_nearly_full_is_told_with_what_is_left(home, monkeypatch, free, state):
    monkeypatch.setattr(engine_checks, "free_gb", lambda path: free)

    data, temporary = engine_checks.check_disk()

    assert (data.state, temporary.state) == (state, state)
    assert f"{free:.1f} GB" in data.text


# The daemon


@pytest.fixture
def daemon(home):
    daemon = Daemon(home)
    yield daemon
    daemon.stop()


def test_a_running_daemon_is_asked_how_it_is(daemon):
    finding = only(daemon_checks.check_daemon())

    assert f"process {os.getpid()} runs at ipc://" in finding.text
    assert (finding.state, "0.0" in finding.text) == (WARNING, True)  # the test's daemon calls itself version 0.0


def test_a_daemon_whose_engine_has_died_too_often_is_a_failure_with_what_to_do(daemon):
    daemon.library.is_dead = True

    finding = only(daemon_checks.check_daemon())

    assert (finding.state, "glcic-backend stop" in finding.advice) == (FAILED, True)
    assert "its engine has died too often" in finding.text


def test_a_daemon_of_another_protocol_is_a_failure_that_names_both(home):
    connection.prepare_run_folder(home)
    info = ConnectionInfo("tcp://127.0.0.1:1", credentials.new_secret(), 1, 1.0, 99, "glcic-backend 9")
    connection.write_connection(info, home)

    finding = only(daemon_checks.check_daemon())

    assert finding.state == FAILED
    assert "protocol 99" in finding.text and "glcic-backend stop" in finding.advice


def test_a_daemon_that_cannot_be_started_is_a_failure_with_its_last_words(home, monkeypatch):
    def fail(home, device):
        raise DaemonError("The daemon ended with code 3. It said: no such device")

    monkeypatch.setattr(daemon_checks, "private_daemon", fail)

    finding = only(daemon_checks.check_daemon())

    assert (finding.state, "no such device" in finding.text) == (FAILED, True)


@pytest.mark.skipif(os.name != "posix", reason="modes of Unix")
def test_a_folder_that_others_can_open_is_a_failure_with_the_command_that_closes_it(daemon):
    os.chmod(daemon.home / "run", 0o755)

    finding = only(daemon_checks.check_socket())

    assert finding.state == FAILED
    assert f"chmod 0700 '{daemon.home / 'run'}'" in finding.advice


def test_a_folder_that_is_right_or_not_yet_there_is_fine(home):
    assert only(daemon_checks.check_socket()).state == OK
    connection.prepare_run_folder(home)
    assert only(daemon_checks.check_socket()).state == OK


def test_a_folder_that_cannot_be_written_is_a_failure(home, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # the superuser can write anywhere

    assert only(daemon_checks.check_socket()).state == FAILED
