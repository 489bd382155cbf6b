"""The steps of an installation, and how they are run so that an interrupted one resumes."""

import contextlib
import hashlib
import os
import shutil
import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from glcic_backend.installer.child import run, works
from glcic_backend.installer.console import Console, Event, every_line, pip_event
from glcic_backend.installer.gimp_steps import install_plugins, install_unit
from glcic_backend.installer.manifest import Manifest, everything_below
from glcic_backend.installer.prefix import InstallError, Marker, hold_lock, lock_path
from glcic_backend.installer.removal import OWN_FOLDERS, not_installed
from glcic_backend.installer.systemd_unit import start_unit
from glcic_backend.installer.torch_build import TorchBuild
from glcic_backend.installer.uninstall import end_daemon, own_entries

LOCKS = {"use": "requirements.lock", "tests": "requirements-test.lock"}
"""Files of the checkout with the packages to install, each in one version and with the hashes of its files."""


class Step(NamedTuple):
    """One step of an installation.

    Attributes:
        name: its key in the marker.
        title: what the user sees.
        inputs: fingerprint of all that the result depends on; a change makes the step run again.
        is_whole: whether the result of an earlier run is there and works.
        action: does it; raises a GlcicError.
    """

    name: str
    title: str
    inputs: str
    is_whole: Callable[[], bool]
    action: Callable[[], None]


