"""Turns a checkpoint into a model file for GIMP."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from glcic_backend.errors import ModelFileError
from glcic_backend.model_files.model_file import ModelInfo
from glcic_backend.network.completion_network import CompletionNetwork
from glcic_train.config.schema import Config
from glcic_train.training.start import channels_of


def describe(
    config: Config,
    mean_pixel: Sequence[float],
    step: int,
    feature_networks: Sequence[str] = (),
    training_data: str = "",
    licence: str = "",
    attribution: str = "",
) -> ModelInfo:
    """What a model file says about a network trained by `config` for `step` iterations.

    Args:
        feature_networks: those that it was trained on, by `config` or before.
    """
    red, green, blue = mean_pixel
    kinds = tuple(kind for kind, weight in vars(config.masks.weights).items() if weight)
    stages = [stage.hole for stage in config.schedule.stages] + [config.masks.hole]
    return ModelInfo(
        name=config.name,
        mean_pixel=(red, green, blue),
        hole_range=(min(low for low, _ in stages), max(high for _, high in stages)),
        mask_kinds=kinds,
        training_data=training_data,
        licence=licence,
        attribution=attribution,
        feature_networks=tuple(feature_networks),
        recipe=f"{config.name}: {config.summary}; {step} iterations",
    )


def completion_of(checkpoint: Mapping[str, Any]) -> CompletionNetwork:
    """The completion network of a checkpoint, its moving average if it has one; in evaluation mode, on the CPU."""
    parts = checkpoint["networks"]
    state = parts.get("average", parts["completion"])
    network = CompletionNetwork(outputs=channels_of(state))
    network.load_state_dict(state)
    return network.eval()


@torch.no_grad()
def interpolate(network: CompletionNetwork, origin: CompletionNetwork, share: float, path: Path) -> None:
    """Take a network's weights and statistics back towards those of the network that its training began with.

    Args:
        network: changed in place.
        origin: where `share` is 0; with the same channels.
        share: 0..1; at 1 nothing changes.
        path: of `origin`, for the message.

    Raises:
        ModelFileError: `origin` has other channels.
    """
    if origin.outputs != network.outputs:
        raise ModelFileError(
            f"{path} has other channels than the run ({sum(origin.outputs)} and {sum(network.outputs)} in all), so "
            "there is no way between them. Name the run or checkpoint that the run started from."
        )
    began = origin.state_dict()
    for name, values in network.state_dict().items():
        if values.is_floating_point():
            values.copy_(torch.lerp(began[name], values, share))


@torch.no_grad()
def estimate_statistics(network: CompletionNetwork, inputs: Iterable[Tensor]) -> None:
    """Replace the running statistics of a network's batch normalisation by those of some batches.

    Those that a moving average brings along were made by other weights than its own.

    Args:
        network: changed in place; in evaluation mode afterwards.
        inputs: float [N, 4, S, S] each, as `network_input` makes them, on the network's device.
    """
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # torch's way to ask for the plain mean over all batches
    network.train()
    for batch in inputs:
        network(batch)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    network.eval()
