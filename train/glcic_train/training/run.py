"""Starts, resumes and profiles runs: puts the parts together."""

import contextlib
import json
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from glcic_backend.atomic_file import write_atomically
from glcic_backend.errors import InvalidInputError
from glcic_backend.model_files.library import resolve_model
from glcic_backend.network.completion_network import network_input
from glcic_train.config import Config, load_config, to_toml
from glcic_train.data import PhotoSet
from glcic_train.data.sources import absolute, is_command, is_named_as
from glcic_train.training.batches import BatchSource
from glcic_train.training.checkpoint import checkpoint_paths, load_checkpoint
from glcic_train.training.distributed import Processes, join_processes
from glcic_train.training.held_out import HeldOut
from glcic_train.training.loop import train
from glcic_train.training.networks import Networks
from glcic_train.training.photographs import open_source
from glcic_train.training.records import Ending, Records
from glcic_train.training.schedule import Schedule
from glcic_train.training.start import Continued, continued, of_checkpoint, start_from, widened
from glcic_train.training.updates import Updates

CONFIG_FILE, DATA_FILE, JOB_FILE = "config.toml", "data.json", "job.txt"


def start_run(config: Config, data: Sequence[str | Path], folder: Path) -> Ending:
    """Train from the beginning.

    Args:
        config: what to do.
        data: folders of shards, single shards, addresses of shards, or `pipe:COMMAND`.
        folder: the run's folder, made here. It keeps configuration, log, checkpoints and pictures.

    Raises:
        InvalidInputError: the folder holds a run already, or configuration and data do not fit.
        DivergedError, OutputError: as `loop.train`.
    """
    if checkpoint_paths(folder):
        if _is_the_same_job(folder):
            return resume_run(folder, data)
        raise InvalidInputError(
            f"{folder} holds a run already. Go on with `glcic-train resume {folder}`, or give another folder as --out."
        )
    if config.completion.needs_start and not config.completion.start:
        raise InvalidInputError(
            f"The configuration {config.name} starts from a trained completion network, and completion.start names "
            "none. Add --set completion.start=MODEL.safetensors, or a checkpoint (.pt)."
        )
    with assemble(config, data, folder) as parts:
        if parts.processes.leads:
            write_atomically(folder / CONFIG_FILE, to_toml(config).encode())
            write_atomically(folder / JOB_FILE, _job().encode())
            write_atomically(folder / DATA_FILE, json.dumps([absolute(name) for name in data]).encode())
        if config.completion.start:
            _load_start(config, parts)
        return _train(config, parts, folder, checkpoint=None)


def _job() -> str:
    """What torchrun calls the job: --rdzv-id, or a name of its own for --standalone; "" where nobody gave it a name."""
    job = os.environ.get("TORCHELASTIC_RUN_ID", "")
    return "" if job == "none" else job


def _is_the_same_job(folder: Path) -> bool:
    """Whether torchrun starts the command that made a run's folder again: after a failure, or a host that came back."""
    if int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) > 0:
        return True
    recorded = folder / JOB_FILE
    return bool(_job()) and recorded.is_file() and recorded.read_text(encoding="utf-8") == _job()


def resume_run(folder: Path, data: Sequence[str | Path] = (), settings: Sequence[str] = ()) -> Ending:
    """Go on from the newest checkpoint of a run.

    Args:
        folder: the run's folder.
        data: where the photographs are now; empty = where they were.
        settings: `section.key=value` changes of the configuration, for this session.

    Raises:
        ModelFileError: there is no checkpoint that can be read.
        InvalidInputError, DivergedError, OutputError: as `start_run`.
    """
    checkpoint = load_checkpoint(folder)
    config, recorded = read_run(folder, settings)
    if not data:
        refuse_commands(folder, recorded)
    with assemble(config, data or recorded, folder, checkpoint) as parts:
        return _train(config, parts, folder, checkpoint)


def read_run(folder: Path, settings: Sequence[str] = ()) -> tuple[Config, list[str]]:
    """The configuration of a run, and where its photographs were.

    Raises:
        InvalidInputError: the folder is not that of a run.
    """
    try:
        data = [str(name) for name in json.loads((folder / DATA_FILE).read_text(encoding="utf-8"))]
    except (OSError, ValueError) as error:
        raise InvalidInputError(
            f"{folder} is not the folder of a run: {DATA_FILE} cannot be read ({error}). "
            "Name the folder that was given as --out."
        ) from error
    return load_config(str(folder / CONFIG_FILE), settings), data


