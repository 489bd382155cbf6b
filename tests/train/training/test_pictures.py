"""The picture grid of a run: what it may show, and what it must not."""

import numpy as np
import pytest
import torch

from glcic_backend.network.completion_network import CompletionNetwork
from glcic_train.config import load_config
from glcic_train.training.export import describe
from glcic_train.training.held_out import HeldOut
from glcic_train.training.pictures import picture_grid

pytestmark = pytest.mark.usefixtures("narrow_module")

SIDE, GAP = 32, 4
HOLE = (slice(8, 20), slice(10, 22))


def grid(network: CompletionNetwork, images: torch.Tensor) -> list[np.ndarray]:
    """Input, completion, blended completion and truth of one image."""
    holes = torch.zeros(1, 1, SIDE, SIDE)
    holes[0, 0][HOLE] = 1
    info = describe(load_config("tiny"), (0.4, 0.5, 0.6), 1)
    picture = picture_grid(network, info, HeldOut(images, holes), torch.device("cpu"), 1)
    return [picture[:, start : start + SIDE] for start in range(0, 4 * (SIDE + GAP), SIDE + GAP)]


def test_only_the_last_picture_of_a_row_shows_what_is_in_the_hole():
    network = CompletionNetwork().eval()
    images = torch.randint(0, 256, (1, 3, SIDE, SIDE), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    other = images.clone()
    other[0, :, *HOLE] = 255 - other[0, :, *HOLE]

    *before, truth = grid(network, images)
    *after, other_truth = grid(network, other)

    assert all(np.array_equal(one, another) for one, another in zip(before, after, strict=True))
    assert np.array_equal(truth, images[0].permute(1, 2, 0).numpy())
    assert not np.array_equal(truth, other_truth)
    known = np.ones((SIDE, SIDE), bool)
    known[HOLE] = False
    assert all(np.array_equal(one[known], truth[known]) for one in before)
