"""The plug-in of a package that pip has installed: into every GIMP 3 of this user, and out of them again.

install.py has a folder of its own with a list of what it has written. Here the package is where pip has put it, and the
list lies in the data folder.
"""

import contextlib
import os
import sys
from pathlib import Path

from glcic_backend.installer.gimp_discovery import find_gimps, profiles
from glcic_backend.installer.gimp_steps import install_plugins
from glcic_backend.installer.manifest import MANIFEST, Manifest
from glcic_backend.installer.plugin_files import source_folder
from glcic_backend.installer.prefix import PIP_FOLDER, InstallError, Marker
from glcic_backend.installer.removal import check_removal, remove
from glcic_backend.wire.connection import home_folder


def install_into_gimps() -> list[Path]:
    """Put the plug-in into every GIMP 3 that is found.

    Returns:
        The plug-in's folders.

    Raises:
        InstallError: no GIMP is found, or something else lies in the plug-in's place.
        OutputError: a file cannot be written.
    """
    places = profiles(find_gimps())
    if not places:
        raise InstallError(
            "No GIMP 3 was found. Start it once, or set GIMP3_DIRECTORY to its folder of settings, and try again."
        )
    folder = _list_folder()
    folder.mkdir(parents=True, exist_ok=True)
    # The interpreter, not the script beside it: it is there in every kind of installation.
    command = [sys.executable, "-m", "glcic_backend"]
    return install_plugins(source_folder(), places, command, Manifest(folder))


def remove_from_gimps() -> tuple[list[str], list[str]]:
    """Remove what `install_into_gimps` has written.

    Returns:
        The files removed, and sentences on what was left alone.

    Raises:
        InstallError: nothing was installed so, or something is not as it was installed; nothing was removed.
    """
    folder = _list_folder()
    manifest = Manifest(folder)
    entries = manifest.entries()
    if not entries:
        raise InstallError(
            f"{folder / MANIFEST} lists nothing: `glcic-backend gimp install` was never run, or what it wrote is gone "
            "already. What install.py has installed, install.py --uninstall removes."
        )
    check_removal(entries, folder)
    there = [entry.path for entry in entries if os.path.lexists(entry.path)]
    left = remove(entries)
    (folder / MANIFEST).unlink()
    with contextlib.suppress(OSError):
        folder.rmdir()
    return there, left


def _list_folder() -> Path:
    """Where the list lies. An environment that install.py has made has one list for all."""
    made_by_installer = Path(sys.prefix).parent
    if Marker(made_by_installer).is_there():
        raise InstallError(
            f"This program was installed by install.py into {made_by_installer}, which puts the plug-in into GIMP too. "
            "Run install.py again, or install.py --uninstall."
        )
    return Path(os.path.realpath(home_folder() / PIP_FOLDER))
