"""`glcic-backend serve`: the daemon."""

import faulthandler
import logging
import sys
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import IO

import click

from glcic_backend.cli.engine_options import engine_options
from glcic_backend.daemon.engine import Engine, Library
from glcic_backend.daemon.lifecycle import DaemonOptions, run_daemon
from glcic_backend.daemon.server import DEFAULT_CAPACITY
from glcic_backend.errors import OutputError
from glcic_backend.wire.codec import DEFAULT_MAX_BYTES, MAX_HEADER_BYTES
from glcic_backend.wire.connection import ConnectionInfo

_LOG_BYTES = 1 << 20


@click.command()
@engine_options
@click.option(
    "--queue",
    "capacity",
    metavar="N",
    type=click.IntRange(min=1),
    default=DEFAULT_CAPACITY,
    show_default=True,
    help="Completions that may run and wait together; the next one is told that the daemon is busy.",
)
@click.option(
    "--max-bytes",
    metavar="N",
    type=click.IntRange(min=MAX_HEADER_BYTES),
    default=DEFAULT_MAX_BYTES,
    show_default=True,
    help="Largest message, and largest total of the completions that run and wait.",
)
@click.option("--tcp", is_flag=True, help="Loopback TCP instead of a Unix socket.")
@click.option(
    "--idle-exit",
    metavar="MINUTES",
    type=click.FloatRange(min=0),
    default=0,
    show_default=True,
    help="End after so long without a request; 0 for never.",
)
@click.option("--log-file", metavar="FILE", type=click.Path(path_type=Path), help="Log here instead of to stderr.")
def command(
    model: str | None,
    device: str,
    threads: int | None,
    capacity: int,
    max_bytes: int,
    tcp: bool,
    idle_exit: float,
    log_file: Path | None,
) -> None:
    """Run the daemon that GIMP and other programs of this user send their completions to.

    It answers on this machine only, and only to those who can read its connection file. It prints one line when it is
    ready, and ends at Ctrl+C, SIGTERM, `glcic-backend stop` or its idle exit. MODEL is the one for clients that name
    none; other installed ones are loaded on demand. Exit codes: 0 ended as asked, 2 it cannot run,
    4 another one is running.
    """
    faults = _log_to(log_file)
    faulthandler.enable(faults)

    def library() -> Library:
        from glcic_backend.daemon.engine_process import EngineProcess, engine_command

        process = EngineProcess(engine_command(device, threads), complaints=faults)
        # Imports torch, which takes seconds: here while the engine's process does the same, and not before it is
        # certain that no other daemon runs.
        from glcic_backend.daemon.installed_models import InstalledModels

        return InstalledModels(model, process)

    run_daemon(library, DaemonOptions(capacity, max_bytes, tcp, idle_exit), _announce)


def _announce(info: ConnectionInfo, engine: Engine) -> None:
    line = f"ready: process {info.pid} at {info.endpoint}, model {engine.model.info.name} on {engine.device}"
    click.echo(f"glcic-backend {line}", err=True)
    logging.getLogger(__name__).info(line)


def _log_to(path: Path | None) -> IO[bytes]:
    """Sets the log up. Returns the file for what no logger can say: where a crash was, what a library complains of."""
    handler: logging.Handler = logging.StreamHandler(sys.stderr)
    handler.setLevel(logging.WARNING)
    faults: IO[bytes] = sys.stderr.buffer
    if path is not None:
        try:
            handler = RotatingFileHandler(path, maxBytes=_LOG_BYTES, backupCount=1, encoding="utf-8")
            faults = path.open("ab", buffering=0)
        except OSError as error:
            raise OutputError(f"The log file {path} cannot be opened: {error.strerror}. Choose another one.") from None
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", handlers=[handler]
    )
    return faults
