"""The connection file, by which a client finds the daemon and both know the same secret.

It lies in the folder `run` of the home folder. Both must belong to the user alone, because whoever can
write the file decides where images are sent.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

from .checked import printable
from .errors import DaemonNotRunningError, UnsafeFolderError, UnusableFolderError, WireError
from .files import check_owned, check_status, open_regular

START_SECONDS = 120.0
"""So long a daemon may take to become ready; who finds one starting waits for it."""

_MAX_FILE_BYTES = 16 * 1024


@dataclass(frozen=True)
class ConnectionInfo:
    """What the connection file says. Its form is the same in all versions of the protocol.

    Attributes:
        endpoint: ZeroMQ endpoint that the daemon is bound to: `ipc://PATH` or `tcp://127.0.0.1:PORT`.
        secret: 64 hexadecimal digits, fresh at every start.
        pid: process id of the daemon.
        started: when it was ready, in seconds since 1970-01-01 UTC.
        protocol: protocol version that it speaks.
        software: its name and version, such as `glcic-backend 0.1.0`.
    """

    endpoint: str
    secret: str = field(repr=False)
    pid: int
    started: float
    protocol: int
    software: str


def home_folder() -> Path:
    """Folder of this user's GLCIC data: `$GLCIC_HOME`, else the system's customary place.

    On Linux that is `~/.local/share/glcic` whatever XDG_DATA_HOME says, because Flatpak changes that variable and a
    plug-in inside it must find the daemon outside.
    """
    if os.environ.get("GLCIC_HOME"):
        return Path(os.environ["GLCIC_HOME"])
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "glcic"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "glcic"
    return Path.home() / ".local" / "share" / "glcic"


def run_folder(home: Path | None = None) -> Path:
    """Folder of the running daemon's connection file, lock and socket."""
    return (home or home_folder()) / "run"


def connection_file(home: Path | None = None) -> Path:
    """Path of the connection file."""
    return run_folder(home) / "daemon.json"


def prepare_run_folder(home: Path | None = None) -> Path:
    """Makes the folder of the connection file, and the home folder, both of mode 0700, where they are missing.

    Raises:
        UnsafeFolderError: somebody else could write there.
        UnusableFolderError: this user cannot.
    """
    folder = run_folder(home)
    try:
        folder.parent.parent.mkdir(parents=True, exist_ok=True)
        for place, forbidden in ((folder.parent, 0o002), (folder, 0o077)):
            with contextlib.suppress(FileExistsError):
                place.mkdir(mode=0o700)
            if not place.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
            check_owned(place, forbidden)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except (OSError, ValueError) as error:
        raise UnusableFolderError(
            f"The daemon's folder {folder} cannot be made or written: {getattr(error, 'strerror', None) or error}. Set "
            "GLCIC_HOME to a folder of your own that you may write to."
        ) from None
    return folder


def write_connection(info: ConnectionInfo, home: Path | None = None) -> None:
    """Writes the connection file, mode 0600, so that a reader sees the whole file or none. Raises OSError."""
    path = connection_file(home)
    beside = path.with_suffix(".new")
    beside.unlink(missing_ok=True)
    try:
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(handle, "w", encoding="utf-8") as file:
            json.dump(dataclasses.asdict(info), file, indent=2)
        os.replace(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def remove_connection(info: ConnectionInfo, home: Path | None = None) -> None:
    """Removes the connection file, if it is still the one that says this."""
    with contextlib.suppress(WireError):
        if read_connection(home) == info:
            connection_file(home).unlink(missing_ok=True)


def read_connection(home: Path | None = None) -> ConnectionInfo:
    """Reads the connection file.

    Raises:
        DaemonNotRunningError: there is none, or it is damaged.
        UnsafeFolderError: the file or its folder belongs to somebody else or is open to others.
    """
    path = connection_file(home)
    try:
        check_owned(path.parent.parent, forbidden=0o002)
        check_owned(path.parent, forbidden=0o077)
        handle = open_regular(path, follow=False)
    except (FileNotFoundError, NotADirectoryError):
        raise DaemonNotRunningError(
            f"No daemon is running: there is no connection file {path}. Start one with `glcic-backend serve`."
        ) from None
    except (OSError, ValueError) as error:
        raise UnsafeFolderError(
            f"The connection file {path} cannot be opened: {getattr(error, 'strerror', None) or error}. Look at what "
            "lies there and remove it, then start a daemon with `glcic-backend serve`."
        ) from None
    with open(handle, "rb") as file:
        check_status(path, os.fstat(handle), forbidden=0o077)
        content = file.read(_MAX_FILE_BYTES)
    try:
        return _parse(content)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise DaemonNotRunningError(
            f"The connection file {path} is damaged. Delete it and start a daemon with `glcic-backend serve`."
        ) from None


def _parse(content: bytes) -> ConnectionInfo:
    values = json.loads(content.decode("utf-8"))
    pid, protocol, started = values["pid"], values["protocol"], values["started"]
    texts = [values[name] for name in ("endpoint", "secret", "software")]
    if any(type(number) is not int or not 0 <= number < 1 << 31 for number in (pid, protocol)):
        raise ValueError("not a number of a process and a version")
    if type(started) not in (int, float) or not 0 <= started < 1 << 40 or any(type(text) is not str for text in texts):
        raise ValueError("not a time and texts")
    endpoint, secret, software = texts
    if len(secret) != 64 or len(bytes.fromhex(secret)) != 32:
        raise ValueError("not a secret")
    return ConnectionInfo(printable(endpoint), secret, pid, float(started), protocol, printable(software[:100]))
