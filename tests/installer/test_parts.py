"""The parts of the installer: which folder it accepts, how steps resume, what it shows."""

import fcntl
import io
import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from glcic_backend.installer import installation
from glcic_backend.installer.child import StepError, private_variables, run
from glcic_backend.installer.console import Console, Event, pip_event
from glcic_backend.installer.installation import Installation, Step, remove_half_installed
from glcic_backend.installer.prefix import InstallError, Marker, check_prefix, lock_path
from glcic_backend.installer.systemd_unit import start_unit
from glcic_backend.installer.torch_build import TorchBuild

from .tiny_project import make_tiny_project

STOPS = [StepError("full"), KeyboardInterrupt(), SystemExit()]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return make_tiny_project(tmp_path / "project")


# The prefix


@pytest.mark.parametrize("content", ["", "[]", '{"made_by": "somebody else"}', '{"made_by":'])
def test_a_marker_that_is_not_ours_does_not_make_a_folder_ours(tmp_path: Path, content: str) -> None:
    (tmp_path / "install.json").write_text(content)

    with pytest.raises(InstallError, match="did not make"):
        check_prefix(tmp_path)


def test_a_file_is_refused_as_prefix(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(InstallError, match="is a file"):
        check_prefix(tmp_path / "file")


def test_a_prefix_that_cannot_be_written_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # the superuser, as in many a CI, can write anywhere

    with pytest.raises(InstallError, match="cannot be written"):
        check_prefix(tmp_path / "new")


def test_a_full_disk_is_refused_with_the_space_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=1_100_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)

    with pytest.raises(InstallError, match=r"1\.1 GB free; 2\.0 GB are needed"):
        check_prefix(tmp_path / "new")


def test_a_new_an_empty_and_our_own_folder_are_accepted(tmp_path: Path) -> None:
    ours = tmp_path / "ours"
    ours.mkdir()
    Marker(ours).begin()
    (ours / "venv").mkdir()
    (tmp_path / "empty").mkdir()

    for prefix in (tmp_path / "new" / "deep", tmp_path / "empty", ours):
        check_prefix(prefix)


def test_a_data_folder_that_a_daemon_has_used_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()

    check_prefix(tmp_path)


# Steps


class Rehearsal(Installation):
    """An installation whose steps only note that they ran."""

    def __init__(self, checkout: Path, prefix: Path) -> None:
        super().__init__(checkout, prefix, for_tests=False, build=TorchBuild("CPU", "test"))
        self.ran: list[str] = []
        self.inputs = {"one": "1", "two": "1", "three": "1"}
        self.broken: set[str] = set()
        self.fails: dict[str, BaseException] = {}

    def steps(self) -> list[Step]:
        return [
            Step(name, name, inputs, lambda name=name: name not in self.broken, self._act(name))  # type: ignore[misc]
            for name, inputs in self.inputs.items()
        ]

    def _act(self, name: str) -> Callable[[], None]:
        def action() -> None:
            self.ran.append(name)
            if name in self.fails:
                raise self.fails[name]

        return action


@pytest.fixture
def rehearsal(checkout: Path, tmp_path: Path) -> Rehearsal:
    return Rehearsal(checkout, tmp_path / "prefix")


def marker_state(installation: Installation) -> tuple[str, list[str]]:
    content = json.loads((installation.prefix / "install.json").read_text())
    return content["state"], list(content["finished"])


@pytest.mark.parametrize("stop", STOPS, ids=lambda stop: type(stop).__name__)
def test_a_run_that_stops_is_marked_incomplete_and_a_rerun_resumes_with_the_step_that_stopped(
    rehearsal: Rehearsal, stop: BaseException
) -> None:
    rehearsal.fails = {"two": stop}
    with pytest.raises(type(stop)):
        rehearsal.run()
    assert marker_state(rehearsal) == ("incomplete", ["one"])
    rehearsal.fails, rehearsal.ran = {}, []

    rehearsal.run()

    assert rehearsal.ran == ["two", "three"]
    assert marker_state(rehearsal) == ("complete", ["one", "two", "three"])


