"""install.py: what it plans, refuses, makes, and how it resumes."""

import ast
import fcntl
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import install
from glcic_backend.installer.child import StepError, private_variables, run
from glcic_backend.installer.console import Console, Event, pip_event
from glcic_backend.installer.installation import Installation, Step, remove_half_installed
from glcic_backend.installer.prefix import InstallError, Marker, check_prefix, lock_path
from tests.tiny_project import REPOSITORY, everything_in, make_tiny_project, run_installer, start_installer


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return make_tiny_project(tmp_path / "project")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


# Which Python


@pytest.mark.parametrize("version", [(3, 6, 15), (3, 10, 13), (3, 14, 0), (4, 0, 0)])
def test_a_python_that_is_too_old_or_too_new_is_refused_by_its_version(version: tuple[int, int, int]) -> None:
    assert install.python_refusal(version, 64).startswith(f"This is Python {version[0]}.{version[1]}; Python 3.11,")


@pytest.mark.parametrize("minor", [11, 12, 13])
def test_a_supported_python_is_refused_only_if_it_has_32_bits(minor: int) -> None:
    assert install.python_refusal((3, minor, 0), 64) == ""
    assert "32-bit" in install.python_refusal((3, minor, 0), 32)


def test_the_refusal_names_a_supported_python_that_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "python3.12").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert install.python_refusal((3, 9, 0), 64).endswith("Run: python3.12 install.py")


def test_python_3_6_can_read_install_py_as_far_as_its_refusal() -> None:
    source = (REPOSITORY / "install.py").read_text()

    tree = ast.parse(source, feature_version=(3, 6))

    # What 3.6 could read but not run: hints that it evaluates, and modules that it lacks.
    imported = {alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names}
    assert imported == {"os", "shutil", "sys"}
    assert "|" not in source.partition("if __name__")[0]


# The plan


def test_dry_run_shows_the_plan_and_changes_nothing(checkout: Path, home: Path, tmp_path: Path) -> None:
    before = everything_in(tmp_path)

    result = run_installer(checkout, "--dry-run", "--prefix", tmp_path / "new", home=home)

    assert result.returncode == 0
    for part in ("tiny-project 1.0", str(tmp_path / "new"), str(checkout), "torch @ ", "1. Make", "4. Complete"):
        assert part in result.stdout
    assert everything_in(tmp_path) == before


@pytest.mark.parametrize(
    ("variables", "expected"),
    [({}, "home/.local/share/glcic"), ({"GLCIC_HOME": "{root}/mine"}, "mine")],
    ids=["data folder", "GLCIC_HOME"],
)
@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other data folders")
def test_the_default_prefix_is_the_users_data_folder(
    checkout: Path, home: Path, tmp_path: Path, variables: dict[str, str], expected: str
) -> None:
    variables = {name: value.format(root=tmp_path) for name, value in variables.items()}

    result = run_installer(checkout, "--dry-run", home=home, **variables)

    assert f"Into      {tmp_path / expected} " in result.stdout


def test_tests_are_installed_where_git_ignores_them(checkout: Path, home: Path) -> None:
    result = run_installer(checkout, "--test", "--dry-run", home=home)

    assert f"Into      {checkout / '.venv' / 'test'} " in result.stdout
    assert ".venv/" in (REPOSITORY / ".gitignore").read_text().splitlines()


def test_arguments_for_pytest_need_test(checkout: Path, home: Path) -> None:
    result = run_installer(checkout, "--dry-run", "--", "-k", "network", home=home)

    assert result.returncode == 2
    assert "-k network" in result.stderr


# The prefix


def test_a_folder_with_foreign_content_is_refused_and_left_alone(checkout: Path, home: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "holiday.jpg").write_bytes(b"dear")

    result = run_installer(checkout, "--yes", "--prefix", photos, home=home)

    assert result.returncode == 2
    assert f"{photos} has content that this installer did not make" in result.stderr
    assert everything_in(photos) == {"holiday.jpg": b"dear"}


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
        super().__init__(checkout, prefix, for_tests=False)
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


STOPS = [StepError("full"), KeyboardInterrupt(), SystemExit()]


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


