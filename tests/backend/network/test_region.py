"""The region that influences the completion, by arithmetic and by what the network really does."""

import numpy as np
import pytest
import torch

from glcic_backend.network.completion_network import TABLE_2, network_input
from glcic_backend.network.region import axis_spans, context_rectangle, layer_extents, region_cost
from glcic_backend.wire.geometry import Rectangle

FAR_FROM_BORDERS = 4000


def reach(pixel: int) -> tuple[int, int]:
    """How many pixels before and after itself an output pixel depends on."""
    source = axis_spans(pixel, pixel, FAR_FROM_BORDERS)[0]
    return pixel - source.input_first, source.input_last - pixel


def test_influence_region_is_the_papers_307():
    reaches = [reach(2000 + phase) for phase in range(4)]

    assert max(max(pair) for pair in reaches) == (307 - 1) // 2
    assert reaches == [(151, 147), (152, 150), (153, 149), (150, 148)]


@pytest.mark.parametrize("phase", range(4))
def test_influence_region_is_where_the_networks_gradient_is_not_zero(thin_network, phase):
    size, row, column = 316, 160 + phase, 160
    x = torch.rand(1, 4, size, size, dtype=torch.float64, requires_grad=True)

    thin_network(x)[0, 0, row, column].backward()

    rows = np.flatnonzero(x.grad[0].abs().sum(dim=(0, 2)).numpy())
    before, after = reach(row)
    assert (row - rows[0], rows[-1] - row) == (before, after)


def test_layer_extents_are_those_of_the_networks_feature_maps(thin_network):
    x = torch.rand(1, 4, 37, 50, dtype=torch.float64)
    heights = [37]
    hooks = [
        layer.register_forward_hook(lambda _module, _inputs, output: heights.append(output.shape[-2]))
        for layer in thin_network.layers
    ]

    with torch.inference_mode():
        thin_network(x)

    for hook in hooks:
        hook.remove()
    assert layer_extents(37) == heights


def test_cost_of_the_whole_image_is_the_sum_over_table_2():
    width, height = 400, 304
    inputs = [4, *(spec.outputs for spec in TABLE_2[:-1])]
    scale = [1, 2, 2, 4, 4, 4, 4, 4, 4, 4, 4, 4, 2, 2, 1, 1, 1]
    expected = 0
    for spec, channels, shrink in zip(TABLE_2, inputs, scale, strict=True):
        taps = 4 if spec.kind == "deconv" else spec.kernel**2
        expected += (width // shrink) * (height // shrink) * taps * channels * spec.outputs

    assert region_cost([Rectangle(0, 0, width, height)], width, height).tolist() == [expected]
    assert expected == 496_736 * width * height


def test_cost_follows_the_hole_and_not_the_image():
    hole = Rectangle(1900, 1400, 200, 200)

    in_12_megapixels, in_50_megapixels = (
        int(region_cost([hole], width, height)[0]) for width, height in [(4000, 3000), (8660, 5774)]
    )

    assert in_12_megapixels == in_50_megapixels < 70e9


def test_context_is_minimal_and_sufficient_on_a_grid_of_4(thin_network):
    size = 400
    hole = Rectangle(170, 171, 61, 50)
    crop = context_rectangle(size, size, hole)
    image = torch.rand(1, 3, size, size, dtype=torch.float64)
    mask = torch.zeros(1, 1, size, size, dtype=torch.float64)
    mask[..., hole.y : hole.bottom, hole.x : hole.right] = 1

    def complete(part: Rectangle) -> torch.Tensor:
        inside = (..., slice(part.y, part.bottom), slice(part.x, part.right))
        with torch.inference_mode():
            out = thin_network(network_input(image[inside], mask[inside], (0.5, 0.5, 0.5)))
        x, y = hole.x - part.x, hole.y - part.y
        return out[..., y : y + hole.height, x : x + hole.width]

    whole = complete(Rectangle(0, 0, size, size))
    narrower = crop._replace(x=crop.x + 4, width=crop.width - 4)

    assert (crop.x, crop.y) == (168 - 152, 168 - 152)
    assert (crop.right, crop.bottom) == (232 + 148, 224 + 148)
    assert (complete(crop) - whole).abs().max() < 1e-12
    assert (complete(narrower) - whole).abs().max() > 1e-9


def test_context_ends_at_the_border_of_the_image():
    assert context_rectangle(333, 250, Rectangle(300, 0, 33, 20)) == Rectangle(148, 0, 185, 168)
