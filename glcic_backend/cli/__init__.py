"""Command line `glcic-backend`. One module per command; a command's module is imported only when it is called."""

import importlib

import click

from glcic_backend import __version__
from glcic_backend.cli.entry import run_group
from glcic_backend.threads import wait_without_spinning

# Each is a module of this package that holds a click command named `command`.
_COMMANDS = ["complete", "serve", "status", "stop", "models", "bench", "selftest", "doctor", "gimp"]


class _LazyGroup(click.Group):
    """Imports a command when it is needed: `status` must not wait for torch."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return _COMMANDS

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"glcic_backend.cli.{cmd_name}")
        command: click.Command = module.command
        return command


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="glcic-backend")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.pass_context
def group(ctx: click.Context, debug: bool) -> None:
    """Image completion by GLCIC: fill holes in photographs, from the shell or as the daemon behind GIMP.

    Exit codes: 0 done; 1 some files of a batch failed; 2 wrong use, or an input or model that cannot be used;
    3 unexpected error; 130 cancelled.
    """
    ctx.obj = {"debug": debug}


def main() -> None:
    """Entry point of the console script."""
    wait_without_spinning()
    run_group(group, "glcic-backend")
