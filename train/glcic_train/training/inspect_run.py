"""Looks at a run from outside: its preview and its export. Neither disturbs a run that is still going on."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from glcic_backend.errors import InvalidInputError
from glcic_backend.model_files.model_file import ModelInfo, save_model
from glcic_backend.network.completion_network import fold_batch_norm, network_input
from glcic_train.data import PhotoSet
from glcic_train.data.loader import LoadedPhotos
from glcic_train.data.manifest import read_manifest
from glcic_train.training.batches import BatchSource
from glcic_train.training.checkpoint import load_checkpoint
from glcic_train.training.dead_channels import silence_dead_channels
from glcic_train.training.distributed import Processes
from glcic_train.training.export import completion_of, describe, estimate_statistics, interpolate
from glcic_train.training.held_out import HeldOut
from glcic_train.training.pictures import encode_png, picture_grid
from glcic_train.training.run import open_held_out, read_run
from glcic_train.training.schedule import Schedule
from glcic_train.training.start import of_checkpoint

_CPU = torch.device("cpu")
_NOT_STATED = "not stated"


def preview_run(folder: Path, data: Sequence[str | Path], count: int) -> bytes:
    """PNG with one row per photograph: input, completion, blended completion, truth.

    Args:
        folder: the run's folder; its newest checkpoint is shown.
        data: where the photographs are now; empty = where they were. Validation photographs if there are any.
        count: photographs shown.
    """
    checkpoint = load_checkpoint(folder)
    config, recorded = read_run(folder)
    config = replace(config, validation=replace(config.validation, count=count))
    held_out = open_held_out(config, data or recorded) or HeldOut.open(config, PhotoSet.open(data or recorded))
    info = describe(config, checkpoint["mean_pixel"], checkpoint["step"])
    return encode_png(picture_grid(completion_of(checkpoint), info, held_out, _CPU, count))


def export_run(
    source: Path,
    target: Path,
    stated: Mapping[str, str],
    precision: str,
    batches: int,
    dead: int = 0,
    origin: Path | None = None,
    share: float = 1.0,
) -> ModelInfo:
    """Write the completion network of a run as a model file: moving average, folded, described.

    Args:
        source: the run's folder, or one of the checkpoints in it.
        target: the model file.
        stated: values of `ModelInfo` that replace those known from the run.
        precision: `float16` or `float32`, of the stored weights.
        batches: > 0: estimate the statistics of batch normalisation anew from so many batches of training data.
        dead: > 0: leave out the channels that nothing in so many batches of training data activates.
        origin: the run that this one went on from, or a checkpoint of it.
        share: how far the weights are from `origin`'s (0) to the run's own (1). Between phase one and a joint phase
            with frozen statistics that is between blur and texture (network interpolation, Wang et al. 2018).

    Raises:
        ModelFileError: a checkpoint cannot be used, or `origin` has other channels.
        OutputError: the file cannot be written.
    """
    if target.suffix != ".safetensors":
        raise InvalidInputError(f"{target} does not end in .safetensors, the only format of model files.")
    checkpoint = load_checkpoint(source)
    config, data = read_run(source if source.is_dir() else source.parent)
    network = completion_of(checkpoint)
    if origin is not None:
        interpolate(network, completion_of(load_checkpoint(origin)), share, origin)
    mean_pixel = torch.tensor(checkpoint["mean_pixel"])
    if batches or dead:
        photos = LoadedPhotos(PhotoSet.open(data), _CPU, workers=0)
        source_of_batches = BatchSource(config, photos, Processes(), _CPU)
        # The crops of the last iterations: those that the network was trained for.
        stage = Schedule(config).stage(config.schedule.total_steps)
        drawn = (source_of_batches.batch(number, stage) for number in itertools.count())
        inputs = (network_input(batch.images, batch.holes.mask, mean_pixel) for batch in drawn)
        if batches:
            estimate_statistics(network, itertools.islice(inputs, batches))
        if dead:
            network = fold_batch_norm(network)
            silence_dead_channels(network, itertools.islice(inputs, dead))
    features = of_checkpoint(checkpoint).feature_networks
    info = describe(config, checkpoint["mean_pixel"], checkpoint["step"], features, *_data_description(data))
    return save_model(target, network, replace(info, **stated), getattr(torch, precision))


def _data_description(data: Sequence[str]) -> tuple[str, str, str]:
    """Training data, licence and attribution, as the manifests of prepared folders state them."""
    manifests = [manifest for name in data if Path(name).is_dir() and (manifest := read_manifest(Path(name)))]

    def joined(key: str) -> str:
        return "; ".join(dict.fromkeys(text for manifest in manifests if (text := manifest.get(key)))) or _NOT_STATED

    return joined("source"), joined("licence"), joined("attribution")
