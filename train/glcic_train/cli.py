"""Command line `glcic-train`."""

import click


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def group() -> None:
    """Train the completion network of GLCIC on your own photographs."""


def main() -> None:
    """Entry point of the console script."""
    group()