def refuse_commands(folder: Path, recorded: Sequence[str]) -> None:
    """Raise InvalidInputError if the data that a run's folder names is made by a command.

    Whoever passes a run's folder on must not choose what the next one executes.
    """
    for name in recorded:
        if is_command(name):
            raise InvalidInputError(
                f"{folder} was trained on the output of a command, {name!r}, and a command is not taken from a file. "
                "If you trust it, name it again: --data 'pipe:COMMAND'."
            )


@dataclass
class Parts:
    """What a run is made of."""

    networks: Networks
    updates: Updates
    batches: BatchSource
    held_out: HeldOut | None
    mean_pixel: Tensor
    device: torch.device
    processes: Processes


@contextlib.contextmanager
def assemble(
    config: Config,
    data: Sequence[str | Path],
    folder: Path | None,
    checkpoint: Mapping[str, Any] | None = None,
) -> Iterator[Parts]:
    """Build everything, and end the helper processes afterwards.

    Args:
        folder: made here, holds caches; None keeps nothing.
        checkpoint: of the run that is resumed: it says the mean pixel and the channels. None = a new run.
    """
    processes, device = join_processes(config.run.device)
    try:
        with processes.together():
            _prepare_torch(config, device)
            if folder is not None:
                folder.mkdir(parents=True, exist_ok=True)
            going_on = _going_on(config, checkpoint)
            known = going_on.mean_pixel if going_on is not None else None
            resumed = checkpoint is not None
            source, mean_pixel = open_source(config, data, folder, known, processes, device, resumed)
            networks = Networks(config, device, processes, going_on.channels if going_on is not None else None)
            batches = BatchSource(config, source, processes, device)
            try:
                mean = torch.tensor(mean_pixel)
                updates = Updates(config, networks, mean, device, processes)
                held_out = open_held_out(config, data) if processes.leads and config.validation.count else None
                yield Parts(networks, updates, batches, held_out, mean, device, processes)
            finally:
                batches.close()
    finally:
        processes.leave()


def _going_on(config: Config, checkpoint: Mapping[str, Any] | None) -> Continued | None:
    """The network that decides C's channels and the mean pixel; None = the configuration and the photographs do."""
    if checkpoint is not None:
        return of_checkpoint(checkpoint)
    if config.completion.channels == "width":
        return None
    start = continued(start_path(config))
    return start if config.completion.channels == "start" else widened(start, config.completion.width)


def open_held_out(config: Config, data: Sequence[str | Path]) -> HeldOut | None:
    """Photographs of the validation split, if the data has one: those of folders, and shards named `val-*`."""
    # A shard that is named itself is read whatever the split: those that are trained on must stay out.
    named = [name for name in data if Path(name).is_dir() or is_named_as(name, "val")]
    if not named:
        return None
    try:
        photos = PhotoSet.open(named, "val", max_damaged=config.data.max_damaged)
    except InvalidInputError:
        return None
    return HeldOut.open(config, photos)


def _prepare_torch(config: Config, device: torch.device) -> None:
    if config.run.threads:
        torch.set_num_threads(config.run.threads)
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True
        torch.set_float32_matmul_precision("high")


def start_path(config: Config) -> Path:
    """Where the start model is: `completion.start` is a file, a run's folder, or the name of an installed model.

    Raises:
        ModelFileError: it is none of these.
    """
    path = Path(config.completion.start)
    return path if path.exists() else resolve_model(config.completion.start)


def _load_start(config: Config, parts: Parts) -> None:
    """Put the start model's weights into C and its moving average."""
    batch = parts.batches.batch(0, Schedule(config).stage(0))
    inputs = network_input(batch.images, batch.holes.mask, parts.mean_pixel)
    networks, start = parts.networks, start_path(config)
    start_from(start, networks.completion, inputs)
    networks.trained_on(continued(start).feature_networks)
    if networks.average is not None:
        networks.average.network.load_state_dict(networks.completion.state_dict())


def _train(config: Config, parts: Parts, folder: Path, checkpoint: dict[str, Any] | None) -> Ending:
    records = Records(config, folder, parts.networks, parts.mean_pixel, parts.held_out, parts.device, parts.processes)
    if checkpoint is not None:
        records.restore(checkpoint)
    ending = None
    try:
        with _signals_interrupt(records):
            ending = train(config, parts.networks, parts.updates, parts.batches, records, parts.processes)
    finally:
        records.close(ending)
    return ending


@contextlib.contextmanager
def _signals_interrupt(records: Records) -> Iterator[None]:
    """The first Ctrl+C or SIGTERM ends the session with a checkpoint; the second one acts as usual."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    previous = [signal.getsignal(number) for number in numbers]

    def interrupt(number: int, frame: Any) -> None:
        records.interrupt()
        for one, handler in zip(numbers, previous, strict=True):
            signal.signal(one, handler)

    for number in numbers:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in zip(numbers, previous, strict=True):
            signal.signal(number, handler)
