"""`glcic-backend stop`: ends the daemon."""

import click

from glcic_backend import __version__
from glcic_backend.wire.client import DaemonClient


@click.command()
def command() -> None:
    """End the daemon, of whatever version; it may take five seconds to finish or cancel what it is at.

    Exit codes: 0 it has ended, 1 none was running, 2 it cannot be talked to.
    """
    with DaemonClient.connect(software=f"glcic-backend {__version__}", any_protocol=True) as daemon:
        daemon.stop()
        click.echo(f"Stopped process {daemon.info.pid}.")
