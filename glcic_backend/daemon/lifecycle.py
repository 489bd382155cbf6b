"""The life of a daemon process: one at a time, found by its connection file, ended by a signal or a request."""

import contextlib
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import zmq

from glcic_backend import __version__
from glcic_backend.daemon.allocator import give_back_large_blocks
from glcic_backend.daemon.engine import Engine, Library
from glcic_backend.daemon.model_room import ModelRoom
from glcic_backend.daemon.server import DEFAULT_CAPACITY, Server
from glcic_backend.errors import DaemonError
from glcic_backend.wire.codec import DEFAULT_MAX_BYTES, PROTOCOL_VERSION
from glcic_backend.wire.connection import (
    ConnectionInfo,
    prepare_run_folder,
    read_connection,
    remove_connection,
    run_folder,
    write_connection,
)
from glcic_backend.wire.credentials import new_secret
from glcic_backend.wire.errors import DaemonNotRunningError

SOFTWARE = f"glcic-backend {__version__}"

_IPC = "ipc://"
_LOCK_PATIENCE_SECONDS = 2.0
# The shortest limit of a Unix socket's path among the systems is 104 bytes with the final zero.
_MAX_SOCKET_PATH_BYTES = 100

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DaemonOptions:
    """How a daemon runs.

    Attributes:
        capacity: completions that may run and wait together.
        max_bytes: of one message, and of all completions that run and wait.
        tcp: use loopback TCP also where Unix sockets exist.
        idle_exit: minutes without a request or a job after which the daemon ends; 0 for never.
        home: folder of the user's GLCIC data; None for the customary place.
    """

    capacity: int = DEFAULT_CAPACITY
    max_bytes: int = DEFAULT_MAX_BYTES
    tcp: bool = False
    idle_exit: float = 0.0
    home: Path | None = None


def run_daemon(
    library: Callable[[], Library], options: DaemonOptions, ready: Callable[[ConnectionInfo, Engine], None]
) -> None:
    """Runs a daemon in this process, on the main thread, until SIGTERM, SIGINT, a `stop` request or its idle exit.

    It lets the running completion finish for three seconds, then cancels it; it is gone after five. A second signal
    ends it at once. If the engine does not leave its job, the process is ended from here with exit code 0.

    Args:
        library: gives the models; called when it is certain that no other daemon runs, because it may take long.
        ready: called when clients can connect, with the engine of the default model.

    Raises:
        UnknownModelError: the default model cannot be used.
        EngineError: the engine's process died.
        DaemonError: another daemon runs already, or the connection file cannot be written.
        UnsafeFolderError: the folder of the connection file is open to others.
    """
    give_back_large_blocks()
    folder = prepare_run_folder(options.home)
    with _sole_daemon(folder / "daemon.lock", options.home), contextlib.closing(library()) as installed:
        models = ModelRoom(installed)
        secret = new_secret()
        server = Server(models, secret, SOFTWARE, options.capacity, options.max_bytes, options.idle_exit * 60)
        for left_behind in folder.glob("daemon*.sock"):
            left_behind.unlink(missing_ok=True)
        endpoint = server.bind(choose_endpoint(folder, options.tcp))
        info = ConnectionInfo(endpoint, secret, os.getpid(), time.time(), PROTOCOL_VERSION, SOFTWARE)
        try:
            with _signals_stop(server):
                try:
                    _publish(info, options.home)
                    ready(info, models.default)
                    engine_is_free = server.run()
                finally:
                    remove_connection(info, options.home)
        finally:
            server.close()
            if endpoint.startswith(_IPC):
                Path(endpoint.removeprefix(_IPC)).unlink(missing_ok=True)
        if not engine_is_free:
            log.warning("the engine did not leave its job; ending the process")
            logging.shutdown()
            os._exit(0)


def choose_endpoint(folder: Path, tcp: bool) -> str:
    """Endpoint to bind: a Unix socket in `folder` if the system has them and the path is not too long, else TCP."""
    # A name of its own: a daemon whose folder was deleted, and made anew by the next one, must not end by removing the
    # socket of that one.
    path = str((folder / f"daemon-{os.getpid()}.sock").absolute())
    has_unix_sockets = hasattr(socket, "AF_UNIX") and zmq.has("ipc")
    if has_unix_sockets and not tcp and len(os.fsencode(path)) <= _MAX_SOCKET_PATH_BYTES:
        return f"{_IPC}{path}"
    return "tcp://127.0.0.1:*"


def _publish(info: ConnectionInfo, home: Path | None) -> None:
    try:
        write_connection(info, home)
    except OSError as error:
        raise DaemonError(
            f"The connection file in {run_folder(home)} cannot be written: {error.strerror}. Without it nobody finds "
            "the daemon. Free some space, or set GLCIC_HOME to a folder on another disk."
        ) from error


@contextlib.contextmanager
def _sole_daemon(path: Path, home: Path | None) -> Iterator[None]:
    """Holds the lock of the one daemon of this home folder. The system frees it however the process ends."""
    with open(path, "a+b") as file:
        os.chmod(path, 0o600)
        deadline = time.monotonic() + _LOCK_PATIENCE_SECONDS
        while not _try_lock(file.fileno()):
            # A daemon without a connection file is just starting or just ending.
            with contextlib.suppress(DaemonNotRunningError):
                other = read_connection(home)
                raise DaemonError(
                    f"A daemon is running already: process {other.pid} at {other.endpoint}. Use it, or end it with "
                    "`glcic-backend stop`."
                )
            if time.monotonic() > deadline:
                raise DaemonError(
                    f"Another daemon holds {path} and is starting or ending. Try again in a moment; "
                    "`glcic-backend status` tells when it is ready."
                )
            time.sleep(0.05)
        yield


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


@contextlib.contextmanager
def _signals_stop(server: Server) -> Iterator[None]:
    """Within it SIGTERM and SIGINT ask the server to stop."""

    def handle(_number: int, _frame: FrameType | None) -> None:
        """The byte that the signal has written to the wake-up handle says it all."""

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    # The byte wakes the server's poll at once, which a handler alone would not.
    old_handle = signal.set_wakeup_fd(server.wake_handle.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(old_handle)
        for number, handler in before.items():
            signal.signal(number, handler)
