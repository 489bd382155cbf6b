"""`glcic-backend gimp`: the plug-in into every GIMP 3 of this user, and out again, for packages that pip installs."""

import click

from glcic_backend.installer.gimp_only import install_into_gimps, remove_from_gimps


@click.group(name="gimp")
def command() -> None:
    """Put the plug-in into GIMP, or take it out: for who installed this package by pip, without install.py."""


@command.command()
def install() -> None:
    """Put the plug-in into every GIMP 3 that is found, over an older one; then restart GIMP."""
    for folder in install_into_gimps():
        click.echo(folder)
    click.echo("Restart GIMP, select what should go, then Filters > Inpaint Selection.")


@command.command()
def uninstall() -> None:
    """Take out of GIMP what `gimp install` has put there. A file that was changed since is left alone."""
    removed, left = remove_from_gimps()
    for sentence in left:
        click.echo(sentence)
    click.echo(f"Removed {len(removed) - len(left)} files and folders.")
