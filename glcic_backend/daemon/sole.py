"""One daemon for each home folder: the lock, and what the one who does not get it does."""

import contextlib
import errno
import logging
import os
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from glcic_backend.errors import DaemonError, DaemonRunningError
from glcic_backend.wire.connection import read_connection
from glcic_backend.wire.errors import DaemonNotRunningError

_POLL_SECONDS = 0.05

log = logging.getLogger(__name__)


class Options(Protocol):
    """What is needed of the daemon's options."""

    @property
    def home(self) -> Path | None:
        """Folder of the user's GLCIC data; None for the customary place."""

    @property
    def patience(self) -> float:
        """Seconds that another daemon is given to become ready or to end."""


@contextlib.contextmanager
def sole_daemon(path: Path, options: Options) -> Iterator[None]:
    """Holds the lock of the one daemon of a home folder. The system frees it however the process ends.

    A daemon that is just starting is waited for, so that it can be named; one that is just ending, to follow it.

    Raises:
        DaemonRunningError: another one has it.
        DaemonError: the lock cannot be opened.
    """
    with open(_opened(path), "a+b") as file:
        deadline = time.monotonic() + options.patience
        while not _try_lock(file.fileno()):
            with contextlib.suppress(DaemonNotRunningError):
                other = read_connection(options.home)
                raise DaemonRunningError(
                    f"A daemon is running already: process {other.pid} at {other.endpoint}. Use it, or end it with "
                    "`glcic-backend stop`."
                )
            if time.monotonic() > deadline:
                raise DaemonRunningError(
                    f"Another daemon holds {path} and is starting or ending; it was not ready in "
                    f"{options.patience:.0f} s. Try again in a moment; `glcic-backend status` tells when it is ready."
                )
            time.sleep(_POLL_SECONDS)
        yield


def _opened(path: Path) -> int:
    """A descriptor of the lock file, mode 0600, itself and not what a link of its name leads to."""
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        handle = os.open(path, flags, 0o600)
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise OSError(errno.EINVAL, "it is not a regular file")
        if hasattr(os, "fchmod"):
            os.fchmod(handle, 0o600)
        return handle
    except OSError as error:
        raise DaemonError(
            f"The lock {path} cannot be opened: {error.strerror}. Without it two daemons could run. Look at what lies "
            "there and remove it, then try again."
        ) from error


if sys.platform == "win32":
    import msvcrt

    def _try_lock(handle: int) -> bool:
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
