"""Files that anybody may have put there: opened without waiting, and refused where others could change them."""

from __future__ import annotations

import errno
import os
import stat
import sys
from typing import TYPE_CHECKING

from .errors import UnsafeFolderError

if TYPE_CHECKING:
    from pathlib import Path


def open_regular(path: Path, *, follow: bool = True) -> int:
    """A descriptor to read a regular file.

    A pipe, for whose other end an ordinary open would wait, a device, a socket or a folder is refused.

    Args:
        path: the file.
        follow: whether `path` itself may be a link.

    Raises:
        OSError: it is not there, is no regular file, or may not be read.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    handle = os.open(path, flags | (0 if follow else getattr(os, "O_NOFOLLOW", 0)))
    if stat.S_ISREG(os.fstat(handle).st_mode):
        return handle
    os.close(handle)
    raise OSError(errno.EINVAL, "it is not a regular file", str(path))


def check_owned(path: Path, forbidden: int) -> None:
    """Refuses what belongs to another user, a link of another user, and modes with a `forbidden` bit.

    Raises:
        UnsafeFolderError: the text says how to mend it.
        OSError: nothing is there.
    """
    check_status(path, os.lstat(path), forbidden=0 if path.is_symlink() else forbidden)
    check_status(path, os.stat(path), forbidden)


def check_status(path: Path, status: os.stat_result, forbidden: int) -> None:
    """As `check_owned`, for what is known of `path` already."""
    if sys.platform == "win32":
        return  # %LOCALAPPDATA% is the user's own by its access list, and Windows has no modes.
    if status.st_uid != os.getuid():
        raise UnsafeFolderError(
            f"{path} belongs to user {status.st_uid}, not to you (user {os.getuid()}), so what it says cannot be "
            "trusted. Set GLCIC_HOME to a folder of your own."
        )
    if status.st_mode & forbidden:
        allowed = 0o777 & ~forbidden
        raise UnsafeFolderError(
            f"{path} is open to other users (mode {stat.S_IMODE(status.st_mode):04o}), so what it says cannot be "
            f"trusted. Close it with: chmod {stat.S_IMODE(status.st_mode) & allowed:04o} '{path}'"
        )
