"""Flat patches are held back, so that the fill is as sharp as the photograph."""

import cv2
import numpy as np
import pytest
import torch

from glcic_backend.detail import Scene, Task, contrast, transfer_texture
from glcic_backend.detail.pyramid import Level
from glcic_train.evaluation.metrics import sharpness

CPU = torch.device("cpu")


def leaves(height, width, seed):
    """Sharp shapes of many sizes, of which no two patches are alike: a search finds nothing that fits exactly."""
    rng = np.random.default_rng(seed)
    picture = np.full((height, width, 3), 0.2, np.float32)
    for _ in range(2500):
        x, y = rng.integers(0, width), rng.integers(0, height)
        axes = int(rng.integers(3, 9)), int(rng.integers(2, 5))
        colour = np.array([0.3, 0.5, 0.15]) * rng.uniform(0.3, 1.5)
        cv2.ellipse(picture, (int(x), int(y)), axes, rng.uniform(0, 180), 0, 360, colour.tolist(), -1, cv2.LINE_AA)
    return picture


def hole_in(shape):
    hole = np.zeros(shape[:2], bool)
    hole[80:160, 90:190] = True
    return hole


def sharpness_of_fill(seed):
    truth = leaves(240, 280, seed)
    hole = hole_in(truth.shape)
    picture = truth.copy()
    picture[hole] = cv2.GaussianBlur(truth, (0, 0), 10)[hole]
    scene = Scene(picture, ~hole, hole)
    assert transfer_texture(Task(scene, 3, 10.0, 0), CPU, lambda share: None, None)
    bytes_of = [(np.clip(image, 0, 1) * 255).round().astype(np.uint8) for image in (scene.picture, truth)]
    return sharpness(*bytes_of, hole)


def test_a_fill_of_leaves_is_as_sharp_as_leaves(monkeypatch):
    sharp = np.mean([sharpness_of_fill(seed) for seed in range(4)])
    monkeypatch.setattr(contrast, "_STRENGTH", 0.0)
    calm = np.mean([sharpness_of_fill(seed) for seed in range(4)])

    assert 0.85 <= sharp <= 1.15
    assert calm < sharp - 0.02


def test_a_flat_source_costs_more_than_a_textured_one_but_nothing_where_it_fits():
    picture = leaves(120, 160, 0)
    picture[:, 80:] = 0.5
    hole = np.zeros(picture.shape[:2], bool)
    hole[50:60, 76:86] = True
    level = Level(Scene(picture, ~hole, hole), CPU)

    factors = contrast.cost_factors(level)

    textured, flat = (level.at(torch.tensor(60), torch.tensor(column)) for column in (30, 130))
    assert factors[textured] < 1 < factors[flat]
    assert factors[level.sources].isfinite().all()


@pytest.mark.parametrize("shade", [0.0, 0.5])
def test_a_photograph_without_any_contrast_has_factors_too(shade):
    picture = np.full((60, 60, 3), shade, np.float32)
    hole = np.zeros((60, 60), bool)
    hole[25:35, 25:35] = True

    factors = contrast.cost_factors(Level(Scene(picture, ~hole, hole), CPU))

    assert torch.isfinite(factors).all()
    assert (factors > 0).all()
