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
from glcic_backend.wire.files import open_regular

MANIFEST = "manifest.json"
COMPILED = "__pycache__"

FILE, LINK, CHANGING, FOLDER, TREE = "file", "link", "changing file", "folder", "tree"

_MAX_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Entry:
    """A path that was written.

    Attributes:
        path: absolute, without links.
        kind: `FILE`, whose content is known; `LINK`, whose target is known; `CHANGING`, a file that the program writes
            anew; `FOLDER`, to be removed when it is empty; `TREE`, for what is made on the way, with all that is in it.
        sha256: of a `FILE`, or of the target of a `LINK`, hexadecimal; else empty.
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
            with open(open_regular(self.path, follow=False), "rb") as file:
                status = os.fstat(file.fileno())
                content = file.read(min(status.st_size, _MAX_BYTES))
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            text = f"{self.path}, which lists what was installed, cannot be read: {error.strerror}."
            raise InstallError(text) from None
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
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise InstallError(f"{self.path}, which lists what was installed, is damaged ({error}).") from error

    def entries(self) -> list[Entry]:
        """All entries, in the order in which they were written first."""
        return list(self._entries.values())

    def below(self, folder: Path) -> list[Entry]:
        """The entries of a folder and of all in it."""
        start = str(folder)
        return [entry for entry in self.entries() if entry.path == start or entry.path.startswith(start + os.sep)]

    def add(self, entries: Iterable[Entry]) -> None:
        """Add entries; one for the same path is replaced."""
        self._entries |= {entry.path: entry for entry in entries}
        self._write()

    def replace_below(self, folder: Path, entries: Iterable[Entry]) -> None:
        """Take away the entries of a folder and of all in it, and add others."""
        for entry in self.below(folder):
            del self._entries[entry.path]
        self.add(entries)

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
    """Entries for files, links and folders as they are now."""
    return [_entry(path) for path in paths]


def everything_below(folder: Path) -> list[Entry]:
    """Entries for a folder of ours and all that lies in it now, but for what Python has compiled, which follows its
    modules: a folder after what lies in it."""
    if folder.is_symlink() or not folder.is_dir():
        return []
    paths = []
    for place, folders, files in os.walk(folder, topdown=False):
        if os.path.basename(place) == COMPILED:
            continue
        links = [name for name in folders if os.path.islink(os.path.join(place, name))]
        paths += [Path(place, name) for name in (*files, *links)]
        paths.append(Path(place))
    return written(path for path in paths if path.is_symlink() or path.is_file() or path.is_dir())


def link_digest(path: Path) -> str:
    """SHA-256 of a link's target, hexadecimal."""
    return hashlib.sha256(os.fsencode(os.readlink(path))).hexdigest()


def content_digest(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _entry(path: Path) -> Entry:
    if path.is_symlink():
        return Entry(str(path), LINK, link_digest(path))
    return Entry(str(path), FOLDER) if path.is_dir() else Entry(str(path), FILE, content_digest(path))
