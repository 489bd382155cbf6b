"""Channels that training has driven below zero for good: no rectifier passes them on, and no gradient revives them."""

from collections.abc import Iterable

import torch
from torch import Tensor

from glcic_backend.network.completion_network import CompletionNetwork, outputs_first


@torch.no_grad()
def alive_channels(network: CompletionNetwork, inputs: Iterable[Tensor]) -> list[Tensor]:
    """Which channels any pixel of some batches activates.

    Args:
        network: folded, or in evaluation mode.
        inputs: float [N, 4, S, S] each, as `network_input` makes them, on the network's device.

    Returns:
        bool [channels] for each layer but the last, whose output no rectifier follows.
    """
    rectified = network.units[:-1]
    device = rectified[0].conv.weight.device
    alive = [torch.zeros(channels, dtype=torch.bool, device=device) for channels in network.outputs[:-1]]
    for x in inputs:
        for unit, seen in zip(rectified, alive, strict=True):
            x = torch.relu(unit(x))
            seen |= x.amax(dim=(0, 2, 3)) > 0
    return alive


@torch.no_grad()
def silence_dead_channels(network: CompletionNetwork, inputs: Iterable[Tensor]) -> int:
    """Zero the weights of the channels that stay at zero in every pixel of some batches.

    `without_idle_channels` leaves out what is zero, so such a network becomes smaller and faster.

    Args:
        network: folded; changed in place.
        inputs: as for `alive_channels`. On them the function stays the same.

    Returns:
        Number of channels silenced.
    """
    alive = alive_channels(network, inputs)
    for unit, following, seen in zip(network.units[:-1], network.units[1:], alive, strict=True):
        assert unit.conv.bias is not None
        outputs_first(unit)[~seen] = 0
        unit.conv.bias[~seen] = 0
        outputs_first(following)[:, ~seen] = 0
    return sum(int((~seen).sum()) for seen in alive)
