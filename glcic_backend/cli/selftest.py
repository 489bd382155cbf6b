"""`glcic-backend selftest`: does this installation work?"""

import signal
from pathlib import Path
from typing import NoReturn

import click

from glcic_backend.cli.engine_options import device_option


@click.command(name="selftest")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=".", help="Folder of the picture.")
@device_option
def command(out: Path, device: str) -> None:
    """Complete a bundled photograph through a daemon started for it, and write a picture of before and after.

    A daemon that runs already is left alone. Exit code 0 only if the daemon started, answered and ended, the hole was
    filled, and no sample outside it has changed.
    """
    from glcic_backend.doctor.selftest import run_self_test

    # Like Ctrl+C, so that the daemon is ended too.
    signal.signal(signal.SIGTERM, _interrupt)
    run_self_test(out.absolute(), device=device, tell=click.echo)


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt
