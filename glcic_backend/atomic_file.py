"""Files that are there in full or not at all."""

import contextlib
import errno
import os
import secrets
import stat
from pathlib import Path

from glcic_backend.errors import OutputError

_REASONS = {
    errno.ENOSPC: "the disk is full; free some space, or write to another disk",
    errno.EDQUOT: "your disk quota is used up; free some space, or write to another disk",
    errno.EFBIG: "the file is larger than this disk or this process allows; write to another disk",
    errno.EACCES: "you may not write there; choose another folder, or change its permissions",
    errno.EPERM: "you may not write there; choose another folder, or change its permissions",
    errno.EROFS: "that disk is read-only; choose another folder",
    errno.ENOENT: "its folder does not exist; create it first, or choose another",
    errno.ENOTDIR: "its folder does not exist; create it first, or choose another",
    errno.EISDIR: "a folder has that name; choose another name",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
}


def write_atomically(path: Path, data: bytes, *, private: bool = False) -> None:
    """Write a file so that no one ever sees half of it.

    The bytes go into a new file beside `path`, reach the disk, and take the name in one step. If anything stops this,
    Ctrl+C included, the new file is removed and an older `path` stays as it was. A symbolic link is followed; the
    permissions of an older file are kept.

    Args:
        path: the file to make or replace; its folder exists.
        data: the whole content.
        private: only this user may read and write it (mode 0600), whatever the umask and an older file say.

    Raises:
        OutputError: the file cannot be written; `path` is unchanged.
    """
    target = Path(os.path.realpath(path))
    partial = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}.part")
    try:
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        try:
            _write_through(partial, data, 0o600 if private else 0o666)
            if target.exists() and not private:
                partial.chmod(stat.S_IMODE(target.stat().st_mode))
            os.replace(partial, target)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
    except OSError as error:
        reason = _REASONS.get(error.errno or 0, error.strerror or str(error))
        raise OutputError(f"{path} ({len(data):,} bytes) could not be written: {reason}.") from error
    _sync_folder(target.parent)


def _write_through(path: Path, data: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
    with open(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Make the new name itself last through a power cut, where the system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
