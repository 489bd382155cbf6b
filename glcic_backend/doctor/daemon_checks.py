"""The daemon: its folder and socket, and whether it runs or could be started."""

import os
import tempfile
import time
from pathlib import Path

from glcic_backend import __version__
from glcic_backend.daemon.lifecycle import SOFTWARE, choose_endpoint
from glcic_backend.doctor.finding import FAILED, OK, WARNING, Finding
from glcic_backend.doctor.private_daemon import connect, private_daemon
from glcic_backend.errors import GlcicError
from glcic_backend.installer.prefix import nearest_existing
from glcic_backend.wire.client import DaemonClient
from glcic_backend.wire.connection import read_connection, run_folder
from glcic_backend.wire.errors import DaemonNotRunningError, WireError


def check_socket() -> list[Finding]:
    """The folder of the connection file and the socket: can be written by this user, by nobody else."""
    folder = run_folder()
    there = nearest_existing(folder)
    if not os.access(there, os.W_OK):
        advice = "Make it yours again, or set GLCIC_HOME to a folder of your own."
        return [Finding("socket", FAILED, f"{there} cannot be written by you", advice)]
    try:
        read_connection()
    except DaemonNotRunningError:
        pass  # said by the next check
    except WireError as error:
        sentence, _, advice = str(error).partition(". ")
        return [Finding("socket", FAILED, sentence, advice or "Set GLCIC_HOME to a folder of your own.")]
    if choose_endpoint(folder, tcp=False).startswith("ipc"):
        return [Finding("socket", OK, f"a Unix socket in {folder}, which is closed to others")]
    return [Finding("socket", OK, f"a port of 127.0.0.1; the connection file in {folder} is closed to others")]


def check_daemon() -> list[Finding]:
    """The running daemon answers; where none runs, one can be started."""
    try:
        with DaemonClient.connect(software=SOFTWARE) as client:
            status, endpoint = client.status(), client.info.endpoint
    except DaemonNotRunningError:
        return [_start_one()]
    except WireError as error:
        return [Finding("daemon", FAILED, str(error), "Run `glcic-backend stop`; the plug-in starts it when needed.")]
    text = f"process {status.pid} runs at {endpoint}, model {status.model} on {status.device}, is {status.state}"
    if status.state == "dead":
        text = f"process {status.pid} runs at {endpoint}, but its engine has died too often in a row"
        return [Finding("daemon", FAILED, text, "Look into its log, then run `glcic-backend stop` and try again.")]
    if status.software != SOFTWARE:
        advice = "Run `glcic-backend stop`; the plug-in starts the new one when needed."
        return [Finding("daemon", WARNING, f"{text}, but is {status.software}, not {__version__}", advice)]
    return [Finding("daemon", OK, text)]


def _start_one() -> Finding:
    started = time.monotonic()
    try:
        with (
            tempfile.TemporaryDirectory(prefix="glcic-", ignore_cleanup_errors=True) as home,
            private_daemon(Path(home), "auto") as process,
            connect(Path(home), process) as client,
        ):
            status = client.status()
            client.stop()
    except (GlcicError, WireError, OSError) as error:
        advice = "`glcic-backend serve` in a terminal shows more."
        return Finding("daemon", FAILED, f"none runs, and none can be started: {error}", advice)
    seconds = time.monotonic() - started
    text = f"none runs; one could be started (and ended) in {seconds:.1f} s, model {status.model} on {status.device}"
    return Finding("daemon", OK, text)
