"""Command line `glcic-backend`. One module per command; a command's module is imported only when it is called."""

import importlib
import sys
import traceback

import click

from glcic_backend import __version__
from glcic_backend.errors import GlcicError
from glcic_backend.wire.errors import WireError

# Command name -> module of this package that holds a click command named `command`.
_COMMANDS = {
    "complete": "complete",
    "serve": "serve",
    "status": "status",
    "stop": "stop",
    "models": "models",
    "bench": "bench",
    "selftest": "selftest",
}


class _LazyGroup(click.Group):
    """Imports a command when it is needed: `status` must not wait for torch."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"glcic_backend.cli.{_COMMANDS[cmd_name]}")
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
    """Entry point of the console script: turns errors into one readable paragraph and an exit code."""
    debug = "--debug" in sys.argv
    try:
        sys.exit(group(standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Cancelled.", err=True)
        sys.exit(130)
    except (GlcicError, WireError) as error:
        if debug:
            traceback.print_exc()
        click.echo(f"Error: {error}", err=True)
        sys.exit(error.exit_code)
    except Exception as error:
        if debug:
            traceback.print_exc()
        click.echo(
            f"Unexpected error: {type(error).__name__}: {error}\n"
            "This is a defect. Run the command again as `glcic-backend --debug ...` and report what it prints.",
            err=True,
        )
        sys.exit(3)
