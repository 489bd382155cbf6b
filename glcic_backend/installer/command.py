"""Command line of install.py."""

import argparse
import os
import platform
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

from glcic_backend.errors import GlcicError
from glcic_backend.installer.child import StepError
from glcic_backend.installer.console import Console
from glcic_backend.installer.installation import Installation
from glcic_backend.installer.prefix import check_prefix, free_gb
from glcic_backend.wire.connection import home_folder

# With PyTorch 2.13.0 on Linux x86-64, see docs/install.md; on the disk while installing, when downloads lie there too.
DOWNLOAD_GB, DISK_GB = 0.3, 1.5
CUDA_DOWNLOAD_GB, CUDA_DISK_GB = 2.8, 8


def main(checkout: str) -> int:
    """Run install.py of a checkout.

    Returns:
        Exit code: 0 done; 1 a step failed; 2 wrong use, or refused; 130 interrupted; after --test that of pytest.
    """
    console = Console(sys.stderr)
    # Like Ctrl+C, so that a running step is stopped too; SIGHUP comes when the terminal is closed.
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _interrupt)
    try:
        return _install(Path(checkout), _parse_arguments())
    except StepError as error:
        console.say(f"\n{error}\nThe rest is in install.log below the prefix. Run install.py again to resume.")
        return error.exit_code
    except GlcicError as error:
        console.say(f"\nNot installed: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        console.say("\nInterrupted. Run install.py again to resume.")
        return 130


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="install.py", description="Install GLCIC for GIMP from this checkout, or run its tests."
    )
    parser.add_argument("--prefix", type=Path, metavar="DIR", help="folder for all that is made (default: data folder)")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--dry-run", action="store_true", help="show the plan, change nothing")
    parser.add_argument("--test", action="store_true", help="install what the tests need (into .venv/test), run them")
    parser.add_argument("pytest", nargs="*", metavar="-- ARGUMENT", help="with --test: arguments for pytest")
    arguments = parser.parse_args()
    if arguments.pytest and not arguments.test:
        parser.error(f"unexpected: {shlex.join(arguments.pytest)}. Arguments for pytest need --test.")
    return arguments


def _install(checkout: Path, arguments: argparse.Namespace) -> int:
    prefix = arguments.prefix or (checkout / ".venv" / "test" if arguments.test else home_folder())
    installation = Installation(checkout, Path(os.path.abspath(prefix)), for_tests=arguments.test)
    console = Console(sys.stdout)
    check_prefix(installation.prefix)
    console.say(_plan(checkout, installation))
    if arguments.dry_run or not (arguments.yes or _agreed(console)):
        console.say("Nothing was changed.")
        return 0
    installation.run()
    if arguments.test:
        return _run_tests(checkout, installation.python, arguments.pytest)
    program = shlex.quote(str(installation.program))
    console.say(f"""
Before and after:   {installation.picture}
Complete a picture: {program} complete IMAGE MASK OUTPUT   (white in MASK = fill)
All commands:       {program} --help
To remove it all:   delete {installation.prefix}""")
    return 0


def _plan(checkout: Path, installation: Installation) -> str:
    free = free_gb(installation.prefix)
    steps = "\n            ".join(f"{n}. {step.title}" for n, step in enumerate(installation.steps(), start=1))
    return f"""{installation.name} {installation.version}
  Into      {installation.prefix} (nothing is written elsewhere)
  From      {checkout}
  Python    {platform.python_version()}, {sys.executable}
  PyTorch   {installation.torch}, the build that pip's settings here lead to
  Download  about {DOWNLOAD_GB} GB; {CUDA_DOWNLOAD_GB} GB with the CUDA build, which pip takes on Linux x86-64
            unless its settings offer a CPU build
  Disk      up to {DISK_GB} GB; up to {CUDA_DISK_GB} GB with the CUDA build; {free:.1f} GB are free
  Steps     {steps}"""


def _agreed(console: Console) -> bool:
    if not sys.stdin.isatty():
        console.say("There is no terminal to ask on: going ahead. (--dry-run would only show the plan.)")
        return True
    return input("Go ahead? [Y/n] ").strip().lower() in ("", "y", "yes")


def _run_tests(checkout: Path, python: Path, arguments: list[str]) -> int:
    # Tests have temporary folders of their own: long paths below the prefix would not do for Unix sockets.
    variables = {name: value for name, value in os.environ.items() if name not in ("PYTHONHOME", "PYTHONPATH")}
    return subprocess.run([str(python), "-m", "pytest", *arguments], cwd=checkout, env=variables).returncode
