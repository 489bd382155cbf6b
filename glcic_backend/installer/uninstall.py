"""Removing an installation: what its manifest lists, after the daemon has been ended."""

import contextlib
import os
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TextIO

from glcic_backend.installer.console import Console
from glcic_backend.installer.gimp_steps import has_unit
from glcic_backend.installer.manifest import CHANGING, FOLDER, MANIFEST, TREE, Entry, Manifest
from glcic_backend.installer.plugin_files import PLUGIN
from glcic_backend.installer.prefix import LOCK, MARKER, InstallError, Marker, hold_lock, lock_path
from glcic_backend.installer.removal import (
    DAEMON_FILES,
    OWN_FILES,
    PASSING_FOLDERS,
    check_removal,
    not_installed,
    remove,
)
from glcic_backend.installer.systemd_unit import stop_unit
from glcic_backend.wire.client import DaemonClient
from glcic_backend.wire.connection import run_folder
from glcic_backend.wire.errors import DaemonNotRunningError, WireError
from glcic_backend.wire.files import open_regular

_END_SECONDS, _POLL_SECONDS = 5.0, 0.05
_MOST_TOLD = 5

_NEEDED_LAST = (MARKER, LOCK, MANIFEST)
"""By these an uninstallation that was interrupted can be begun again."""


def own_entries(prefix: Path) -> list[Entry]:
    """What an installation makes below its prefix, beside the folders whose files are listed one by one."""
    trees = [Entry(str(prefix / name), TREE) for name in PASSING_FOLDERS]
    files = [Entry(str(prefix / name), CHANGING) for name in OWN_FILES]
    run = Path(os.path.realpath(run_folder()))
    if run.is_relative_to(prefix):
        files += [Entry(str(run / name), CHANGING) for name in DAEMON_FILES]
        files.append(Entry(str(run), FOLDER))
    return trees + files


def read_installation(prefix: Path) -> Manifest:
    """The manifest of the installation below a folder. Raises InstallError: there is none."""
    if not Marker(prefix).is_there():
        raise InstallError(f"{prefix} holds no installation of ours. Name its folder with --prefix.")
    manifest = Manifest(prefix)
    if not manifest.entries():
        raise InstallError(
            f"{prefix / MANIFEST}, which lists what was installed, is missing. Run install.py once to have it written, "
            "then install.py --uninstall again."
        )
    return manifest


def plan_removal(manifest: Manifest) -> str:
    """What an uninstallation would do, for people. Raises InstallError: it would be refused."""
    prefix = manifest.path.parent
    check_removal(manifest.entries(), prefix)
    there = [entry for entry in manifest.entries() if os.path.lexists(entry.path)]
    files = [Path(entry.path) for entry in there if entry.kind != FOLDER]
    outside = Counter(_shown(path) for path in files if not path.is_relative_to(prefix))
    lines = [f"Remove    {prefix}: {', '.join(sorted(_names_in(prefix, there)))}"]
    lines += [f"          {path} ({count} file{'s' * (count > 1)})" for path, count in outside.items()]
    strange = not_installed(there)
    if strange:
        more = f" and {len(strange) - _MOST_TOLD} more" * (len(strange) > _MOST_TOLD)
        lines.append(f"Keep      {', '.join(map(str, strange[:_MOST_TOLD]))}{more}: not installed by this installer")
    kept = sorted(_names(prefix) - _names_in(prefix, there))
    if kept:
        lines.append(f"Keep      {', '.join(kept)} in {prefix}, which this installer did not write")
    return "\n  ".join(lines)


def uninstall(manifest: Manifest, console: Console) -> None:
    """Remove it all.

    Raises:
        InstallError: something is not as it was installed, another one has removed it meanwhile, or a daemon runs that
            does not end; nothing was removed.
    """
    prefix = manifest.path.parent
    check_removal(manifest.entries(), prefix)
    with _opened_lock(prefix) as lock:
        hold_lock(lock, console.say)
        manifest = read_installation(prefix)  # again: what it waited for may have changed or removed it
        check_removal(manifest.entries(), prefix)
        if has_unit(manifest):
            trouble = stop_unit()
            if trouble:
                console.say(trouble)
        failure = end_daemon(console)
        if failure:
            raise InstallError(f"Nothing was removed, because the daemon still runs. {failure}")
        last = [prefix / name for name in _NEEDED_LAST]
        for sentence in remove(entry for entry in manifest.entries() if Path(entry.path) not in last):
            console.say(sentence)
        for path in last:
            if path != lock_path(prefix):
                path.unlink(missing_ok=True)
    lock_path(prefix).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # not empty: models of the user, for example
        prefix.rmdir()
    console.say(
        f"Removed. {prefix} is kept, with {', '.join(sorted(_names(prefix)))}." if prefix.exists() else "Removed."
    )


def _opened_lock(prefix: Path) -> TextIO:
    try:
        return open(lock_path(prefix), "r+")
    except FileNotFoundError:
        raise InstallError(f"{prefix} is just being removed, or {LOCK} in it was: run install.py once.") from None


def end_daemon(console: Console) -> str | None:
    """End the running daemon of this user, of whatever version, if there is one; the plug-in starts a new one.

    Returns:
        Why that did not succeed, and what to do.
    """
    try:
        with DaemonClient.connect(software="install.py", any_protocol=True) as daemon:
            daemon.stop()
            console.say(f"The running daemon (process {daemon.info.pid}) was ended.")
    except DaemonNotRunningError:
        pass
    except WireError as error:
        return f"The daemon could not be ended: {error}"
    lock = run_folder() / "daemon.lock"
    deadline = time.monotonic() + _END_SECONDS
    while _is_held(lock):
        if time.monotonic() > deadline:
            return f"Some daemon holds {lock}, but cannot be talked to. End its process, then try again."
        time.sleep(_POLL_SECONDS)
    return None


def _is_held(lock: Path) -> bool:
    """Whether a process holds a lock file. Of Windows nothing is known; it does not remove files in use."""
    if sys.platform == "win32":
        return False
    import fcntl

    try:
        with open(open_regular(lock, follow=False), "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False


def _shown(path: Path) -> Path:
    """The plug-in's folder for a file in it, any other path itself."""
    return next((folder for folder in path.parents if folder.name == PLUGIN), path)


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def _names_in(prefix: Path, entries: list[Entry]) -> set[str]:
    inside = [Path(entry.path).relative_to(prefix) for entry in entries if Path(entry.path).is_relative_to(prefix)]
    return {path.parts[0] for path in inside if path.parts}
