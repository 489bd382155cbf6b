"""Command line `glcic-train`. Commands import torch when they are called, so that --help is quick."""

import click

from glcic_backend import __version__
from glcic_backend.cli.entry import run_group
from glcic_train.cli.data import data
from glcic_train.cli.evaluate import evaluate
from glcic_train.cli.experiment import experiment
from glcic_train.cli.runs import configs, export, preview, resume, run
from glcic_train.cli.study import study


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="glcic-train")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def group(debug: bool) -> None:
    """Train the completion network of GLCIC on your own photographs.

    Exit codes: 0 done; 2 wrong use, or something that you can put right; 3 unexpected error; 130 interrupted.
    """


for command in (data, evaluate, experiment, study, run, resume, configs, preview, export):
    group.add_command(command)


def main() -> None:
    """Entry point of the console script."""
    run_group(group, "glcic-train")
