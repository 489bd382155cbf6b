"""Trains one configuration within an experiment, or goes on with what was begun."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from glcic_backend.errors import CancelledError, InvalidInputError
from glcic_train.config import load_config
from glcic_train.experiments.budget import Budget
from glcic_train.training.checkpoint import checkpoint_paths
from glcic_train.training.inspect_run import export_run
from glcic_train.training.records import Ending
from glcic_train.training.run import read_run, resume_run, start_run


def trained_model(name: str, data: Sequence[str], out: Path, budget: Budget, settings: Sequence[str]) -> Path:
    """The model of a run of a configuration: OUT/NAME.safetensors, of the run in OUT/runs/NAME.

    A run that is there already goes on to its end; one that has ended is used as it is.

    Args:
        name: of the configuration.
        data: photographs.
        out: the experiment's folder.
        budget: length of the run.
        settings: `section.key=value`; they win over the budget.

    Raises:
        CancelledError: the run was interrupted; the same command goes on.
        InvalidInputError: the run there is another one, or as `run.start_run`.
        DivergedError, OutputError: as `run.start_run`.
    """
    folder, model = out / "runs" / name, out / f"{name}.safetensors"
    config = load_config(name, [*budget.settings(load_config(name, settings).schedule), *settings])
    if checkpoint_paths(folder):
        begun, _ = read_run(folder)
        if replace(begun, run=config.run) != config:
            raise InvalidInputError(
                f"The run in {folder} was begun with another budget or other settings. Give those, or another --out."
            )
        ending = resume_run(folder, data, settings)
    else:
        folder.mkdir(parents=True, exist_ok=True)
        ending = start_run(config, data, folder)
    if ending is not Ending.FINISHED:
        raise CancelledError(f"The run in {folder} was stopped. The same command goes on with it.")
    export_run(folder, model, {"name": name}, "float16", batches=0)
    return model
