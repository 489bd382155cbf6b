"""How a command line of this project ends: an exit code, and one readable paragraph where something went wrong."""

import sys
import traceback

import click

from glcic_backend.errors import GlcicError, as_options
from glcic_backend.wire.errors import WireError


def run_group(group: click.Group, program: str) -> None:
    """Run a command line and exit.

    Exit codes: 0 done; that of the error; 130 cancelled; 3 unexpected. A traceback is shown with --debug only.

    Args:
        group: the commands.
        program: name of the console script, for the advice on an unexpected error.
    """
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
        click.echo(click.style("Error", fg="red") + f": {as_options(str(error))}", err=True)
        sys.exit(error.exit_code)
    except Exception as error:
        if debug:
            traceback.print_exc()
        click.echo(
            f"Unexpected error: {type(error).__name__}: {error}\n"
            f"This is a defect. Run the command again as `{program} --debug ...` and report what it prints.",
            err=True,
        )
        sys.exit(3)