def test_two_installations_into_one_folder_do_not_run_together(rehearsal: Rehearsal) -> None:
    rehearsal.prefix.mkdir()
    with open(lock_path(rehearsal.prefix), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(InstallError, match="still running"):
            rehearsal.run()
    assert rehearsal.ran == []

    rehearsal.run()

    assert rehearsal.ran == ["one", "two", "three"]


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
        steps = Installation(checkout, tmp_path / "prefix", for_tests=False).steps()
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

    assert "ended with code 5" in str(failure.value)
    assert "    unpacking\n    OSError" in str(failure.value)
    assert str(failure.value).endswith("free some space.")
    assert "unpacking" not in capsys.readouterr().out


def test_programs_are_kept_from_writing_outside_the_prefix_and_from_foreign_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PYTHONPATH", "PIP_TARGET", "PIP_USER", "TMPDIR", "GLCIC_HOME"):
        monkeypatch.setenv(name, "/elsewhere")

    variables = private_variables(tmp_path)

    assert "/elsewhere" not in variables.values()
    for name in ("TMPDIR", "TEMP", "TMP", "GLCIC_HOME", "PIP_CACHE_DIR", "XDG_CACHE_HOME"):
        assert Path(variables[name]).parent == tmp_path


# Real installations, of a tiny project


def test_an_installation_lies_below_its_prefix_repairs_and_can_be_updated(
    checkout: Path, home: Path, tmp_path: Path
) -> None:
    """One story in one test, since each environment takes seconds to make."""
    prefix, sources = tmp_path / "prefix", everything_in(checkout)
    # An earlier run was stopped while it made the environment.
    prefix.mkdir()
    Marker(prefix).begin()
    (prefix / "venv" / "bin").mkdir(parents=True)
    (prefix / "venv" / "bin" / "python").touch()

    first = run_installer(checkout, "--prefix", prefix, home=home)

    assert first.returncode == 0, first.stdout + first.stderr
    assert "no terminal to ask on: going ahead" in first.stdout
    assert str(prefix / "selftest" / "before-after.png") in first.stdout
    assert (prefix / "selftest" / "before-after.png").is_file()
    assert f"{prefix / 'venv' / 'bin' / 'glcic-backend'} complete IMAGE MASK OUTPUT" in first.stdout
    assert "the hole is filled" in first.stdout
    assert json.loads((prefix / "install.json").read_text())["state"] == "complete"
    assert {path.name for path in prefix.iterdir()} == {
        "install.json",
        "install.lock",
        "install.log",
        "selftest",
        "venv",
    }
    assert everything_in(home) == {}
    # Python compiles the tiny project's own build backend, at the top; everything else is install.py's doing.
    assert {
        name: file for name, file in everything_in(checkout).items() if not name.startswith("__pycache__")
    } == sources

    again = run_installer(checkout, "--prefix", prefix, "--yes", home=home)

    assert again.returncode == 0
    assert again.stdout.count("finished earlier") == 3
    assert again.stdout.count("the hole is filled") == 1

    program = checkout / "src" / "program.py"
    program.write_text(program.read_text().replace("the hole is filled", "the new version fills the hole"))
    (checkout / "README.md").write_text("changed")
    update = run_installer(checkout, "--prefix", prefix, "--yes", home=home)

    assert update.stdout.count("finished earlier") == 2
    assert "the new version fills the hole" in update.stdout


@pytest.mark.timeout(50)  # the build, left alone, would hold its lock for a minute
def test_an_installation_stopped_in_its_middle_ends_its_children_and_resumes(
    checkout: Path, home: Path, tmp_path: Path
) -> None:
    prefix, started = tmp_path / "prefix", tmp_path / "started"
    slow = {"TINY_SLOW": "torch", "TINY_STARTED": str(started)}
    process = start_installer(checkout, "--yes", "--prefix", prefix, home=home, **slow)
    while process.poll() is None and not (started.exists() and started.read_text()):
        time.sleep(0.05)

    process.send_signal(signal.SIGTERM)

    assert process.wait(timeout=30) == 130
    assert json.loads((prefix / "install.json").read_text())["state"] == "incomplete"
    with open(started) as held_by_the_build:  # which pip had started
        fcntl.flock(held_by_the_build, fcntl.LOCK_EX)

    resumed = run_installer(checkout, "--yes", "--prefix", prefix, home=home)

    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert resumed.stdout.count("finished earlier") == 1
    assert "[1/4] Make a private Python environment\n      finished earlier" in resumed.stdout


def test_with_test_the_checkout_is_installed_in_place_and_pytest_decides_the_exit_code(
    checkout: Path, home: Path
) -> None:
    result = run_installer(checkout, "--test", "--yes", "--", "-k", "network", home=home)

    assert result.returncode == 7, result.stdout + result.stderr
    assert f"tests run with ['-k', 'network'] on {checkout / 'src' / 'program.py'}" in result.stdout
    assert everything_in(home) == {}
