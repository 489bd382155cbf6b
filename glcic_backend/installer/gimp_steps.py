"""The steps of an installation outside its folder: the plug-in in every profile of GIMP, and the systemd unit."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from glcic_backend.installer.manifest import FILE, Entry, Manifest, written
from glcic_backend.installer.plugin_files import install_plugin, plugin_folder
from glcic_backend.installer.removal import check_removal, remove
from glcic_backend.installer.systemd_unit import unit_file, write_unit


def named_home() -> Path | None:
    """The folder that GLCIC_HOME names, for programs that will not see this variable; None for the customary one."""
    named = os.environ.get("GLCIC_HOME")
    return Path(os.path.abspath(named)) if named else None


def install_plugins(source: Path, profiles: Iterable[Path], command: Sequence[str], manifest: Manifest) -> list[Path]:
    """Copy the plug-in into profiles of GIMP, and remove what an older version has left there.

    Args:
        source: the checkout.
        profiles: GIMP's folders of the user, without links.
        command: what starts `glcic-backend`.
        manifest: everything written is added to it.

    Returns:
        The plug-in's folder in each profile.

    Raises:
        InstallError, OutputError: as `install_plugin`; or an older file is not as it was installed.
    """
    folders = []
    for profile in profiles:
        folder = plugin_folder(profile)
        entries = written(install_plugin(source, profile, command, named_home()))
        manifest.add(entries)
        stale = _stale(manifest.below(folder), entries)
        check_removal(stale, manifest.path.parent)
        remove(stale)
        manifest.forget(stale)
        folders.append(folder)
    return folders


def install_unit(program: Path, manifest: Manifest) -> Path:
    """Write the systemd unit. Returns its path."""
    paths = write_unit(program, named_home())
    manifest.add(written(paths))
    return paths[0]


def has_unit(manifest: Manifest) -> bool:
    """Whether an earlier installation has made the unit."""
    return any(Path(entry.path).name == unit_file().name for entry in manifest.entries())


def _stale(old: Iterable[Entry], new: Iterable[Entry]) -> list[Entry]:
    kept = {entry.path for entry in new}
    return [entry for entry in old if entry.kind == FILE and entry.path not in kept]
