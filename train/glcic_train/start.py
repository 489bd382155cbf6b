"""Starts training from a network that exists already (section 4.5: CelebA and facades start from Places2)."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from glcic_backend.errors import ModelFileError
from glcic_backend.model_file import load_model
from glcic_backend.network import TABLE_2, CompletionNetwork, embed
from glcic_train.checkpoint import load_checkpoint


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
        unfold_batch_norm(wide.to(inputs.device), network, inputs)


def channels_of(state: Mapping[str, Tensor]) -> tuple[int, ...]:
    """Channels of each layer's output, read off the weights of a completion network."""
    return tuple(len(state[f"layers.{number}.conv.bias"]) for number in range(len(TABLE_2)))


def _check_channels(
    path: Path, found: Sequence[int], network: CompletionNetwork, *, may_be_fewer: bool = False
) -> None:
    if tuple(found) == network.outputs:
        return
    if not may_be_fewer or any(more > most for more, most in zip(found, network.outputs, strict=True)):
        raise ModelFileError(
            f"{path} has a network with up to {max(found)} channels, the run one with up to {max(network.outputs)}. "
            f"Set completion.width to {max(found) / max(spec.outputs for spec in TABLE_2):g}."
        )


@torch.no_grad()
def unfold_batch_norm(folded: CompletionNetwork, network: CompletionNetwork, inputs: Tensor) -> None:
    """Give a folded network its batch normalisation back, so that it can be trained on.

    Each normalisation gets the statistics that its convolution has on `inputs`, and the scale and shift that undo them:
    in evaluation mode the network computes what the folded one does.

    Args:
        folded: a network without normalisation.
        network: a network with normalisation, which is changed.
        inputs: float [N, 4, S, S], typical inputs.
    """
    x = inputs
    for source, target in zip(folded.layers, network.layers, strict=True):
        target.conv.load_state_dict(source.conv.state_dict())
        x = source(x)
        if target.norm is not None:
            variance, mean = torch.var_mean(x, dim=(0, 2, 3))
            target.norm.running_mean.copy_(mean)
            target.norm.running_var.copy_(variance)
            target.norm.weight.copy_(torch.sqrt(variance + target.norm.eps))
            target.norm.bias.copy_(mean)
        x = torch.relu(x)
