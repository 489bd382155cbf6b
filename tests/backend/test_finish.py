"""What holds for finished fills: floating point stays within the range of what it was made of, and lines are found
beside the network."""

import contextlib
import threading
import time

import numpy as np
import pytest
import torch

from glcic_backend import Inpainter, finish
from glcic_backend.detail.hole_lines import hole_lines
from glcic_backend.errors import CancelledError
from glcic_backend.finish import keep_in_range
from glcic_backend.scene.fill import Fill
from glcic_backend.scene.photograph import Photograph
from glcic_backend.wire.geometry import Rectangle

ENGINE = Inpainter.load()
HEIGHT, WIDTH = 200, 220
HOLE = np.zeros((HEIGHT, WIDTH), bool)
HOLE[60:140, 70:150] = True


def stripes(low: float, high: float) -> np.ndarray:
    """Steep stripes and blotches between two values, float32 [200, 220, 3]."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    random = np.random.default_rng(0).random((HEIGHT // 4, WIDTH // 4, 3)).repeat(4, axis=0).repeat(4, axis=1)
    values = np.where(((rows + columns) % 40 < 20)[..., None], random, random**4)
    return (low + (high - low) * values).astype(np.float32)


@pytest.mark.parametrize("quality", ["fast", "best"])
@pytest.mark.parametrize("linear", [False, True])
@pytest.mark.parametrize(("low", "high"), [(0, 1), (0.2, 0.7), (0, 6)])
def test_a_float_picture_is_filled_within_the_range_of_its_surroundings(quality, linear, low, high):
    image = stripes(low, high)

    filled = ENGINE.complete(image, HOLE, quality=quality, linear=linear)[HOLE]

    known = image[~HOLE]
    assert filled.min() >= known.min() - 1e-6 and filled.max() <= known.max() * (1 + 1e-6)


def test_each_channel_has_its_own_range_and_unknown_and_distant_pixels_do_not_count():
    image = np.full((20, 30, 3), (0.2, 0.4, 0.6), np.float32)
    image[5, 5] = (0.3, 0.5, 0.7)
    image[6, 6] = image[2, 25] = 1  # one unknown, the other beyond what is read
    known = np.ones((20, 30), bool)
    known[6, 6] = False
    fill = Fill(Rectangle(6, 6, 1, 2), np.ones((2, 1), bool), np.array([[[0, 0, 0]], [[1, 1, 1]]], np.float32))

    keep_in_range([fill], Photograph(image, known, False), Rectangle(0, 0, 20, 20))

    np.testing.assert_allclose(fill.colour[:, 0], [(0.2, 0.4, 0.6), (0.3, 0.5, 0.7)], rtol=1e-6)


def test_where_nothing_is_known_there_is_no_range():
    fill = Fill(Rectangle(0, 0, 1, 1), np.ones((1, 1), bool), np.full((1, 1, 3), 7, np.float32))

    keep_in_range([fill], Photograph(stripes(0, 1), np.zeros((HEIGHT, WIDTH), bool), False), Rectangle(0, 0, 9, 9))

    assert (fill.colour == 7).all()


def in_another_thread():
    return threading.current_thread() is not threading.main_thread()


def test_a_cancel_while_the_network_runs_ends_the_search_for_lines_too(monkeypatch):
    begun, ended = threading.Event(), threading.Event()

    def slow(photograph, holes, options, check):
        begun.set()
        try:
            while True:
                check()
                time.sleep(0.01)
        finally:
            ended.set()

    monkeypatch.setattr(finish, "hole_lines", slow)

    with two_threads(), pytest.raises(CancelledError, match="cancelled"):
        ENGINE.complete(stripes(0, 1), HOLE, cancelled=lambda: begun.wait(0.1))

    assert ended.is_set()


def test_lines_that_lacked_memory_beside_the_network_are_found_after_it(monkeypatch):
    with two_threads():
        expected = ENGINE.complete(stripes(0, 1), HOLE)
        failed = []

        def short_of_memory(*arguments):
            if in_another_thread():
                failed.append(1)
                raise MemoryError("not beside the network")
            return hole_lines(*arguments)

        monkeypatch.setattr(finish, "hole_lines", short_of_memory)
        result = ENGINE.complete(stripes(0, 1), HOLE)

    assert failed
    np.testing.assert_array_equal(result, expected)


@contextlib.contextmanager
def two_threads():
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
