"""`glcic-backend status`: how the daemon is."""

import dataclasses
import json
import sys

import click

from glcic_backend import __version__
from glcic_backend.wire.client import DaemonClient
from glcic_backend.wire.codec import PROTOCOL_VERSION
from glcic_backend.wire.errors import DaemonNotRunningError
from glcic_backend.wire.messages import StatusReply


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(as_json: bool) -> None:
    """Say whether the daemon runs, and what it is at.

    Exit codes: 0 it runs, 1 none runs, 2 it cannot be talked to.
    """
    try:
        with DaemonClient.connect(software=f"glcic-backend {__version__}") as daemon:
            status, endpoint = daemon.status(), daemon.info.endpoint
    except DaemonNotRunningError as error:
        click.echo(json.dumps({"running": False, "reason": str(error)}) if as_json else str(error))
        sys.exit(error.exit_code)
    if as_json:
        values = dataclasses.asdict(status)
        del values["id"]
        click.echo(
            json.dumps({"running": True, "endpoint": endpoint, "protocol": PROTOCOL_VERSION, **values}, indent=2)
        )
    else:
        click.echo(_describe(status, endpoint))


def _describe(status: StatusReply, endpoint: str) -> str:
    minutes, seconds = divmod(int(status.uptime_seconds), 60)
    advice = " Look into its log, then run `glcic-backend stop` and try again." if status.state == "dead" else ""
    return (
        f"{status.software} is {status.state}: process {status.pid} at {endpoint}, model {status.model} on "
        f"{status.device}, up {minutes} min {seconds} s; {status.waiting} waiting, {status.completed} completed, "
        f"{status.failed} failed, {status.cancelled} cancelled, {status.refused} refused as busy.{advice}"
    )
