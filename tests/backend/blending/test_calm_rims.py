"""Where the surroundings are calm, their smooth continuation is believed more than the network."""

import numpy as np
import pytest
import torch

from glcic_backend import Inpainter
from glcic_backend.model_files.model_file import Model, ModelInfo

from ..conftest import make_thin_network
from ..detail.scenes import SCENES

# A network of random weights paints anything but a sky.
INFO = ModelInfo("thin", (0.47, 0.44, 0.40), (8, 64), ("rectangle",), "random", "CC0-1.0", "none", "random weights")
ENGINE = Inpainter(Model(make_thin_network().float(), INFO), torch.device("cpu"))


def scene(name):
    values = SCENES[name](200, 240, np.random.default_rng(0))
    return (np.clip(values, 0, 1) * 255).round().astype(np.uint8)


def mask_of(*boxes):
    mask = np.zeros((200, 240), np.uint8)
    for x, y, width, height in boxes:
        mask[y : y + height, x : x + width] = 255
    return mask


def fast_error(image, mask):
    completed = ENGINE.complete(image, mask, quality="fast")
    return np.abs(completed[mask > 0].astype(float) - image[mask > 0]).mean()


@pytest.mark.parametrize("boxes", [[(90, 60, 60, 70)], [(40, 30, 30, 30), (140, 90, 70, 70)], [(0, 40, 50, 60)]])
def test_a_clear_sky_stays_clear_whatever_the_network_paints(boxes):
    # The noise alone makes 2.5; the network, blended, 5.6 to 9.8.
    assert fast_error(scene("sky"), mask_of(*boxes)) < 5


def test_a_busy_place_keeps_what_the_network_painted():
    image, mask = scene("bricks"), mask_of((90, 60, 60, 70))

    believed = ENGINE.complete(image, mask, quality="fast").astype(float)
    flat = np.full(image.shape, image[mask == 0].mean(axis=0))

    painted = believed[mask > 0]
    assert painted.std() > 1
    assert not np.allclose(painted, flat[mask > 0], atol=2)


def test_what_the_network_painted_is_given_untouched_without_blending():
    image, mask = scene("sky"), mask_of((90, 60, 60, 70))

    alone = ENGINE.complete(image, mask, blend=False)

    assert np.abs(alone[mask > 0].astype(float) - image[mask > 0]).mean() > 20
