"""The wheel and the sdist: built, installed without install.py, and the plug-in put into GIMP from them."""

import json
import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from .tiny_project import REPOSITORY, everything_in

pytest.importorskip("hatchling", reason="hatchling builds the wheel; it is in the lock for tests")


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The sdist, and a wheel built from what is in it."""
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    subprocess.run([*build, "-t", "sdist"], cwd=REPOSITORY, check=True, capture_output=True)
    (sdist,) = folder.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        # The first releases of Python 3.11 have no filter, and those from 3.12 on warn without one.
        archive.extractall(folder, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    (unpacked,) = (path for path in folder.iterdir() if path.is_dir())
    subprocess.run([*build, "-t", "wheel"], cwd=unpacked, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return sdist, wheel


@pytest.fixture(scope="module")
def python(packages: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with the wheel installed by pip, and what it needs from the environment of the tests."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    program = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    (place,) = folder.glob("[Ll]ib/**/site-packages")
    into = ["--target", str(place), "--no-deps", "--no-index", "--quiet", "--disable-pip-version-check"]
    subprocess.run([sys.executable, "-m", "pip", "install", *into, str(packages[1])], check=True)
    needed = next(path for path in map(Path, sys.path) if path.name == "site-packages")
    # Behind the wheel's own folder; files with paths to a checkout are not followed there.
    (place / "needed.pth").write_text(f"{needed}\n")
    return program


def test_the_wheel_carries_program_models_and_plugin_and_no_tests(packages: tuple[Path, Path]) -> None:
    names = set(zipfile.ZipFile(packages[1]).namelist())

    plugin = REPOSITORY / "gimp_plugin"
    files = {path.relative_to(plugin) for path in plugin.rglob("*.*") if path.suffix in (".py", ".mo")}
    carried = {f"glcic_backend/carried/gimp_plugin/{path.as_posix()}" for path in files if path.parts[0] != "README.md"}
    assert len(carried) > 10 and carried <= names
    assert any(name.startswith("glcic_backend/models/") and name.endswith(".safetensors") for name in names)
    assert not [name for name in names if "tests/" in name or "__pycache__" in name]


def test_the_sdist_has_all_that_install_py_needs(packages: tuple[Path, Path]) -> None:
    with tarfile.open(packages[0]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}

    assert {"install.py", "requirements.lock", "pyproject.toml", "README.md", "LICENSE"} <= names
    assert "gimp_plugin/inpaint-selection/inpaint-selection.py" in names


def test_gimp_install_puts_the_plugin_into_gimp_and_uninstall_takes_it_out(python: Path, tmp_path: Path) -> None:
    profile = tmp_path / ".config" / "GIMP" / "3.0"
    profile.mkdir(parents=True)
    before = everything_in(tmp_path)

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        own = {"HOME": str(tmp_path), "PATH": "", "PYTHONDONTWRITEBYTECODE": "1"}
        command = [str(python), "-m", "glcic_backend", "gimp", *arguments]
        return subprocess.run(command, env=own, cwd=tmp_path, capture_output=True, text=True)

    installed = call("install")
    folder = profile / "plug-ins" / "inpaint-selection"
    assert installed.returncode == 0, installed.stderr
    assert installed.stdout.startswith(f"{folder}\n")
    described = json.loads((folder / "installation.json").read_text())
    assert described["command"] == [str(python), "-m", "glcic_backend"]
    assert (folder / "inpaint-selection.py").is_file() and (folder / "wire" / "client.py").is_file()
    said = subprocess.run([*described["command"], "--version"], cwd=tmp_path, capture_output=True, text=True)
    assert said.returncode == 0, said.stderr

    removed = call("uninstall")
    assert removed.returncode == 0 and removed.stdout.startswith("Removed "), removed.stderr
    left = set(everything_in(tmp_path)) - set(before)
    assert {name for name in left if "inpaint" in name or "manifest" in name} == set()

    again = call("uninstall")
    assert again.returncode == 2 and "lists nothing" in again.stderr


def test_where_there_is_no_gimp_that_is_told(python: Path, tmp_path: Path) -> None:
    own = {"HOME": str(tmp_path), "PATH": ""}
    command = [str(python), "-m", "glcic_backend", "gimp", "install"]
    ended = subprocess.run(command, env=own, cwd=tmp_path, capture_output=True, text=True)

    if "No GIMP 3 was found" not in ended.stderr:
        pytest.skip("this machine has a GIMP 3 in the system")
    assert ended.returncode == 2
    assert everything_in(tmp_path) == {}
