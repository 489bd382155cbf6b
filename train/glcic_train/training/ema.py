"""Moving average of the completion network's weights."""

import copy

import torch
from torch import nn


class MovingAverage:
    """Keeps an exponential moving average of a network's weights and running statistics.

    The decay starts lower, at (1 + t) / (10 + t), so that the random weights of the start are forgotten early.

    Args:
        network: what is averaged.
        decay: share of the old average that stays at each update, 0..1.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, network: nn.Module, updates: int) -> None:
        """Take in the network's present weights after its update number `updates`, from 0."""
        decay = min(self.decay, (1 + updates) / (10 + updates))
        for average, current in zip(self.network.state_dict().values(), network.state_dict().values(), strict=True):
            if average.is_floating_point():
                average.lerp_(current, 1 - decay)
            else:
                average.copy_(current)
