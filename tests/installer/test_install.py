"""install.py: what it plans, refuses, makes, and how it resumes."""

import ast
import fcntl
import json
import os
import platform
import signal
import sys
import time
from pathlib import Path

import pytest

import install
from glcic_backend.installer.prefix import Marker

from .tiny_project import REPOSITORY, everything_in, make_tiny_project, run_installer, start_installer


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return make_tiny_project(tmp_path / "project")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


# Which Python


@pytest.mark.parametrize("version", [(3, 6, 15), (3, 10, 13), (4, 0, 0)])
def test_a_python_that_is_too_old_or_another_language_is_refused_by_its_version(version: tuple[int, int, int]) -> None:
    assert install.python_refusal(version, 64).startswith(f"This is Python {version[0]}.{version[1]}; Python 3.11 to ")


def test_a_python_newer_than_those_tested_is_warned_of_and_not_refused() -> None:
    newer = (3, install.NEWEST + 1, 0)

    assert install.python_refusal(newer, 64) == ""
    assert install.python_warning(newer).startswith(f"Note: this is Python 3.{newer[1]}; it was tested with 3.11 to 3.")
    assert all(install.python_warning((3, minor, 0)) == "" for minor in range(install.OLDEST, install.NEWEST + 1))


@pytest.mark.parametrize("minor", [11, 12, 13, 14])
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
    for part in ("tiny-project 1.0", str(tmp_path / "new"), str(checkout), "torch @ ", "1. Make", "5. Complete"):
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


@pytest.mark.skipif(sys.platform != "linux", reason="about GIMPs of Linux")
def test_the_plan_lists_each_gimp_with_the_place_of_its_plugin_and_the_build_of_pytorch_with_its_size(
    checkout: Path, home: Path
) -> None:
    (home / ".config" / "GIMP" / "3.2").mkdir(parents=True)
    (home / ".local" / "share" / "flatpak" / "app" / "org.gimp.GIMP").mkdir(parents=True)

    said = run_installer(checkout, "--dry-run", "--torch", "cpu", home=home).stdout

    for part in (
        f"3.2, settings of a GIMP, {home / '.config' / 'GIMP' / '3.2'}\n",
        f"plug-in into {home / '.config' / 'GIMP' / '3.2' / 'plug-ins' / 'inpaint-selection'}\n",
        "3.0, Flatpak, ",
        "install with --systemd",
        "6. Put the plug-in into GIMP",
    ):
        assert part in said
    if platform.machine() == "x86_64":
        assert "CPU build: as you asked" in said and "Download  about 2.9 GB" in said


@pytest.mark.skipif(sys.platform != "linux", reason="systemd is Linux")
def test_systemd_is_a_step_of_its_own_on_request(checkout: Path, home: Path) -> None:
    assert "Have systemd run the daemon" not in run_installer(checkout, "--dry-run", home=home).stdout
    assert "Have systemd run the daemon" in run_installer(checkout, "--dry-run", "--systemd", home=home).stdout


@pytest.mark.parametrize("what", ["--update", "--uninstall"])
def test_what_was_never_installed_can_be_neither_updated_nor_removed(
    checkout: Path, home: Path, tmp_path: Path, what: str
) -> None:
    before = everything_in(tmp_path)

    result = run_installer(checkout, what, "--yes", home=home)

    assert result.returncode == 2
    assert "holds no installation of ours" in result.stderr
    assert everything_in(tmp_path) == before


# The prefix


def test_a_folder_with_foreign_content_is_refused_and_left_alone(checkout: Path, home: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "holiday.jpg").write_bytes(b"dear")

    result = run_installer(checkout, "--yes", "--prefix", photos, home=home)

    assert result.returncode == 2
    assert f"{photos} has content that this installer did not make" in result.stderr
    assert everything_in(photos) == {"holiday.jpg": b"dear"}


# Real installations, of a tiny project


def test_an_installation_lies_below_its_prefix_and_in_gimp_repairs_can_be_updated_and_removed(
    checkout: Path, home: Path, tmp_path: Path
) -> None:
    """One story in one test, since each environment takes seconds to make."""
    prefix, sources = tmp_path / "prefix", everything_in(checkout)
    plugins = home / ".config" / "GIMP" / "3.0" / "plug-ins"
    plugins.mkdir(parents=True)
    home_before = everything_in(home)
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
        "manifest.json",
        "selftest",
        "venv",
    }
    plugin = plugins / "inpaint-selection"
    assert str(plugin) in first.stdout
    installed = json.loads((plugin / "installation.json").read_text())
    assert installed["command"] == [str(prefix / "venv" / "bin" / "glcic-backend")]
    assert os.access(plugin / "inpaint-selection.py", os.X_OK)
    added = set(everything_in(home)) - set(home_before)
    assert {name for name in added if "/plug-ins/inpaint-selection" not in name} == set()
    # Python compiles the tiny project's own build backend, at the top; everything else is install.py's doing.
    assert {
        name: file for name, file in everything_in(checkout).items() if not name.startswith("__pycache__")
    } == sources

    again = run_installer(checkout, "--prefix", prefix, "--yes", home=home)

    assert again.returncode == 0
    assert again.stdout.count("finished earlier") == 4
    assert again.stdout.count("the hole is filled") == 1

    program = checkout / "src" / "program.py"
    program.write_text(program.read_text().replace("the hole is filled", "the new version fills the hole"))
    (checkout / "README.md").write_text("changed")
    update = run_installer(checkout, "--prefix", prefix, "--update", "--yes", home=home)

    assert update.stdout.count("finished earlier") == 3
    assert "the new version fills the hole" in update.stdout

    unasked = run_installer(checkout, "--prefix", prefix, "--uninstall", home=home)

    assert unasked.returncode == 2
    assert "no terminal to ask on. --yes removes" in unasked.stderr
    assert plugin.exists()

    preview = run_installer(checkout, "--prefix", prefix, "--uninstall", "--dry-run", home=home)

    assert f"{plugin} (" in preview.stdout
    assert "Nothing was changed." in preview.stdout
    assert plugin.exists()

    removed = run_installer(checkout, "--prefix", prefix, "--uninstall", "--yes", home=home)

    assert removed.returncode == 0, removed.stdout + removed.stderr
    assert not prefix.exists()
    assert everything_in(home) == home_before


@pytest.mark.timeout(100)  # the build, left alone, would hold its lock for two minutes
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
    assert resumed.stdout.count("finished earlier") == 2
    assert "[1/5] Make a private Python environment\n      finished earlier" in resumed.stdout


def test_with_test_the_checkout_is_installed_in_place_and_pytest_decides_the_exit_code(
    checkout: Path, home: Path
) -> None:
    result = run_installer(checkout, "--test", "--yes", "--", "-k", "network", home=home)

    assert result.returncode == 7, result.stdout + result.stderr
    assert f"tests run with ['-k', 'network'] on {checkout / 'src' / 'program.py'}" in result.stdout
    assert everything_in(home) == {}
