"""A project that looks to install.py like this one but installs in seconds and without a network.

Its "PyTorch", its "pytest" and its `glcic-backend` are single modules, built into wheels by a few lines of its own.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]

_BUILD_BACKEND = """
import os, pathlib, time, tomllib, zipfile

def _write(folder, files):
    project = tomllib.loads(pathlib.Path("pyproject.toml").read_text())["project"]
    name, version = project["name"].replace("-", "_"), project["version"]
    wheel = f"{name}-{version}-py3-none-any.whl"
    needs = [f"Requires-Dist: {need}" for need in project.get("dependencies", [])]
    extra = project.get("optional-dependencies", {}).get("test", [])
    needs += ["Provides-Extra: test", *(f'Requires-Dist: {need} ; extra == "test"' for need in extra)]
    scripts = [f"{script} = {target}" for script, target in project.get("scripts", {}).items()]
    metadata = {
        "METADATA": "\\n".join(["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *needs, ""]),
        "WHEEL": "Wheel-Version: 1.0\\nGenerator: tiny\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
        "entry_points.txt": "\\n".join(["[console_scripts]", *scripts, ""]),
    }
    files = files | {f"{name}-{version}.dist-info/{key}": text for key, text in metadata.items()}
    files[f"{name}-{version}.dist-info/RECORD"] = "".join(f"{path},,\\n" for path in files)
    with zipfile.ZipFile(pathlib.Path(folder) / wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return wheel

def build_wheel(folder, config_settings=None, metadata_directory=None):
    if project_name() == os.environ.get("TINY_SLOW"):
        import fcntl
        started = open(os.environ["TINY_STARTED"], "w")
        fcntl.flock(started, fcntl.LOCK_EX)
        print("started", file=started, flush=True)
        time.sleep(120)
    return _write(folder, {path.name: path.read_text() for path in pathlib.Path("src").glob("*.py")})

def build_editable(folder, config_settings=None, metadata_directory=None):
    return _write(folder, {"tiny.pth": str(pathlib.Path("src").resolve())})

def project_name():
    return tomllib.loads(pathlib.Path("pyproject.toml").read_text())["project"]["name"]
"""

_PROGRAM = """
import pathlib, sys

def main():
    if sys.argv[1] == "selftest":
        folder = pathlib.Path(sys.argv[3])
        folder.mkdir(exist_ok=True)
        (folder / "before-after.png").touch()
        print("the hole is filled")
"""

_FAKE_PYTEST = """
import sys
print("tests run with", sys.argv[1:], "on", __import__("program").__file__, flush=True)
sys.exit(7)
"""


def make_tiny_project(folder: Path) -> Path:
    """Make the project; returns its checkout, with the real install.py in it."""
    checkout = folder / "checkout"
    torch = _make_package(folder / "torch", "torch", "")
    pytest = _make_package(folder / "pytest", "pytest", _FAKE_PYTEST)
    more = f'dependencies = ["torch @ {torch.as_uri()}"]\n'
    more += f'[project.optional-dependencies]\ntest = ["pytest @ {pytest.as_uri()}"]\n'
    more += '[project.scripts]\nglcic-backend = "program:main"\n'
    _make_package(checkout, "tiny-project", _PROGRAM, module="program", more=more)
    shutil.copy(REPOSITORY / "install.py", checkout)
    for part in ("__init__.py", "errors.py", "atomic_file.py", "installer", "wire"):
        source, target = REPOSITORY / "glcic_backend" / part, checkout / "glcic_backend" / part
        target.parent.mkdir(exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    shutil.copytree(REPOSITORY / "gimp_plugin", checkout / "gimp_plugin", ignore=shutil.ignore_patterns("__pycache__"))
    for part in ("manual/gimp.md", "images"):
        (checkout / "docs" / part).parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if part == "images" else shutil.copy)(REPOSITORY / "docs" / part, checkout / "docs" / part)
    (checkout / "README.md").touch()
    for lock in ("requirements.lock", "requirements-test.lock"):
        (checkout / lock).write_text("# nothing\n")
    return checkout


def run_installer(
    checkout: Path, *arguments: str | Path, home: Path, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run install.py as a user with an empty home does."""
    command, environment = _command(checkout, arguments, home, variables)
    return subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)


def start_installer(checkout: Path, *arguments: str | Path, home: Path, **variables: str) -> subprocess.Popen[bytes]:
    """Start install.py in the background."""
    command, environment = _command(checkout, arguments, home, variables)
    return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def everything_in(folder: Path) -> dict[str, bytes]:
    """All files and folders below a folder, with the files' contents."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b""
        for path in sorted(folder.rglob("*"))
    }


def _make_package(folder: Path, name: str, code: str, *, module: str = "", more: str = "") -> Path:
    (folder / "src").mkdir(parents=True)
    (folder / "src" / f"{module or name}.py").write_text(code)
    (folder / "build_wheel.py").write_text(_BUILD_BACKEND)
    build = '[build-system]\nrequires = []\nbuild-backend = "build_wheel"\nbackend-path = ["."]\n'
    (folder / "pyproject.toml").write_text(f'{build}[project]\nname = "{name}"\nversion = "1.0"\n{more}')
    return folder


def _command(
    checkout: Path, arguments: tuple[str | Path, ...], home: Path, variables: dict[str, str]
) -> tuple[list[str], dict[str, str]]:
    command = [sys.executable, str(checkout / "install.py"), *map(str, arguments)]
    # PIP_NO_INDEX: a test that reached for the network would fail rather than be slow.
    own = {"PATH": str(Path(sys.executable).parent), "HOME": str(home), "TMPDIR": str(home), "PIP_NO_INDEX": "1"}
    if "SYSTEMROOT" in os.environ:
        own["SYSTEMROOT"] = os.environ["SYSTEMROOT"]
    return command, own | variables
