"""GIMPs for tests: of several releases of Debian, each in a root in a folder of its own.

    python3 -m tests.gimp.gimp_root [SUITE...] [--option OPTION...]

makes the roots, each once, and prints their folders: `$GLCIC_GIMP_ROOT/SUITE`, else below ~/.cache/glcic-gimp-root. It
needs mmdebstrap, and bubblewrap to run in them. Standard library only.
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

SUITES = {"trixie": "3.0", "forky": "3.2"}
"""Debian's names of releases, and which GIMP each of them has."""

PACKAGES = (
    "gimp,gir1.2-gimp-3.0,python3-gi,"
    "xvfb,xauth,xdotool,openbox,imagemagick,x11-utils,adwaita-icon-theme,fonts-dejavu-core"
)
"""GIMP with Python plug-ins, and a screen for tests of the dialog."""

# The lists of a release that is still being made, as a mirror keeps them, may be older than they say they hold.
_OPTIONS = ('--aptopt=Acquire::Check-Valid-Until "false"',)

_MARKER = "complete"
_BOUND = ("usr", "etc", "var")
_LINKS = ("bin", "sbin", "lib", "lib64")


def why_not(suite: str) -> str:
    """Why there is no GIMP of a release to test with; empty if there is one."""
    if not (_folder(suite) / _MARKER).exists():
        return (
            f"GIMP {SUITES[suite]} is missing; make it in a folder of its own: python3 -m tests.gimp.gimp_root {suite}"
        )
    if not shutil.which("bwrap"):
        return "bubblewrap is not installed, which runs the GIMP that was made for tests"
    if sys.base_prefix == "/usr":
        return "this Python lies in /usr, which is another one where the GIMP for tests runs: use one from elsewhere"
    return ""


def make_root(suite: str, options: Sequence[str] = ()) -> Path:
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
        command = ["mmdebstrap", "--variant=apt", f"--include={PACKAGES}", *_OPTIONS, *options]
        subprocess.run([*command, suite, str(building / "root")], check=True, stdout=sys.stderr)
        (building / _MARKER).touch()
        building.rename(folder)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise


def inside(root: Path, writable: Path, readable: list[Path], variables: dict[str, str]) -> list[str]:
    """The beginning of a command line that runs a program where GIMP is.

    Args:
        root: of `make_root`.
        writable: a folder that the program finds at the same place, as it does those in `readable`.
        variables: its environment, besides PATH and the language.
    """
    variables = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", **variables}
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
    parser = argparse.ArgumentParser(description="Make Debian roots with GIMP 3 for tests.")
    parser.add_argument("suites", nargs="*", default=list(SUITES), help="Debian's releases")
    parser.add_argument("--option", action="append", default=[], help="one more option for mmdebstrap")
    arguments = parser.parse_args()
    for suite in arguments.suites:
        sys.stdout.write(f"{make_root(suite, arguments.option)}\n")
