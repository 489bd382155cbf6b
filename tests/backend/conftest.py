"""Networks for the backend's tests."""

import pytest
import torch

from glcic_backend.network.completion_network import TABLE_2, CompletionNetwork, fold_batch_norm


def make_network(seed: int = 0) -> CompletionNetwork:
    """A network with batch normalisation whose statistics are far from the trivial ones, so that folding shows."""
    return _randomise(CompletionNetwork().double(), seed, gain=1.0)


def make_thin_network(seed: int = 0) -> CompletionNetwork:
    """Same geometry with a sixteenth of the channels, folded, float64: for what depends on positions only."""
    outputs = [max(3, spec.outputs // 16) for spec in TABLE_2]
    network = CompletionNetwork(normalised=False, outputs=outputs)
    return _randomise(network.double(), seed, gain=2.0)


def _randomise(network: CompletionNetwork, seed: int, gain: float) -> CompletionNetwork:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for layer in network.layers:
            fan_in = layer.conv.weight[0].numel() if layer.spec.kind != "deconv" else layer.conv.weight.shape[0] * 4
            layer.conv.weight.normal_(0, (gain / fan_in) ** 0.5, generator=generator)
            layer.conv.bias.normal_(0, 0.1, generator=generator)
            if layer.norm is not None:
                layer.norm.running_mean.normal_(0, 0.3, generator=generator)
                layer.norm.running_var.uniform_(0.5, 2, generator=generator)
                layer.norm.weight.normal_(1.5, 0.2, generator=generator)
                layer.norm.bias.normal_(0, 0.3, generator=generator)
    return network.eval()


@pytest.fixture(scope="session")
def trained_network() -> CompletionNetwork:
    """Network with batch normalisation, float64, random weights."""
    return make_network()


@pytest.fixture(scope="session")
def folded_network(trained_network) -> CompletionNetwork:
    """The same network folded, float64."""
    return fold_batch_norm(trained_network)


@pytest.fixture(scope="session")
def thin_network() -> CompletionNetwork:
    """Network with the geometry of Table 2 and few channels, float64."""
    return make_thin_network()
