"""Channels that training has killed: found, and left out without a change of the function."""

import copy

import pytest
import torch

from glcic_backend.network.completion_network import CompletionNetwork, outputs_first
from glcic_train.training.dead_channels import alive_channels, silence_dead_channels
from glcic_train.training.held_out import HeldOut

MEAN = torch.tensor([0.5, 0.5, 0.5])
DEAD = {2: [0, 5], 12: [7]}
"""Layer -> its dead channels: a convolution, and a transposed one."""


@pytest.fixture
def network() -> CompletionNetwork:
    torch.manual_seed(0)
    network = CompletionNetwork(normalised=False).eval()
    with torch.no_grad():
        for number, channels in DEAD.items():
            network.units[number].conv.bias[channels] = -1e3
    return network


@pytest.fixture
def inputs() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(2, 4, 32, 32, generator=generator) for _ in range(2)]


def test_a_channel_is_alive_if_one_pixel_of_one_batch_activates_it(network, inputs):
    alive = alive_channels(network, inputs)
    assert [len(seen) for seen in alive] == list(network.outputs[:-1])
    for number, channels in DEAD.items():
        assert not alive[number][channels].any()
    first = torch.relu(network.units[0](torch.cat(inputs)))
    assert torch.equal(alive[0], first.amax(dim=(0, 2, 3)) > 0)
    separate = [alive_channels(network, [x]) for x in inputs]
    assert all(torch.equal(seen, a | b) for seen, a, b in zip(alive, *separate, strict=True))


def test_dead_channels_are_silenced_and_all_others_left_alone(network, inputs):
    before = copy.deepcopy(network)
    dead = sum(int((~seen).sum()) for seen in alive_channels(network, inputs))

    assert silence_dead_channels(network, inputs) == dead >= 3
    assert all(torch.equal(network(x), before(x)) for x in inputs)
    for number, channels in DEAD.items():
        assert not outputs_first(network.units[number])[channels].any()
        assert not network.units[number].conv.bias[channels].any()
        assert not outputs_first(network.units[number + 1])[:, channels].any()


def test_the_share_of_dead_channels_is_told_and_the_network_left_as_it_was(network):
    images = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(2))
    held_out = HeldOut(images, torch.ones(3, 1, 32, 32))
    for unit in network.units[:-1]:
        unit.conv.bias.data.fill_(1e3)
    assert held_out.dead_share(network, MEAN, torch.device("cpu")) == 0
    network.units[4].conv.bias.data[:128] = -1e9
    network.train()
    share = held_out.dead_share(network, MEAN, torch.device("cpu"))
    assert share == pytest.approx(128 / sum(network.outputs[:-1]), abs=1e-6)
    assert network.training
