"""Removing what a manifest lists, and nothing else.

Everything is checked before anything is removed. A path is refused if it is not where we can have put it, has become
a link or lies behind one, belongs to somebody else, or has something mounted on it; then nothing at all is removed. A
file whose content somebody has changed is left alone, and told; so is whatever lies in our folders that we have not put
there.
"""

import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from glcic_backend.installer.manifest import (
    CHANGING,
    COMPILED,
    FILE,
    FOLDER,
    LINK,
    MANIFEST,
    TREE,
    Entry,
    content_digest,
    link_digest,
)
from glcic_backend.installer.plugin_files import PLUGIN
from glcic_backend.installer.prefix import LOCK, MARKER, InstallError
from glcic_backend.installer.systemd_unit import unit_file

OWN_FOLDERS = ("venv", "selftest")
"""Folders below the prefix whose files are listed one by one."""

PASSING_FOLDERS = ("cache", "tmp")
"""Folders below the prefix that an installation makes and removes itself."""

OWN_FILES = ("install.log", MARKER, LOCK, MANIFEST)
"""Files below the prefix that an installation writes anew."""

DAEMON_FILES = ("daemon.lock", "daemon.log", "daemon.log.1", "start.log")
"""What a daemon leaves in its folder when it ends; the plug-in starts it with these logs."""

_IN_RUN = {(name,) for name in DAEMON_FILES}
_MOST_TOLD = 5
_MOST_LEFT = 10


def check_removal(entries: Iterable[Entry], prefix: Path) -> None:
    """Check that all that is listed is still what was installed.

    Raises:
        InstallError: something is not; nothing was changed.
    """
    listed = list(entries)
    _real_path.cache_clear()
    mounts, ways = mount_points(), _ways_to(listed, prefix)
    refusals = [reason for entry in listed if (reason := _refusal(entry, prefix, mounts, ways))]
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
    listed = list(entries)
    changed = [path for entry in listed if (path := _remove_one(entry)) is not None]
    left = [f"{path} was changed since it was installed, and is left alone." for path in changed]
    kept: list[Path] = []
    folders = {Path(entry.path) for entry in listed if entry.kind == FOLDER}
    for folder in sorted(folders, key=lambda path: len(path.parts), reverse=True):
        if folder.is_dir():
            try:
                folder.rmdir()
            except OSError:
                kept.append(folder)
    for folder in kept:
        strange = set(folder.iterdir()) - set(kept) - set(changed)
        if strange:
            left.append(f"{folder} holds {len(strange)} things that were not installed, and is kept.")
    if len(left) > _MOST_LEFT:
        left[_MOST_LEFT:] = [f"{len(left) - _MOST_LEFT} more such places are left alone."]
    return left


def not_installed(entries: Iterable[Entry]) -> list[Path]:
    """What lies in the listed folders and is neither listed nor compiled from what is. Links are not followed."""
    listed = {Path(entry.path) for entry in entries}
    found: list[Path] = []
    for entry in entries:
        folder = Path(entry.path)
        if entry.kind == FOLDER and folder.is_dir() and not folder.is_symlink():
            found += [path for path in folder.iterdir() if path not in listed and path.name != COMPILED]
    return sorted(found)


def _remove_one(entry: Entry) -> Path | None:
    """Remove what is no folder to be emptied first. Returns its path if it was changed and is left alone."""
    path = Path(entry.path)
    if not os.path.lexists(path):
        return None
    if entry.kind == FILE:
        if content_digest(path) != entry.sha256:
            return path
        path.unlink()
        if path.suffix == ".py":
            _remove_compiled(path)
    elif entry.kind == LINK:
        if not path.is_symlink() or link_digest(path) != entry.sha256:
            return path
        path.unlink()
    elif entry.kind == CHANGING:
        path.unlink()
    elif entry.kind == TREE:
        shutil.rmtree(path)
    return None


def _remove_compiled(module: Path) -> None:
    """Remove what Python and numba have made of a module of ours."""
    cache = module.parent / COMPILED
    if cache.is_symlink() or not cache.is_dir():
        return
    for file in [*cache.glob(f"{module.stem}.*.pyc"), *cache.glob(f"{module.stem}.*.nb[ic]")]:
        file.unlink()
    if not any(cache.iterdir()):
        cache.rmdir()


