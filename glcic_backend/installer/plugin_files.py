"""Copying the GIMP plug-in into a profile of GIMP."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

from glcic_backend import __version__
from glcic_backend.atomic_file import write_atomically
from glcic_backend.installer.manual_page import read_manual
from glcic_backend.installer.prefix import InstallError
from glcic_backend.wire.codec import PROTOCOL_VERSION

PLUGIN = "inpaint-selection"
"""Name of the plug-in's folder and of its main file: GIMP demands that both are alike."""

DESCRIPTION = "installation.json"
"""The file that tells the plug-in which daemon belongs to it."""

_MAIN = f"{PLUGIN}.py"
_WIRE = "wire"
_MANUAL = "manual"
_LEFT_OUT = {"__pycache__", _WIRE, _MANUAL}
_SYSTEM_PYTHON = "/usr/bin/python3"
_HAS_GIMP = "import gi; gi.require_version('Gimp', '3.0'); from gi.repository import Gimp"


def source_folder() -> Path:
    """Where the plug-in lies: in the package that pip has installed, else in the checkout of this module."""
    package = Path(__file__).resolve().parents[1]
    carried = package / "carried"
    return carried if carried.is_dir() else package.parent


def plugin_folder(profile: Path) -> Path:
    """Folder of the plug-in in a profile, such as `~/.config/GIMP/3.0/plug-ins/inpaint-selection`."""
    return profile / "plug-ins" / PLUGIN


def install_plugin(source: Path, profile: Path, command: Sequence[str], home: Path | None) -> list[Path]:
    """Copy the plug-in into a profile of GIMP, over an older one of ours.

    Args:
        source: the checkout, or what a package carries of it.
        profile: GIMP's folder of the user, such as `~/.config/GIMP/3.0`; made where it is missing.
        command: what starts `glcic-backend`: its absolute path, and arguments that come before the subcommand.
        home: GLCIC_HOME of that daemon; None for the customary folder.

    Returns:
        Every file written, then the folders that were made, each after all that lies in it.

    Raises:
        InstallError: the folder is a link, or holds something that is not this plug-in.
        OutputError: a file cannot be written.
    """
    target = plugin_folder(profile)
    _check_ours(target)
    description = {
        "version": __version__,
        "protocol": PROTOCOL_VERSION,
        "command": list(command),
        "home": None if home is None else str(home),
    }
    contents = {name: path.read_bytes() for name, path in _sources(source).items()}
    manual = read_manual(source / "docs" / "manual" / "gimp.md")
    contents.update({f"{_MANUAL}/{name}": content for name, content in manual.items()})
    contents[DESCRIPTION] = json.dumps(description, indent=2).encode() + b"\n"
    # GIMP asks a plug-in anew when its main file has changed, so all else must be there before it.
    main = contents.pop(_MAIN)
    contents[_MAIN] = choose_first_line().encode() + b"\n" + main.partition(b"\n")[2]
    folders: list[Path] = []
    for name, content in contents.items():
        path = target / name
        _make_folder(path.parent, folders)
        write_atomically(path, content)
    (target / _MAIN).chmod(0o755)
    return [target / name for name in contents] + folders[::-1]


def choose_first_line(system_python: str = _SYSTEM_PYTHON) -> str:
    """First line of the main file: which Python GIMP on Linux runs it with.

    `env python3` is the first one on the PATH of GIMP. That is right for a GIMP that brings its own, and wrong where
    GIMP is started from a shell with a virtual environment, whose Python cannot import gi: the menu entry would be
    missing, without a word. So the system's Python is named wherever it has GIMP's modules.
    """
    try:
        has_gimp = not subprocess.run([system_python, "-c", _HAS_GIMP], capture_output=True, timeout=60).returncode
    except (OSError, subprocess.TimeoutExpired):
        has_gimp = False
    return f"#!{system_python}" if has_gimp else "#!/usr/bin/env python3"


def _sources(source: Path) -> dict[str, Path]:
    """The files to copy, by their name in the plug-in's folder."""
    plugin = source / "gimp_plugin" / PLUGIN
    if not (plugin / _MAIN).is_file():
        raise InstallError(f"The plug-in is not in {plugin}. Run install.py from a complete checkout.")
    files = {path.relative_to(plugin).as_posix(): path for path in sorted(plugin.rglob("*"))}
    files = {name: path for name, path in files.items() if not _LEFT_OUT & set(name.split("/"))}
    wire = Path(__file__).resolve().parents[1] / _WIRE
    files.update({f"{_WIRE}/{path.name}": path for path in sorted(wire.glob("*.py"))})
    return {name: path for name, path in files.items() if path.is_file()}


def _check_ours(target: Path) -> None:
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise InstallError(f"{target} is a link or a file that this installer did not make. Remove it and try again.")
    if target.is_dir() and any(target.iterdir()) and not (target / DESCRIPTION).is_file():
        raise InstallError(f"{target} holds something that this installer did not make. Remove it and try again.")


def _make_folder(folder: Path, made: list[Path]) -> None:
    """Make a folder and those above it, and append them to `made`, the highest first."""
    if not folder.is_dir():
        _make_folder(folder.parent, made)
        folder.mkdir()
        made.append(folder)