class Installation:
    """An installation below a folder.

    Attributes:
        prefix: the folder, absolute.
        python, program: the private environment's interpreter and its `glcic-backend`.
        name, version: of the project.
        torch: its requirement of PyTorch, such as `torch==2.13.0`.
        log, picture: the log of all runs, and the picture that the self test makes.

    Args:
        checkout: what is installed: the folder of install.py.
        for_tests: install the checkout in place and what its tests need, instead of a copy for use.
        build: of PyTorch.
        profiles: folders of GIMP that get the plug-in, without links.
        systemd: have the user's systemd run the daemon.
    """

    def __init__(
        self,
        checkout: Path,
        prefix: Path,
        *,
        for_tests: bool,
        build: TorchBuild,
        profiles: Sequence[Path] = (),
        systemd: bool = False,
    ) -> None:
        self.prefix = prefix
        project = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        self.name, self.version = str(project["name"]), str(project["version"])
        (self.torch,) = [str(name) for name in project["dependencies"] if name.startswith("torch")]
        scripts, suffix = ("Scripts", ".exe") if os.name == "nt" else ("bin", "")
        self.python = prefix / "venv" / scripts / f"python{suffix}"
        self.program = prefix / "venv" / scripts / f"glcic-backend{suffix}"
        self.log = prefix / "install.log"
        self.picture = prefix / "selftest" / "before-after.png"
        self._checkout, self._for_tests, self._build = checkout, for_tests, build
        self._profiles, self._systemd = profiles, systemd
        self._console = Console(sys.stdout)
        self._lock: tuple[int, ...] = ()

    def steps(self) -> list[Step]:
        """The steps in their order; when one runs, all after it run too."""
        python = f"{sys.implementation.cache_tag} of {sys.base_prefix}"
        environment = Step(
            "environment", "Make a private Python environment", python, self._has_pip, self._make_environment
        )
        lock = self._checkout / LOCKS["tests" if self._for_tests else "use"]
        locked = Step(
            "dependencies",
            "Install what it needs, as locked",
            self._fingerprint(lock.name),
            self._has_pip,
            lambda: self._pip_install("--require-hashes", "--requirement", lock),
        )
        # A step of its own: by far the largest download, not to be repeated when a later step fails.
        inputs = f"{self.torch} {self._build.name}"
        torch = Step("PyTorch", "Install PyTorch", inputs, self._has_torch, self._install_torch)
        if self._for_tests:
            # Installed in place, the tests test the checkout as it is; only its dependencies can go stale.
            inputs = f"in place {self._fingerprint('pyproject.toml')}"
            title = "Install the project in place, and what its tests need"
            return [
                environment,
                locked,
                torch,
                Step("project", title, inputs, self._has_program, self._install_in_place),
            ]
        inputs = f"copied {self._fingerprint('pyproject.toml', 'README.md', 'glcic_backend', 'gimp_plugin', 'train')}"
        steps = [
            environment,
            locked,
            torch,
            Step("project", "Install the project", inputs, self._has_program, self._install_copy),
            # Never taken for whole: whoever runs the installer again wants to know whether it works now.
            Step("self test", "Complete a photograph through the daemon", inputs, lambda: False, self._run_self_test),
        ]
        if self._profiles:
            steps.append(Step("plug-in", "Put the plug-in into GIMP", inputs, lambda: False, self._install_plugins))
        if self._systemd:
            steps.append(Step("systemd", "Have systemd run the daemon", inputs, lambda: False, self._install_unit))
        return steps

    def run(self) -> None:
        """Run the steps that are not finished, telling of each on standard output.

        Raises:
            InstallError: the folder cannot be written.
            StepError: a step failed; a later run resumes with it.
        """
        with self._opened() as marker:
            steps, redo = self.steps(), False
            for number, step in enumerate(steps, start=1):
                title = f"[{number}/{len(steps)}] {step.title}"
                redo = redo or not (marker.has(step.name, step.inputs) and step.is_whole())
                if not redo:
                    self._console.say(f"{title}\n      finished earlier")
                    continue
                marker.begin(step.name)
                with self._console.step(title):
                    step.action()
                marker.finish(step.name, step.inputs)
            for folder in ("cache", "tmp"):
                shutil.rmtree(self.prefix / folder, ignore_errors=True)
            marker.complete()

    @contextlib.contextmanager
    def _opened(self) -> Iterator[Marker]:
        try:
            # Closed to the group whatever the umask: the daemon does not trust a data folder that others can change.
            self.prefix.mkdir(mode=0o755, parents=True, exist_ok=True)
            with open(lock_path(self.prefix), "a") as lock:
                self._lock = hold_lock(lock, self._console.say)
                marker, manifest = Marker(self.prefix), Manifest(self.prefix)
                # What somebody has put among our files since; of an interrupted installation the files are all ours.
                strange = not_installed(manifest.entries()) if marker.is_complete() else []
                marker.begin()
                manifest.add(own_entries(self.prefix))
                with open(self.log, "a", encoding="utf-8") as log:
                    self._console = Console(sys.stdout, log)
                    self._console.log(f"\n{time.strftime('%Y-%m-%d %H:%M:%S')} {' '.join(sys.argv)}")
                    try:
                        yield marker
                    finally:
                        self._record(strange)
        except OSError as error:
            raise InstallError(f"{error}. If the folder cannot be used, choose another one with --prefix.") from error

    def _record(self, strange: list[Path]) -> None:
        """List every file that is there now but the strange ones: an uninstallation removes these and no others."""
        manifest = Manifest(self.prefix)
        for name in OWN_FOLDERS:
            entries = everything_below(self.prefix / name)
            ours = [entry for entry in entries if not any(Path(entry.path).is_relative_to(one) for one in strange)]
            manifest.replace_below(self.prefix / name, ours)

    def _fingerprint(self, *parts: str) -> str:
        """SHA-256 over names and contents of files of the checkout and of all files in folders of it."""
        digest = hashlib.sha256(str(self._checkout).encode())
        for part in parts:
            path = self._checkout / part
            for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
                if file.is_file() and "__pycache__" not in file.parts:
                    content = file.read_bytes()
                    name = file.relative_to(self._checkout).as_posix()
                    digest.update(f"{name}\0{len(content)}\0".encode() + content)
        return digest.hexdigest()

    def _call(self, read: Callable[[str], Event | None], *command: object) -> None:
        run([str(word) for word in command], self.prefix, self._console, read, self._lock)

    def _has_pip(self) -> bool:
        return works([str(self.python), "-m", "pip", "--version"], self.prefix)

    def _has_program(self) -> bool:
        has_all = works([str(self.python), "-m", "pip", "check"], self.prefix)
        return has_all and works([str(self.program), "--version"], self.prefix)

    def _make_environment(self) -> None:
        environment = self.prefix / "venv"
        if environment.is_symlink():
            raise InstallError(f"{environment} is a link to somewhere else and is left alone. Remove it and try again.")
        if environment.exists():
            shutil.rmtree(environment)
        self._call(every_line, sys.executable, "-m", "venv", environment)

    def _has_torch(self) -> bool:
        return works([str(self.python), "-c", "import torch"], self.prefix)

    def _install_torch(self) -> None:
        # pip takes a version that is there for the one that is asked for, whatever its build.
        is_cuda = "import sys, torch; sys.exit(bool(torch.version.cuda) != (sys.argv[1] == 'CUDA'))"
        wanted = self._build.name == "CUDA" or self._build.pip_arguments
        if wanted and self._has_torch() and not works([str(self.python), "-c", is_cuda, self._build.name], self.prefix):
            self._call(every_line, self.python, "-m", "pip", "uninstall", "--yes", "torch")
        self._pip_install(*self._build.pip_arguments, self.torch)

    # What builds the project is locked, too; an environment made for the building would be fetched without hashes.

    def _install_copy(self) -> None:
        self._pip_install("--no-build-isolation", self._checkout)

    def _install_in_place(self) -> None:
        self._pip_install("--no-build-isolation", "--editable", f"{self._checkout}[test]")

    def _pip_install(self, *what: object) -> None:
        remove_half_installed(self.prefix / "venv")
        self._call(pip_event, self.python, "-m", "pip", "install", "--progress-bar", "off", *what)

    def _run_self_test(self) -> None:
        self._call(every_line, self.program, "selftest", "--out", self.picture.parent)

    def _install_plugins(self) -> None:
        folders = install_plugins(self._checkout, self._profiles, [str(self.program)], Manifest(self.prefix))
        for folder in folders:
            self._console.say(f"      {folder}")

    def _install_unit(self) -> None:
        self._console.say(f"      {install_unit(self.program, Manifest(self.prefix))}")
        failure = end_daemon(self._console)  # one that runs already would keep systemd's from starting
        if failure:
            self._console.say(f"      {failure}")
        failure = start_unit()
        if failure:
            self._console.say(f"      {failure}")


def remove_half_installed(environment: Path) -> None:
    """Make pip see packages whose installation was interrupted as missing.

    pip writes INSTALLER after a package's last file; without it, the metadata claim a package that is not all there.
    """
    for metadata in environment.glob("[Ll]ib/**/site-packages/*.dist-info"):
        if not (metadata / "INSTALLER").is_file():
            shutil.rmtree(metadata)
