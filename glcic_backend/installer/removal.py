"""Removing what a manifest lists, and nothing else.

Everything is checked before anything is removed. A path is refused if it is not where we can have put it, has become
a link or lies behind one, belongs to somebody else, or has something mounted on it; then nothing at all is removed. A
file whose content somebody has changed is left alone, and told.
"""

import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from glcic_backend.installer.manifest import CHANGING, FILE, FOLDER, TREE, Entry, content_digest
from glcic_backend.installer.plugin_files import PLUGIN
from glcic_backend.installer.prefix import InstallError
from glcic_backend.installer.systemd_unit import unit_file

_MOST_TOLD = 5


def check_removal(entries: Iterable[Entry], prefix: Path) -> None:
    """Check that all that is listed is still what was installed.

    Raises:
        InstallError: something is not; nothing was changed.
    """
    mounts = mount_points()
    refusals = [reason for entry in entries if (reason := _refusal(entry, prefix, mounts))]
    if refusals:
        more = f"\n  and {len(refusals) - _MOST_TOLD} more" * (len(refusals) > _MOST_TOLD)
        raise InstallError(
            "Nothing was removed, because this is not as it was installed:\n  "
            + "\n  ".join(refusals[:_MOST_TOLD])
            + more
            + "\nPut it back, or remove it yourself, and run install.py --uninstall again."
        )


def remove(entries: Iterable[Entry]) -> list[str]:
    """Remove what `check_removal` has accepted: files, then trees, then the folders that are empty by then.

    Returns:
        What was left alone, and why, one sentence each.
    """
    listed, left = list(entries), []
    for entry in listed:
        path = Path(entry.path)
        if entry.kind == FILE and path.exists():
            if content_digest(path) != entry.sha256:
                left.append(f"{path} was changed since it was installed, and is left alone.")
                continue
            path.unlink()
        elif entry.kind == CHANGING:
            path.unlink(missing_ok=True)
        elif entry.kind == TREE and path.exists():
            shutil.rmtree(path)
        if entry.kind == FILE and path.suffix == ".py":
            _remove_compiled(path)
    folders = {Path(entry.path) for entry in listed if entry.kind == FOLDER}
    for folder in sorted(folders, key=lambda path: len(path.parts), reverse=True):
        if folder.is_dir():
            try:
                folder.rmdir()
            except OSError:
                left.append(
                    f"{folder} holds {len(list(folder.iterdir()))} things that were not installed, and is kept."
                )
    return left


def _remove_compiled(module: Path) -> None:
    """Remove what Python has made of a module of ours."""
    cache = module.parent / "__pycache__"
    if cache.is_symlink() or not cache.is_dir():
        return
    for file in cache.glob(f"{module.stem}.*.pyc"):
        file.unlink()
    if not any(cache.iterdir()):
        cache.rmdir()


def _refusal(entry: Entry, prefix: Path, mounts: set[Path]) -> str | None:
    """Why an entry must not be removed; None if it may, or is not there any more."""
    path = Path(entry.path)
    if not path.is_absolute() or ".." in path.parts or not _is_our_place(entry, path, prefix):
        return f"{path}: the installer never writes such a {entry.kind}; the manifest was changed."
    if Path(os.path.realpath(path.parent)) != path.parent:
        return f"{path}: a folder above it is now a link to {os.path.realpath(path.parent)}."
    if not os.path.lexists(path):
        return None
    if path.is_symlink():
        return f"{path} is now a link to {os.path.realpath(path)}."
    if path.is_dir() != (entry.kind in (FOLDER, TREE)):
        return f"{path} was a {entry.kind} and is now a {'folder' if path.is_dir() else 'file'}."
    for mount in sorted(mounts):
        if mount == path or (entry.kind == TREE and mount.is_relative_to(path)):
            return f"{mount}: something is mounted there."
    for part in _everything_in(path) if entry.kind == TREE else [path]:
        owner = part.lstat().st_uid
        if sys.platform != "win32" and owner != os.getuid():
            return f"{part} belongs to user {owner} now, not to you (user {os.getuid()})."
    return None


def _is_our_place(entry: Entry, path: Path, prefix: Path) -> bool:
    """Whether an installation can have written there. An empty folder may be anywhere: it holds nothing of anybody."""
    if entry.kind == FOLDER:
        return True
    if entry.kind == TREE:
        return path.parent == prefix
    in_plugin = any(part.name == PLUGIN and part.parent.name == "plug-ins" for part in path.parents)
    return path.is_relative_to(prefix) or in_plugin or path == Path(os.path.realpath(unit_file()))


def _everything_in(folder: Path) -> Iterator[Path]:
    """A folder and all below it, without following links."""
    yield folder
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            yield from _everything_in(Path(entry.path))
        else:
            yield Path(entry.path)


def mount_points() -> set[Path]:
    """Where file systems are mounted. On Linux that includes bind mounts, which look like any other folder."""
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
            places = [line.split()[4] for line in file]
    except OSError:
        return set()
    # Blanks in a path are written as octal numbers.
    return {Path(re.sub(r"\\(\d{3})", lambda number: chr(int(number[1], 8)), place)) for place in places}