def _refusal(entry: Entry, prefix: Path, mounts: set[Path], ways: set[Path]) -> str | None:
    """Why an entry must not be removed; None if it may, or is not there any more."""
    path = Path(entry.path)
    if entry.kind == TREE and path in (prefix / name for name in OWN_FOLDERS):
        return (
            f"{path} is listed as a whole, by an older version. Run install.py once, so that each file in it is "
            "listed, then install.py --uninstall again."
        )
    if not _is_plain(entry.path) or not (_is_our_place(entry, path, prefix) or path in ways):
        return f"{entry.path!r:.300}: the installer never writes such a {entry.kind:.20}; the manifest was changed."
    if (real := _real_path(path.parent)) != path.parent:
        return f"{path}: a folder above it is now a link to {real}."
    if not os.path.lexists(path):
        return None
    if path.is_symlink() and entry.kind != LINK:
        return f"{path} is now a link to {os.path.realpath(path)}."
    if entry.kind != LINK and path.is_dir() != (entry.kind in (FOLDER, TREE)):
        return f"{path} was a {entry.kind} and is now a {'folder' if path.is_dir() else 'file'}."
    if entry.kind in (FILE, CHANGING) and not path.is_file():
        return f"{path} was a file and is now a pipe or a device."
    mounted = [mount for mount in mounts if mount.is_relative_to(path)] if entry.kind == TREE else [path]
    if mounts.intersection(mounted):
        return f"{mounted[0]}: something is mounted there."
    for part in _everything_in(path) if entry.kind == TREE else [path]:
        owner = part.lstat().st_uid
        if sys.platform != "win32" and owner != os.getuid():
            return f"{part} belongs to user {owner} now, not to you (user {os.getuid()})."
    return None


@cache
def _real_path(folder: Path) -> Path:
    """Where a folder is in truth; kept for the many files of one check."""
    return Path(os.path.realpath(folder))


def _is_plain(text: str) -> bool:
    """Whether a text is an absolute path as the installer writes them."""
    return os.path.isabs(text) and "\0" not in text and os.path.normpath(text) == text


def _is_our_place(entry: Entry, path: Path, prefix: Path) -> bool:
    """Whether an installation can have written such an entry there."""
    if path.is_relative_to(prefix):
        below = path.relative_to(prefix).parts
        if entry.kind == TREE:
            return below in {(name,) for name in PASSING_FOLDERS}
        if entry.kind == CHANGING:
            return (len(below) == 1 and below[0] in OWN_FILES) or (below[:1] == ("run",) and below[1:] in _IN_RUN)
        return (below[:1] != () and below[0] in OWN_FOLDERS) or (entry.kind == FOLDER and below == ("run",))
    if path == Path(os.path.realpath(unit_file())):
        return entry.kind == FILE
    return entry.kind in (FILE, FOLDER) and _in_plugin(path)


def _in_plugin(path: Path) -> bool:
    """Whether a path is the plug-in's folder in a profile of GIMP of this user, or lies in it."""
    homes = [Path(os.path.realpath(Path.home())), *_named_profile()]
    folders = [part for part in (path, *path.parents) if part.name == PLUGIN and part.parent.name == "plug-ins"]
    return any(folder.is_relative_to(home) for folder in folders for home in homes)


def _named_profile() -> list[Path]:
    named = os.environ.get("GIMP3_DIRECTORY")
    return [Path(os.path.realpath(named))] if named else []


def _ways_to(entries: Iterable[Entry], prefix: Path) -> set[Path]:
    """The folders below this user's home, outside the prefix, that lead to what was installed there."""
    home = Path(os.path.realpath(Path.home()))
    ways: set[Path] = set()
    for entry in entries:
        path = Path(entry.path)
        is_outside = entry.kind == FILE and _is_plain(entry.path) and not path.is_relative_to(prefix)
        if is_outside and _is_our_place(entry, path, prefix):
            ways |= {folder for folder in path.parents if folder.is_relative_to(home) and folder != home}
    return ways


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