def test_a_finished_installation_runs_nothing_again(rehearsal: Rehearsal) -> None:
    rehearsal.run()
    rehearsal.ran = []

    rehearsal.run()

    assert rehearsal.ran == []
    assert marker_state(rehearsal)[0] == "complete"


def test_a_step_whose_inputs_changed_runs_again_with_all_after_it(rehearsal: Rehearsal) -> None:
    rehearsal.run()
    rehearsal.inputs["two"], rehearsal.ran = "2", []

    rehearsal.run()

    assert rehearsal.ran == ["two", "three"]


def test_a_step_whose_result_is_damaged_runs_again_with_all_after_it(rehearsal: Rehearsal) -> None:
    rehearsal.run()
    rehearsal.broken, rehearsal.ran = {"one"}, []

    rehearsal.run()

    assert rehearsal.ran == ["one", "two", "three"]


def test_an_installation_waits_for_another_one_in_the_same_folder(
    capsys: pytest.CaptureFixture[str], checkout: Path, tmp_path: Path
) -> None:
    rehearsal = Rehearsal(checkout, tmp_path / "prefix")
    rehearsal.prefix.mkdir()
    with open(lock_path(rehearsal.prefix), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waiting = threading.Thread(target=rehearsal.run)
        waiting.start()
        waiting.join(timeout=0.5)
        assert waiting.is_alive()
        assert rehearsal.ran == []

    waiting.join()

    assert rehearsal.ran == ["one", "two", "three"]
    assert "waiting for its end" in capsys.readouterr().out


def test_the_prefix_is_closed_to_the_group_whatever_the_umask(rehearsal: Rehearsal) -> None:
    before = os.umask(0o002)
    try:
        rehearsal.run()
    finally:
        os.umask(before)

    assert rehearsal.prefix.stat().st_mode & 0o022 == 0


def test_the_projects_fingerprint_follows_its_sources_but_not_its_compiled_files(
    checkout: Path, tmp_path: Path
) -> None:
    def project_inputs() -> str:
        steps = Installation(checkout, tmp_path / "prefix", for_tests=False, build=TorchBuild("CPU", "test")).steps()
        return next(step.inputs for step in steps if step.name == "project")

    first = project_inputs()
    compiled = checkout / "glcic_backend" / "__pycache__"
    compiled.mkdir()
    (compiled / "errors.cpython-311.pyc").touch()
    assert project_inputs() == first

    (checkout / "glcic_backend" / "errors.py").write_text("changed = True")

    assert project_inputs() != first


def test_packages_whose_installation_was_interrupted_are_forgotten(tmp_path: Path) -> None:
    packages = tmp_path / "lib" / "python3.11" / "site-packages"
    for name in ("whole", "half"):
        (packages / f"{name}-1.0.dist-info").mkdir(parents=True)
        (packages / f"{name}-1.0.dist-info" / "METADATA").touch()
    (packages / "whole-1.0.dist-info" / "INSTALLER").touch()

    remove_half_installed(tmp_path)

    assert [path.name for path in packages.iterdir()] == ["whole-1.0.dist-info"]


# What is shown


@pytest.mark.parametrize(
    ("line", "event"),
    [
        ("Collecting numpy>=2.0", Event("looking up numpy>=2.0", False)),
        ("  Downloading torch-2.13.0.whl (526.6 MB)", Event("downloading torch-2.13.0.whl (526.6 MB)", True)),
        ("  Downloading click-8.5.whl (126 kB)", Event("downloading click-8.5.whl (126 kB)", False)),
        ("Processing /somewhere/torch-2.13.0.whl", Event("reading torch-2.13.0.whl", True)),
        ("Installing collected packages: numpy, click", Event("unpacking 2 packages", True)),
        ("  Preparing metadata (pyproject.toml): started", None),
        ("", None),
    ],
)  # fmt: skip
def test_pips_output_is_condensed(line: str, event: Event | None) -> None:
    assert pip_event(line) == event


def test_a_failing_program_is_reported_with_its_last_lines_its_code_and_what_helps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = "print('unpacking'); print('OSError: [Errno 28] No space left on device'); raise SystemExit(5)"

    with pytest.raises(StepError) as failure:
        run([sys.executable, "-c", code], tmp_path, Console(sys.stdout), lambda line: None, ())

    said = "    unpacking\n    OSError: [Errno 28] No space left on device\n"
    assert f"ended with code 5.\nIts last lines were:\n{said}The disk is full" in str(failure.value)
    assert "unpacking" not in capsys.readouterr().out


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("stream", "spins"), [(Terminal(), True), (io.StringIO(), False)], ids=["terminal", "file"])
def test_a_step_shows_what_is_notable_and_spins_on_a_terminal_only(stream: io.StringIO, spins: bool) -> None:
    log = io.StringIO()
    console = Console(stream, log)

    with console.step("[1/1] Step"):
        console.tell(Event("small matter", False))
        time.sleep(0.3)
        console.tell(Event("large matter", True))

    # On a terminal, a line shows what was written after the last return to its beginning.
    lines = [line.rpartition("\r\033[K")[2] for line in stream.getvalue().split("\n")]
    assert lines == ["[1/1] Step", "      large matter", "      done after 0 s", ""]
    assert ("small matter" in stream.getvalue()) == spins
    assert log.getvalue() == "[1/1] Step\n      done after 0 s\n"


