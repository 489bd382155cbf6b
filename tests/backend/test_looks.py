"""However many holes there are and whatever their shape, a completion looks at the cancel all the time."""

import time

import numpy as np
import pytest
import torch

from glcic_backend import Inpainter
from glcic_backend.measuring.waits import specks
from glcic_backend.model_files.model_file import Model, ModelInfo

from .conftest import make_thin_network

INFO = ModelInfo("thin", (0.47, 0.44, 0.40), (8, 96), ("rectangle",), "random", "CC0-1.0", "none", "random weights")
ENGINE = Inpainter(Model(make_thin_network().float(), INFO), torch.device("cpu"))

LONGEST = 0.7
"""Processor seconds between two looks, so that a cancel is answered within a second also beside other programs. On a
machine in its slow hours the longest is 0.4."""


def line():
    mask = np.zeros((1, 500_000), np.uint8)
    mask[:, 1000:-1000] = 255
    return mask


def half_of_all_pixels():
    return (np.random.default_rng(0).random((2000, 2000)) < 0.5).astype(np.uint8) * 255


def many_specks():
    mask = np.zeros((4000, 4000), np.uint8)
    specks(1600)(mask)
    return mask


@pytest.mark.parametrize("mask", [line, half_of_all_pixels, many_specks])
def test_the_cancel_is_looked_at_all_the_time_in_every_stage(mask):
    mask = mask()
    image = np.random.default_rng(0).integers(0, 256, (*mask.shape, 3), np.uint8)
    # What is compiled once is compiled.
    ENGINE.complete(np.zeros((64, 64, 3), np.uint8), np.eye(64, dtype=np.uint8), quality="fast")
    looks, stages, stage = [time.process_time()], ["plan"], "plan"

    def progress(name, share):
        nonlocal stage
        stage = name

    def cancelled():
        looks.append(time.process_time())
        stages.append(stage)
        return False

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        ENGINE.complete(image, mask, quality="fast", progress=progress, cancelled=cancelled)
    finally:
        torch.set_num_threads(threads)

    waits = np.diff(looks)
    assert waits.max() <= LONGEST, f"{waits.max():.2f} s in the stage {stages[int(waits.argmax()) + 1]}"
