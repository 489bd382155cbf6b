"""A GIMP 3 for tests: the one of this machine, else one in a Debian root in a folder.

    python3 -m tests.gimp.gimp_root [--suite SUITE] [-- OPTION...]

makes the root, once, and prints its folder: `$GLCIC_GIMP_ROOT/SUITE`, else below ~/.cache/glcic-gimp-root. It needs
mmdebstrap, and bubblewrap to run in it. Standard library only.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

SUITE = "trixie"
"""Debian 13, which has GIMP 3.0."""

PACKAGES = (
    "gimp,gir1.2-gimp-3.0,python3-gi,"
    "xvfb,xauth,xdotool,openbox,imagemagick,x11-utils,adwaita-icon-theme,fonts-dejavu-core"
)
"""GIMP with Python plug-ins, and a screen for tests of the dialog."""

_MARKER = "complete"
_BOUND = ("usr", "etc", "var")
_LINKS = ("bin", "sbin", "lib", "lib64")


def native_gimp() -> bool:
    """Whether this machine has a GIMP 3 with Python plug-ins."""
    if not shutil.which("gimp-console"):
        return False
    said = subprocess.run(["gimp-console", "--version"], capture_output=True, text=True).stdout
    return "version 3." in said


def why_not() -> str:
    """Why there is no GIMP to test with; empty if there is one."""
    if native_gimp():
        return ""
    if not (_folder(SUITE) / _MARKER).exists():
        return "no GIMP 3 is installed; make one in a folder of its own with: python3 -m tests.gimp.gimp_root"
    if not shutil.which("bwrap"):
        return "bubblewrap is not installed, which runs the GIMP that was made for tests"
    if sys.base_prefix == "/usr":
        return "this Python lies in /usr, which is another one where the GIMP for tests runs: use one from elsewhere"
    return ""


def make_root(suite: str = SUITE, options: Sequence[str] = ()) -> Path:
    """The folder of a Debian root with GIMP; made if it is not there. A half-made one is never taken for whole.

    Args:
        suite: Debian's name of the release.
        options: more for mmdebstrap.
    """
    folder = _folder(suite)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.with_name(f"{suite}.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / _MARKER).exists():
            _build(suite, folder, options)
    return folder


def _folder(suite: str) -> Path:
    cache = os.environ.get("GLCIC_GIMP_ROOT") or Path.home() / ".cache" / "glcic-gimp-root"
    return Path(cache) / suite


def _build(suite: str, folder: Path, options: Sequence[str]) -> None:
    building = Path(tempfile.mkdtemp(prefix=f"{suite}.building.", dir=folder.parent))
    try:
        # Makes its mounts in a namespace of its own, so none is left here whatever happens.
        command = ["mmdebstrap", "--variant=apt", f"--include={PACKAGES}", *options, suite, str(building / "root")]
        subprocess.run(command, check=True, stdout=sys.stderr)
        (building / _MARKER).touch()
        building.rename(folder)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise


def inside(root: Path | None, writable: Path, readable: list[Path], variables: dict[str, str]) -> list[str]:
    """The beginning of a command line that runs a program where GIMP is.

    Args:
        root: of `make_root`; None for the GIMP of this machine.
        writable: a folder that the program finds at the same place, as it does those in `readable`.
        variables: its environment, besides PATH and the language.
    """
    variables = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", **variables}
    if root is None:
        return ["env", "-i", *(f"{name}={value}" for name, value in variables.items())]
    command = ["bwrap", "--die-with-parent", "--clearenv", "--dev", "/dev", "--proc", "/proc"]
    for name in _BOUND:
        command += ["--ro-bind", str(root / "root" / name), f"/{name}"]
    for name in _LINKS:
        command += ["--symlink", f"usr/{name}", f"/{name}"]
    command += ["--tmpfs", "/tmp", "--tmpfs", "/run"]
    for path in readable:
        command += ["--ro-bind", str(path), str(path)]
    command += ["--bind", str(writable), str(writable)]
    for name, value in variables.items():
        command += ["--setenv", name, value]
    return command


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make a Debian root with GIMP 3 for tests.")
    parser.add_argument("--suite", default=SUITE, help="Debian's name of the release")
    parser.add_argument("options", nargs="*", metavar="-- OPTION", help="more options for mmdebstrap")
    arguments = parser.parse_args()
    sys.stdout.write(f"{make_root(arguments.suite, arguments.options)}\n")
