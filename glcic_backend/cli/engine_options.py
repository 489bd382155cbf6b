"""The options of all commands that run the engine."""

from collections.abc import Callable
from typing import Any

import click

from glcic_backend.network.devices import DEVICE_CHOICES

device_option = click.option(
    "--device", type=click.Choice(DEVICE_CHOICES), default="auto", show_default=True, help="Where to compute."
)


def engine_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --model, --device and --threads, which `Inpainter.load` takes by these names."""
    for option in (
        click.option("--threads", type=click.IntRange(min=1), metavar="N", help="CPU threads; default: torch decides."),
        device_option,
        click.option("--model", metavar="NAME|FILE", help="Model to use; default: see `glcic-backend models`."),
    ):
        command = option(command)
    return command
