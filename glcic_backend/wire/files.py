"""Opening files that may have been put there by anybody: never waits, never follows what it should not."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

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
