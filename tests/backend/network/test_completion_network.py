"""The completion network against Table 2 and section 3.2 of the paper."""

import pytest
import torch

from glcic_backend.network.completion_network import (
    TABLE_2,
    CompletionNetwork,
    embed,
    network_input,
    scaled_channels,
    widen,
    without_idle_channels,
)

# (type, kernel, dilation, stride, outputs) as printed in the paper.
PAPER_TABLE_2 = [
    ("conv", 5, 1, 1, 64),
    ("conv", 3, 1, 2, 128),
    ("conv", 3, 1, 1, 128),
    ("conv", 3, 1, 2, 256),
    ("conv", 3, 1, 1, 256),
    ("conv", 3, 1, 1, 256),
    ("conv", 3, 2, 1, 256),
    ("conv", 3, 4, 1, 256),
    ("conv", 3, 8, 1, 256),
    ("conv", 3, 16, 1, 256),
    ("conv", 3, 1, 1, 256),
    ("conv", 3, 1, 1, 256),
    ("deconv", 4, 1, 2, 128),
    ("conv", 3, 1, 1, 128),
    ("deconv", 4, 1, 2, 64),
    ("conv", 3, 1, 1, 32),
    ("output", 3, 1, 1, 3),
]


def test_built_layers_are_those_of_table_2():
    built = []
    for layer in CompletionNetwork().layers:
        conv = layer.conv
        kind = "deconv" if isinstance(conv, torch.nn.ConvTranspose2d) else "conv"
        assert conv.kernel_size[0] == conv.kernel_size[1] and conv.stride[0] == conv.stride[1]
        built.append((kind, conv.kernel_size[0], conv.dilation[0], conv.stride[0], conv.out_channels))

    assert built == [("conv" if kind == "output" else kind, *rest) for kind, *rest in PAPER_TABLE_2]


def test_table_is_the_papers():
    assert [(s.kind, s.kernel, s.dilation, s.stride, s.outputs) for s in TABLE_2] == PAPER_TABLE_2


def test_number_of_parameters_follows_from_table_2():
    inputs = [4, *(row[-1] for row in PAPER_TABLE_2[:-1])]
    convolutions = sum(k * k * i * o + o for (_, k, _, _, o), i in zip(PAPER_TABLE_2, inputs, strict=True))
    scales_and_shifts = sum(2 * row[-1] for row in PAPER_TABLE_2[:-1])

    def count(network):
        return sum(parameter.numel() for parameter in network.parameters())

    assert count(CompletionNetwork(normalised=False)) == convolutions == 6_066_179
    assert count(CompletionNetwork()) == convolutions + scales_and_shifts


def test_every_convolution_but_the_last_is_normalised():
    normalised = [layer.norm is not None for layer in CompletionNetwork().layers]

    assert normalised == [True] * 16 + [False]


@pytest.mark.parametrize(("height", "width"), [(64, 64), (61, 70), (33, 47), (4, 6), (1, 1)])
def test_output_has_the_size_of_the_input_and_lies_in_0_to_1(trained_network, height, width):
    x = torch.rand(2, 4, height, width, dtype=torch.float64)

    with torch.inference_mode():
        y = trained_network(x)

    assert y.shape == (2, 3, height, width)
    assert y.min() >= 0 and y.max() <= 1


def test_folding_batch_normalisation_changes_nothing(trained_network, folded_network):
    x = torch.rand(1, 4, 61, 70, dtype=torch.float64)

    with torch.inference_mode():
        difference = (trained_network(x) - folded_network(x)).abs().max()

    assert all(layer.norm is None for layer in folded_network.layers)
    assert difference < 1e-10


def test_a_quarter_of_the_width_is_a_quarter_of_table_2_but_for_the_output():
    assert scaled_channels(0.25) == (16, 32, 32, *[64] * 9, 32, 32, 16, 8, 3)
    assert scaled_channels(1) == tuple(row[-1] for row in PAPER_TABLE_2)


def test_a_widened_network_has_the_channels_of_table_2_and_the_same_output(thin_network):
    x = torch.rand(1, 4, 33, 47, dtype=torch.float64)
    wide = widen(thin_network)

    assert wide.outputs == tuple(row[-1] for row in PAPER_TABLE_2)
    assert (wide(x) - thin_network(x)).abs().max() < 1e-12


def test_fresh_channels_beside_an_embedded_network_do_not_change_its_output(thin_network):
    x = torch.rand(1, 4, 33, 47, dtype=torch.float64)
    fresh = CompletionNetwork(normalised=False, outputs=[2 * n for n in thin_network.outputs[:-1]] + [3]).double()
    before = fresh.units[4].conv.weight.detach().clone()

    wide = embed(thin_network, fresh)

    assert (wide(x) - thin_network(x)).abs().max() < 1e-12
    kept = thin_network.outputs[4]
    assert torch.equal(wide.units[4].conv.weight[kept:], before[kept:])  # they can learn at once


@pytest.mark.parametrize("idle", ["zero", "random"])
def test_leaving_out_idle_channels_gives_the_narrow_network_back(thin_network, idle):
    x = torch.rand(1, 4, 33, 47, dtype=torch.float64)
    wide = widen(thin_network) if idle == "zero" else embed(thin_network, CompletionNetwork(False).double())

    lean = without_idle_channels(wide)

    assert lean.outputs == thin_network.outputs
    assert (lean(x) - thin_network(x)).abs().max() < 1e-12


def test_a_network_that_uses_all_its_channels_keeps_them(folded_network):
    assert without_idle_channels(folded_network).outputs == folded_network.outputs


def test_a_layer_that_is_not_used_at_all_keeps_one_channel(thin_network):
    cut = widen(thin_network)
    with torch.no_grad():
        cut.units[-1].conv.weight.zero_()

    lean = without_idle_channels(cut)

    assert lean.outputs[-2:] == (1, 3)
    x = torch.rand(1, 4, 16, 16, dtype=torch.float64)
    assert torch.equal(lean(x), cut(x))


def test_input_has_the_mean_pixel_in_the_hole_and_the_mask_as_fourth_channel():
    image = torch.rand(1, 3, 8, 8)
    hole = torch.zeros(1, 1, 8, 8)
    hole[..., 2:5, 3:6] = 1
    mean = (0.5, 0.4, 0.3)

    x = network_input(image, hole, mean)

    with_mean_in_hole = image.clone()
    with_mean_in_hole[..., 2:5, 3:6] = torch.tensor(mean).view(3, 1, 1)
    torch.testing.assert_close(x[:, :3] + torch.tensor(mean).view(1, 3, 1, 1), with_mean_in_hole)
    torch.testing.assert_close(x[:, 3:], hole)


def test_input_does_not_depend_on_what_the_hole_hides():
    hole = torch.ones(1, 1, 4, 4)

    a = network_input(torch.rand(1, 3, 4, 4), hole, (0.5, 0.5, 0.5))
    b = network_input(torch.rand(1, 3, 4, 4), hole, (0.5, 0.5, 0.5))

    assert torch.equal(a, b)
