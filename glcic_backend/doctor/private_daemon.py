"""A daemon of its own for a test, in a folder of its own, gone afterwards whatever happens."""

import contextlib
import os
import shutil
import subprocess
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path

from glcic_backend import __version__
from glcic_backend.errors import DaemonError
from glcic_backend.wire.client import DaemonClient
from glcic_backend.wire.errors import DaemonNotRunningError

START_SECONDS, STOP_SECONDS = 180.0, 15.0


@contextlib.contextmanager
def private_daemon(home: Path, device: str) -> Iterator[subprocess.Popen[bytes]]:
    """A daemon process for a `with` block.

    Args:
        home: its home folder, where its log is too.
        device: auto, cpu, cuda or mps.

    Raises:
        DaemonError: the program is not installed.
    """
    program = shutil.which("glcic-backend", path=sysconfig.get_path("scripts"))
    if program is None:
        raise DaemonError("The command glcic-backend is not installed beside this Python: run python3 install.py.")
    with open(_log(home), "wb") as log:
        process = subprocess.Popen(
            [program, "serve", "--device", device],
            env=os.environ | {"GLCIC_HOME": str(home)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def connect(home: Path, process: subprocess.Popen[bytes]) -> DaemonClient:
    """Wait until the daemon answers. Raises DaemonError when it ends or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            return DaemonClient.connect(home, software=f"glcic-backend {__version__}")
        except DaemonNotRunningError:
            if process.poll() is not None:
                text = f"The daemon ended with code {process.returncode} while it started."
                raise DaemonError(f"{text} It said:\n{last_words(home)}") from None
            if time.monotonic() > deadline:
                text = f"The daemon was not ready after {START_SECONDS:.0f} s."
                raise DaemonError(f"{text} It said:\n{last_words(home)}") from None
        time.sleep(0.1)


def _log(home: Path) -> Path:
    return home / "daemon.log"


def last_words(home: Path) -> str:
    """The end of what a daemon has said."""
    return "\n".join(_log(home).read_text(encoding="utf-8", errors="replace").splitlines()[-8:])
