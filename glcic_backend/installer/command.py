"""Command line of install.py."""

import argparse
import os
import platform
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

from glcic_backend.errors import GlcicError
from glcic_backend.installer.child import StepError
from glcic_backend.installer.console import Console
from glcic_backend.installer.gimp_discovery import Gimp, find_gimps, profiles
from glcic_backend.installer.gimp_steps import has_unit
from glcic_backend.installer.installation import Installation
from glcic_backend.installer.manifest import Manifest
from glcic_backend.installer.plugin_files import plugin_folder
from glcic_backend.installer.prefix import InstallError, check_prefix, free_gb
from glcic_backend.installer.torch_build import CHOICES, TorchBuild, choose_build
from glcic_backend.installer.uninstall import end_daemon, plan_removal, read_installation, uninstall
from glcic_backend.wire.connection import home_folder

_NO_GIMP = "no GIMP 3 was found, so the plug-in is not installed. Run install.py again when there is one"
_INDENT = " " * 12


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
        return _act(Path(checkout), _parse_arguments())
    except StepError as error:
        console.say(f"\n{error}\nThe rest is in install.log below the prefix. Run install.py again to resume.")
        return error.exit_code
    except GlcicError as error:
        console.say(f"\nStopped: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        console.say("\nInterrupted. Run install.py again to resume.")
        return 130


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="install.py",
        description="Install GLCIC for GIMP from this checkout, with its plug-in in every GIMP 3 of this user.",
    )
    parser.add_argument("--prefix", type=Path, metavar="DIR", help="folder for the program (default: data folder)")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--dry-run", action="store_true", help="show the plan, change nothing")
    parser.add_argument("--torch", choices=CHOICES, default="auto", help="build of PyTorch (default: by the GPU found)")
    parser.add_argument("--systemd", action="store_true", help="have the user's systemd run the daemon (for Flatpak)")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--update", action="store_true", help="bring an installation up to this checkout")
    what.add_argument("--uninstall", action="store_true", help="remove what installations have written")
    what.add_argument("--test", action="store_true", help="install what the tests need (into .venv/test), run them")
    parser.add_argument("pytest", nargs="*", metavar="-- ARGUMENT", help="with --test: arguments for pytest")
    arguments = parser.parse_args()
    if arguments.pytest and not arguments.test:
        parser.error(f"unexpected: {shlex.join(arguments.pytest)}. Arguments for pytest need --test.")
    if arguments.systemd and sys.platform != "linux":
        parser.error("--systemd is for Linux. Elsewhere the plug-in starts the daemon when it needs it.")
    return arguments


def _act(checkout: Path, arguments: argparse.Namespace) -> int:
    named = arguments.prefix or (checkout / ".venv" / "test" if arguments.test else home_folder())
    prefix = Path(os.path.realpath(named))  # the manifest lists places without links
    console = Console(sys.stdout)
    if arguments.uninstall:
        return _uninstall(prefix, arguments, console)
    if arguments.update:
        read_installation(prefix)
    return _install(checkout, prefix, arguments, console)


def _install(checkout: Path, prefix: Path, arguments: argparse.Namespace, console: Console) -> int:
    build = choose_build(arguments.torch)
    check_prefix(prefix, 2.0 if build.disk_gb < 2 else build.disk_gb)
    gimps = [] if arguments.test else find_gimps()
    places = profiles(gimps)
    systemd = arguments.systemd or has_unit(Manifest(prefix))
    installation = Installation(
        checkout, prefix, for_tests=arguments.test, build=build, profiles=places, systemd=systemd
    )
    console.say(_plan(checkout, installation, build, None if arguments.test else gimps))
    if arguments.dry_run or not (arguments.yes or _agreed(console)):
        console.say("Nothing was changed.")
        return 0
    installation.run()
    if arguments.test:
        return _run_tests(checkout, installation.python, arguments.pytest)
    failure = end_daemon(console) if arguments.update and not systemd else None
    if failure:
        console.say(failure)
    console.say(_ending(checkout, installation, bool(places)))
    return 0


def _uninstall(prefix: Path, arguments: argparse.Namespace, console: Console) -> int:
    try:
        return _plan_and_remove(prefix, arguments, console)
    except FileNotFoundError as error:
        raise InstallError(f"{error.filename} is gone: another uninstallation is just removing {prefix}.") from None


def _plan_and_remove(prefix: Path, arguments: argparse.Namespace, console: Console) -> int:
    manifest = read_installation(prefix)
    console.say(f"  {plan_removal(manifest)}")
    if not arguments.yes and not arguments.dry_run and not sys.stdin.isatty():
        raise InstallError("Nothing was removed: there is no terminal to ask on. --yes removes without asking.")
    if arguments.dry_run or not (arguments.yes or _agreed(console)):
        console.say("Nothing was changed.")
        return 0
    uninstall(manifest, console)
    return 0


def _plan(checkout: Path, installation: Installation, build: TorchBuild, gimps: list[Gimp] | None) -> str:
    free = free_gb(installation.prefix)
    steps = _lines(f"{n}. {step.title}" for n, step in enumerate(installation.steps(), start=1))
    rows = {
        "Into": f"{installation.prefix} (nothing is written elsewhere{' but into GIMP' if gimps else ''})",
        "From": str(checkout),
        "Python": f"{platform.python_version()}, {sys.executable}",
        "PyTorch": f"{installation.torch}, {build.name} build: {build.reason}",
        "Download": f"about {build.download_gb} GB",
        "Disk": f"up to {build.disk_gb} GB while it works; {free:.1f} GB are free",
        "GIMP": "" if gimps is None else _lines(map(_describe, gimps)) or _NO_GIMP,
        "Steps": steps,
    }
    table = "\n".join(f"  {name:9} {text}" for name, text in rows.items() if text)
    return f"{installation.name} {installation.version}\n{table}"


def _describe(gimp: Gimp) -> str:
    text = f"{gimp.version}, {gimp.kind}, {gimp.place}" + (f" ({gimp.note})" if gimp.note else "")
    return text if gimp.profile is None else f"{text}\n{_INDENT}  plug-in into {plugin_folder(gimp.profile)}"


def _lines(texts: Iterable[str]) -> str:
    return f"\n{_INDENT}".join(texts)


def _ending(checkout: Path, installation: Installation, in_gimp: bool) -> str:
    program = shlex.quote(str(installation.program))
    gimp = "restart it, select what should go, then Filters > Inpaint Selection" if in_gimp else _NO_GIMP
    remove = [sys.executable, str(checkout / "install.py"), "--prefix", str(installation.prefix), "--uninstall"]
    return f"""
In GIMP:            {gimp}
Before and after:   {installation.picture}
Complete a picture: {program} complete IMAGE MASK OUTPUT   (white in MASK = fill)
All commands:       {program} --help
Something is wrong: {program} doctor
To remove it all:   {shlex.join(remove)}"""


def _agreed(console: Console) -> bool:
    if not sys.stdin.isatty():
        console.say("There is no terminal to ask on: going ahead. (--dry-run would only show the plan.)")
        return True
    return input("Go ahead? [Y/n] ").strip().lower() in ("", "y", "yes")


def _run_tests(checkout: Path, python: Path, arguments: list[str]) -> int:
    # Tests have temporary folders of their own: long paths below the prefix would not do for Unix sockets.
    variables = {name: value for name, value in os.environ.items() if name not in ("PYTHONHOME", "PYTHONPATH")}
    return subprocess.run([str(python), "-m", "pytest", *arguments], cwd=checkout, env=variables).returncode
