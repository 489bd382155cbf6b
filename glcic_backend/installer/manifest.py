"""The list of every path that installations have written, by which they are removed."""

import hashlib
import json
import os
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from glcic_backend.atomic_file import write_atomically
from glcic_backend.installer.prefix import InstallError

MANIFEST = "manifest.json"

FILE, CHANGING, FOLDER, TREE = "file", "changing file", "folder", "tree"


@dataclass(frozen=True)
class Entry:
    """A path that was written.

    Attributes:
        path: absolute, without links.
        kind: `FILE`, whose content is known; `CHANGING`, a file that the program writes anew; `FOLDER`, to be removed
            when it is empty; `TREE`, a folder that is ours with all that is in it.
        sha256: of a `FILE`, hexadecimal; else empty.
    """

    path: str
    kind: str
    sha256: str = ""


class Manifest:
    """The manifest below a prefix. Every change is on the disk when the call returns."""

    def __init__(self, prefix: Path) -> None:
        """Read it, if there is one. Raises InstallError: somebody else could have written it, or it is damaged."""
        self.path = prefix / MANIFEST
        self._entries: dict[str, Entry] = {}
        try:
            status = self.path.lstat()
            content = self.path.read_bytes()
        except FileNotFoundError:
            return
        if sys.platform != "win32" and (status.st_uid != os.getuid() or status.st_mode & 0o022):
            raise InstallError(
                f"{self.path} could have been changed by others (user {status.st_uid}, mode "
                f"{status.st_mode & 0o777:o}), so what it lists cannot be trusted. Look at it, and remove the files "
                "yourself."
            )
        try:
            for values in json.loads(content)["entries"]:
                entry = Entry(str(values["path"]), str(values["kind"]), str(values["sha256"]))
                self._entries[entry.path] = entry
        except (ValueError, KeyError, TypeError) as error:
            raise InstallError(f"{self.path}, which lists what was installed, is damaged ({error}).") from error

    def entries(self) -> list[Entry]:
        """All entries, in the order in which they were written first."""
        return list(self._entries.values())

    def below(self, folder: Path) -> list[Entry]:
        """The entries of a folder and of all in it."""
        return [entry for entry in self.entries() if Path(entry.path).is_relative_to(folder)]

    def add(self, entries: Iterable[Entry]) -> None:
        """Add entries; one for the same path is replaced."""
        self._entries |= {entry.path: entry for entry in entries}
        self._write()

    def forget(self, entries: Iterable[Entry]) -> None:
        """Take entries away."""
        for entry in entries:
            self._entries.pop(entry.path, None)
        self._write()

    def _write(self) -> None:
        content = {"entries": [asdict(entry) for entry in self.entries()]}
        write_atomically(self.path, json.dumps(content, indent=1).encode())
        self.path.chmod(0o644)


def written(paths: Iterable[Path]) -> list[Entry]:
    """Entries for files and folders as they are now."""
    return [
        Entry(str(path), FOLDER) if path.is_dir() else Entry(str(path), FILE, content_digest(path)) for path in paths
    ]


def content_digest(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
