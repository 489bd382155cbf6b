"""Makes the lock files anew: `python -m tests.installer.make_locks`. Needs uv (`pip install uv`) and the package index.

A lock names every package that install.py takes from the index, in one version for all systems and Pythons, with the
SHA-256 of its files. PyTorch is not in it, see docs/manual/install.md.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from glcic_backend.installer.installation import LOCKS

REPOSITORY = Path(__file__).resolve().parents[2]
EXTRAS = {"use": (), "tests": ("test",)}
BUILD = ("hatchling>=1.27", "editables")
"""What building the project takes: pip runs it without an environment of its own, which would be fetched unlocked."""

UNLOCKED = re.compile(r"(torch|triton|nvidia-|cuda-)")
"""PyTorch, and what only its CUDA build needs."""

_PURPOSES = {"use": "install.py installs", "tests": "`install.py --test` installs"}
_HEADER = """\
# What {}, with the hashes of the package index; PyTorch excepted (docs/manual/install.md).
# Made by `python -m tests.installer.make_locks`: change pyproject.toml, and not this file.
"""


def header(purpose: str) -> str:
    """The first lines of a lock."""
    return _HEADER.format(_PURPOSES[purpose])


def lock(extras: tuple[str, ...]) -> str:
    """The packages of a lock for the project with some of its extras."""
    with tempfile.NamedTemporaryFile("w", suffix=".in") as build:
        build.write("\n".join(BUILD))
        build.flush()
        command = ["uv", "pip", "compile", "pyproject.toml", build.name, "--universal", "--python-version", "3.11"]
        command += [word for extra in extras for word in ("--extra", extra)]
        # With its extras, or pip takes the newest version of what is asked for with one, and has no hash for that.
        command += ["--no-strip-extras", "--generate-hashes", "--no-header", "--no-annotate", "--quiet"]
        made = subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout
    packages = re.split(r"^(?=\S)", made, flags=re.MULTILINE)
    return "".join(package for package in packages if not UNLOCKED.match(package))


def main() -> None:
    for purpose, name in LOCKS.items():
        (REPOSITORY / name).write_text(header(purpose) + lock(EXTRAS[purpose]))
        sys.stdout.write(f"{name}\n")


if __name__ == "__main__":
    main()