def test_programs_are_kept_from_writing_outside_the_prefix_and_from_foreign_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PYTHONPATH", "PIP_TARGET", "PIP_USER", "TMPDIR", "GLCIC_HOME"):
        monkeypatch.setenv(name, "/elsewhere")

    variables = private_variables(tmp_path)

    assert "/elsewhere" not in variables.values()
    for name in ("TMPDIR", "TEMP", "TMP", "GLCIC_HOME", "PIP_CACHE_DIR", "XDG_CACHE_HOME"):
        assert Path(variables[name]).parent == tmp_path


# The build of PyTorch, and systemd


@pytest.mark.parametrize(
    ("build", "is_right", "removed_first"),
    [
        (TorchBuild("CUDA", ""), False, True),
        (TorchBuild("CUDA", ""), True, False),
        (TorchBuild("CPU", "", pip_arguments=("--extra-index-url", "https://example.invalid")), False, True),
        # Which build pip's own settings lead to is not known beforehand.
        (TorchBuild("CPU", ""), False, False),
    ],
)
def test_a_pytorch_of_the_other_build_is_removed_before_pip_takes_it_for_the_right_one(
    checkout: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    build: TorchBuild,
    is_right: bool,
    removed_first: bool,
) -> None:
    installed = Installation(checkout, tmp_path / "prefix", for_tests=False, build=build)
    calls: list[list[str]] = []
    monkeypatch.setattr(installation, "works", lambda command, prefix: is_right or command[-1] == "import torch")
    monkeypatch.setattr(installation, "run", lambda command, *_: calls.append(command[3:]))

    next(step for step in installed.steps() if step.name == "PyTorch").action()

    assert calls[:-1] == ([["uninstall", "--yes", "torch"]] if removed_first else [])
    assert calls[-1] == ["install", "--progress-bar", "off", *build.pip_arguments, installed.torch]


def test_systemd_is_told_to_start_the_daemon_now_and_at_every_login(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "systemctl"
    program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path / "calls"}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert start_unit() == ""
    assert (tmp_path / "calls").read_text().splitlines() == [
        "--user daemon-reload",
        "--user enable glcic-backend.service",
        "--user restart glcic-backend.service",
    ]


def test_where_systemd_cannot_be_told_the_commands_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    said = start_unit()

    assert "`systemctl --user daemon-reload` failed" in said
    assert "systemctl --user enable glcic-backend.service && systemctl --user restart glcic-backend.service" in said
