"""Completing a region gives what the network gives on the whole image with all holes in place."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from glcic_backend.errors import CancelledError
from glcic_backend.network.completion_network import fold_batch_norm, network_input
from glcic_backend.network.exact_region import complete_region
from glcic_backend.wire.geometry import Rectangle

from ..conftest import make_network, make_thin_network

MEAN = (0.47, 0.44, 0.40)
THIN = make_thin_network()
FULL = fold_batch_norm(make_network()).float()


def difference(network, width, height, holes, seed=0):
    """Largest difference, over all holes, between completing the region and the whole image."""
    dtype = network.layers[0].conv.weight.dtype
    image = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed), dtype=dtype)
    mask = torch.zeros(1, 1, height, width, dtype=dtype)
    for hole in holes:
        mask[..., hole.y : hole.bottom, hole.x : hole.right] = 1
    with torch.inference_mode():
        whole = network(network_input(image, mask, MEAN))[0]

    def reader(tensor):
        return lambda part: tensor[..., part.y : part.bottom, part.x : part.right]

    largest = 0.0
    for hole in holes:
        region = complete_region(network, reader(image), reader(mask), MEAN, (width, height), hole)
        whole_region = whole[:, hole.y : hole.bottom, hole.x : hole.right]
        largest = max(largest, (region - whole_region).abs().max().item())
    return largest


@st.composite
def images_with_holes(draw):
    width, height = draw(st.integers(150, 340)), draw(st.integers(150, 340))
    holes = []
    for _ in range(draw(st.integers(1, 3))):
        hole_width, hole_height = draw(st.integers(1, 60)), draw(st.integers(1, 60))
        x = draw(st.sampled_from([0, width - hole_width]) | st.integers(0, width - hole_width))
        y = draw(st.sampled_from([0, height - hole_height]) | st.integers(0, height - hole_height))
        holes.append(Rectangle(x, y, hole_width, hole_height))
    return width, height, holes


@settings(max_examples=40, deadline=None, derandomize=True)
@given(case=images_with_holes(), seed=st.integers(0, 1000))
def test_region_equals_whole_image_in_double_precision(case, seed):
    assert difference(THIN, *case, seed=seed) < 1e-12


@settings(max_examples=8, deadline=None, derandomize=True)
@given(case=images_with_holes(), seed=st.integers(0, 1000))
def test_region_equals_whole_image_in_single_precision_at_full_width(case, seed):
    assert difference(FULL, *case, seed=seed) < 5e-6


@pytest.mark.parametrize(
    ("width", "height", "holes"),
    [
        (333, 409, [Rectangle(0, 0, 40, 30), Rectangle(293, 379, 40, 30)]),
        (330, 351, [Rectangle(0, 100, 330, 17)]),
        (17, 23, [Rectangle(3, 5, 9, 9)]),
        (5, 3, [Rectangle(4, 2, 1, 1)]),
        (200, 150, [Rectangle(0, 0, 199, 150)]),
    ],
    ids=["opposite corners", "from border to border", "tiny image", "smaller than a stride", "nearly everything"],
)
def test_region_equals_whole_image_at_borders(width, height, holes):
    assert difference(THIN, width, height, holes) < 1e-12
    assert difference(FULL, width, height, holes) < 5e-6


def test_another_hole_within_reach_matters():
    hole, other = Rectangle(140, 140, 30, 30), Rectangle(180, 140, 40, 30)
    image = torch.rand(1, 3, 320, 320, dtype=torch.float64)
    mask = torch.zeros(1, 1, 320, 320, dtype=torch.float64)
    mask[..., 140:170, 140:170] = 1
    both = mask.clone()
    both[..., other.y : other.bottom, other.x : other.right] = 1

    def run(holes):
        return complete_region(
            THIN,
            lambda part: image[..., part.y : part.bottom, part.x : part.right],
            lambda part: holes[..., part.y : part.bottom, part.x : part.right],
            MEAN,
            (320, 320),
            hole,
        )

    assert (run(mask) - run(both)).abs().max() > 1e-3


def test_progress_rises_to_one_and_cancel_stops_at_the_next_layer():
    shares: list[float] = []
    arguments = (
        FULL,
        lambda part: torch.rand(1, 3, part.height, part.width),
        lambda part: torch.zeros(1, 1, part.height, part.width),
        MEAN,
        (64, 64),
        Rectangle(10, 10, 20, 20),
    )

    complete_region(*arguments, progress=shares.append)
    assert shares == sorted(shares) and shares[-1] == 1.0 and len(shares) == 17

    shares.clear()
    with pytest.raises(CancelledError):
        complete_region(*arguments, progress=shares.append, cancelled=lambda: len(shares) == 5)
    assert len(shares) == 5
