"""Starts training from a network that exists already (section 4.5: CelebA and facades start from Places2)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from glcic_backend.errors import ModelFileError
from glcic_backend.model_files.model_file import load_model
from glcic_backend.network.completion_network import (
    TABLE_2,
    CompletionNetwork,
    embed,
    outputs_first,
    scaled_channels,
)
from glcic_train.training.checkpoint import load_checkpoint


class Continued(NamedTuple):
    """What a run takes over that goes on with a network as it is."""

    channels: tuple[int, ...]
    """Of each layer's output. Channels of a model file that are all zero do not count."""
    mean_pixel: tuple[float, ...]
    """RGB, 0..1, that the network's inputs are relative to."""
    feature_networks: tuple[str, ...]
    """Whose features it was trained on."""


def continued(path: Path) -> Continued:
    """Read what a run takes over from a model file, a checkpoint, or the newest checkpoint of a run's folder.

    Raises as `start_from` does.
    """
    if path.is_dir() or path.suffix == ".pt":
        return of_checkpoint(load_checkpoint(path))
    model = load_model(path)
    return Continued(model.network.outputs, model.info.mean_pixel, model.info.feature_networks)


def of_checkpoint(checkpoint: Mapping[str, Any]) -> Continued:
    """What a run takes over from a checkpoint; those from before there was a loss on features name none."""
    channels = channels_of(checkpoint["networks"]["completion"])
    return Continued(channels, tuple(checkpoint["mean_pixel"]), tuple(checkpoint.get("feature_networks", ())))


def widened(start: Continued, width: float) -> Continued:
    """The start with room to learn more: in every layer its own channels or `width` times Table 2's, the larger.

    Made up to a multiple of 8, of which a GPU computes no faster with fewer. The output keeps its three.
    """
    wanted = zip(start.channels[:-1], scaled_channels(width), strict=False)
    channels = [min(spec.outputs, -8 * (-max(pair) // 8)) for pair, spec in zip(wanted, TABLE_2[:-1], strict=True)]
    return start._replace(channels=(*channels, start.channels[-1]))


def start_from(path: Path, network: CompletionNetwork, inputs: Tensor) -> None:
    """Put the weights of a model file or of a checkpoint into a network.

    Args:
        path: a model file (.safetensors), a checkpoint (.pt), or the folder of a run.
        network: with batch normalisation.
        inputs: float [N, 4, S, S] as `network_input` makes them, on the network's device. A model file has its batch
            normalisation folded; statistics of these inputs bring it back.

    Raises:
        ModelFileError: the file cannot be used.
    """
    if path.is_dir() or path.suffix == ".pt":
        parts = load_checkpoint(path)["networks"]
        state = parts.get("average", parts["completion"])
        _check_channels(path, channels_of(state), network)
        network.load_state_dict(state)
    else:
        folded = load_model(path).network
        _check_channels(path, folded.outputs, network, may_be_fewer=True)
        # Fresh channels beside those of the file: a file of fewer channels may be trained on with more.
        wide = embed(folded, CompletionNetwork(normalised=False, outputs=network.outputs))
        unfold_batch_norm(wide.to(inputs.device), network, inputs, folded.outputs)


def channels_of(state: Mapping[str, Tensor]) -> tuple[int, ...]:
    """Channels of each layer's output, read off the weights of a completion network."""
    return tuple(len(state[f"layers.{number}.conv.bias"]) for number in range(len(TABLE_2)))


def _check_channels(
    path: Path, found: Sequence[int], network: CompletionNetwork, *, may_be_fewer: bool = False
) -> None:
    if tuple(found) == network.outputs:
        return
    if not may_be_fewer or any(more > most for more, most in zip(found, network.outputs, strict=True)):
        # Layers can have lost unlike shares of their channels.
        width = max(channels / spec.outputs for channels, spec in zip(found[:-1], TABLE_2[:-1], strict=True))
        raise ModelFileError(
            f"{path} has a network with up to {max(found)} channels, the run one with up to {max(network.outputs)}, "
            f"and no layer may have fewer than in the file. Set completion.width to {width:g}."
        )


@torch.no_grad()
def unfold_batch_norm(
    folded: CompletionNetwork, network: CompletionNetwork, inputs: Tensor, settled: Sequence[int] | None = None
) -> None:
    """Give a folded network its batch normalisation back, so that it can be trained on.

    Every channel gets the scale that a fresh network has: a variance of 1 on `inputs`, which the next layer's kernels
    undo. In evaluation mode the network computes what the folded one does. At the scale of a folded network, where
    colours of 0..1 vary by a few hundredths, updates of the usual size soon push a channel below zero for good.

    Args:
        folded: a network without normalisation.
        network: a network with normalisation, which is changed.
        inputs: float [N, 4, S, S], typical inputs.
        settled: number of channels of each layer, the first ones, that the output depends on; None = all. The others
            start centred, so that the rectifier passes half of their values.
    """
    x, scale = inputs, torch.ones(inputs.shape[1]).to(inputs)
    for number, (source, target) in enumerate(zip(folded.units, network.units, strict=True)):
        target.conv.load_state_dict(source.conv.state_dict())
        kernel, bias = outputs_first(target), target.conv.bias
        assert bias is not None
        kernel.mul_(scale.view(1, -1, 1, 1))
        if target.norm is None:
            continue
        variance, mean = torch.var_mean(target.conv(x), dim=(0, 2, 3))
        scale = torch.sqrt(variance + target.norm.eps)
        kernel.div_(scale.view(-1, 1, 1, 1))
        bias.div_(scale)
        target.norm.running_mean.copy_(mean / scale)
        target.norm.running_var.copy_(variance / scale**2)
        target.norm.weight.copy_(torch.sqrt(target.norm.running_var + target.norm.eps))
        target.norm.bias.copy_(mean / scale)
        if settled is not None:
            target.norm.bias[settled[number] :] = 0
        x = torch.relu(target.conv(x) - (mean / scale - target.norm.bias).view(1, -1, 1, 1))
