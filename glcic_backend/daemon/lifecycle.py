"""The life of a daemon process: one at a time, found by its connection file, ended by a signal or a request."""

import contextlib
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

from glcic_backend import __version__
from glcic_backend.daemon.allocator import give_back_large_blocks
from glcic_backend.daemon.engine import Engine, Library
from glcic_backend.daemon.limits import prepare_limits
from glcic_backend.daemon.model_room import ModelRoom
from glcic_backend.daemon.server import DEFAULT_CAPACITY, Server
from glcic_backend.daemon.sole import sole_daemon
from glcic_backend.errors import DaemonError
from glcic_backend.wire.codec import DEFAULT_MAX_BYTES, PROTOCOL_VERSION
from glcic_backend.wire.connection import (
    START_SECONDS,
    ConnectionInfo,
    prepare_run_folder,
    read_connection,
    remove_connection,
    run_folder,
    write_connection,
)
from glcic_backend.wire.credentials import new_secret
from glcic_backend.wire.errors import WireError

SOFTWARE = f"glcic-backend {__version__}"

_IPC = "ipc://"
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
        patience: seconds that another daemon is given to become ready or to end.
    """

    capacity: int = DEFAULT_CAPACITY
    max_bytes: int = DEFAULT_MAX_BYTES
    tcp: bool = False
    idle_exit: float = 0.0
    home: Path | None = None
    patience: float = START_SECONDS


def run_daemon(
    library: Callable[[], Library], options: DaemonOptions, ready: Callable[[ConnectionInfo, Engine], None]
) -> NoReturn:
    """Runs a daemon in this process, on the main thread, until SIGTERM, SIGINT, a `stop` request or its idle exit.

    It lets the running completion finish for three seconds, then cancels it; it is gone after five. A second signal
    ends it at once. The process ends from here, with exit code 0.

    Args:
        library: gives the models; called when it is certain that no other daemon runs, because it may take long.
        ready: called when clients can connect, with the engine of the default model.

    Raises:
        UnknownModelError: the default model cannot be used.
        EngineError: the engine's process died.
        DaemonRunningError: another daemon runs already.
        DaemonError: the system does not let it run; the text says what is missing.
        UnsafeFolderError: the folder of the connection file is open to others.
    """
    give_back_large_blocks()
    most = prepare_limits()
    folder = prepare_run_folder(options.home)
    with sole_daemon(folder / "daemon.lock", options), contextlib.closing(library()) as installed:
        models = ModelRoom(installed)
        secret = new_secret()

        def can_be_found() -> bool:
            with contextlib.suppress(WireError, OSError):
                return read_connection(options.home) == info and _socket_number(endpoint) == bound
            return False

        server = Server(
            models,
            secret,
            SOFTWARE,
            options.capacity,
            options.max_bytes,
            options.idle_exit * 60,
            most_peers=most,
            can_be_found=can_be_found,
        )
        endpoint = _bind(server, folder, options.tcp)
        bound = _socket_number(endpoint)
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
                with contextlib.suppress(OSError):
                    Path(endpoint.removeprefix(_IPC)).unlink()
        if not engine_is_free:
            log.warning("the engine did not leave its job; its process was ended")
    # Tidying up the libraries, for nobody, would take a second of the five.
    logging.shutdown()
    os._exit(0)


def _bind(server: Server, folder: Path, tcp: bool) -> str:
    try:
        for left_behind in folder.glob("daemon*.sock"):
            left_behind.unlink(missing_ok=True)
        return server.bind(choose_endpoint(folder, tcp))
    except OSError as error:
        raise DaemonError(
            f"The daemon's socket in {folder} cannot be made: {error.strerror}. Look at what lies there"
            f"{f', first of all {error.filename}' if error.filename else ''}, and remove it; then start it again."
        ) from error


def _socket_number(endpoint: str) -> int:
    """Number of the file that is the socket, 0 for a port."""
    return os.lstat(endpoint.removeprefix(_IPC)).st_ino if endpoint.startswith(_IPC) else 0


def choose_endpoint(folder: Path, tcp: bool) -> str:
    """Endpoint to bind: a Unix socket in `folder` if the system has them and the path is not too long, else TCP."""
    # A name of its own: a daemon whose folder was deleted, and made anew by the next one, must not end by removing the
    # socket of that one.
    path = str((folder / f"daemon-{os.getpid()}.sock").absolute())
    if hasattr(socket, "AF_UNIX") and not tcp and len(os.fsencode(path)) <= _MAX_SOCKET_PATH_BYTES:
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
def _signals_stop(server: Server) -> Iterator[None]:
    """Within it SIGTERM and SIGINT ask the server to stop."""

    def handle(_number: int, _frame: FrameType | None) -> None:
        """The byte that the signal has written to the wake-up handle says it all."""

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    # The byte wakes the server's poll at once, which a handler alone would not.
    old_handle = signal.set_wakeup_fd(server.wake_handle, warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(old_handle)
        for number, handler in before.items():
            signal.signal(number, handler)
