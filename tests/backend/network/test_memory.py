"""Memory that runs out: smaller pieces, then the CPU, and the next completion begins as always."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from glcic_backend import Inpainter, inpainter
from glcic_backend.errors import OutOfMemoryError
from glcic_backend.model_files.model_file import Model
from glcic_backend.network import completer as completion
from glcic_backend.network.memory import is_out_of_memory, on_the_first_that_suffices

from ..test_inpainter import INFO, THIN, photograph, rectangle_mask

CPU = torch.device("cpu")
OTHER_CPU = torch.device("cpu", 0)
"""Another name of the CPU, which stands for a GPU."""

IMAGE, MASK = photograph(400, 420), rectangle_mask(400, 420, 90, 80, 230, 190)
SMALL_MASK = rectangle_mask(400, 420, 90, 80, 20, 30)

ERRORS = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 3.52 GiB."),
    RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: you tried to ..."),
    RuntimeError("could not create a primitive"),
    cv2.error("std::bad_alloc"),
    RuntimeError("MPS backend out of memory (MPS allocated: 8.00 GB)"),
    MemoryError(),
    np._core._exceptions._ArrayMemoryError((9, 9), np.dtype(np.float32)),
]


def make_engine():
    """An engine whose network fills holes of any size here at full scale, on a "GPU"."""
    return Inpainter(Model(THIN, replace(INFO, hole_range=(8, 640))), OTHER_CPU)


@pytest.fixture
def short_memory(monkeypatch):
    """Has the network fail for more pixels at once than a device is said to hold.

    Called with the error and with `gpu` and `cpu`, the pixels; returns the list of all attempts, to be filled.
    """
    compute = completion.complete_region

    def limit(error, gpu, cpu=10**9):
        attempts = []

        def complete_region(network, read_image, read_hole, mean, size, region, *rest):
            on_gpu = network is THIN  # its copy is on the CPU
            attempts.append(("gpu" if on_gpu else "cpu", region))
            if region.width * region.height > (gpu if on_gpu else cpu):
                raise error
            return compute(network, read_image, read_hole, mean, size, region, *rest)

        monkeypatch.setattr(completion, "complete_region", complete_region)
        return attempts

    return limit


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_errors_of_every_kind_that_mean_a_lack_of_memory_are_recognised(error):
    assert is_out_of_memory(error)


def test_opencv_says_it_in_its_own_way():
    with pytest.raises(cv2.error) as caught:
        np.asarray(cv2.resize(np.zeros((2, 2), np.uint8), (2**30 - 1, 2**30 - 1)))

    assert is_out_of_memory(caught.value)


@pytest.mark.parametrize("error", [ValueError("out of memory"), RuntimeError("shapes differ"), KeyError("x")])
def test_other_errors_are_not_taken_for_it(error):
    assert not is_out_of_memory(error)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_a_hole_too_large_for_the_memory_is_computed_in_pieces_with_the_same_result(short_memory, error):
    engine = make_engine()
    expected = engine.complete(IMAGE, MASK, blend=False)
    attempts = short_memory(error, gpu=120 * 120)

    completed = engine.complete(IMAGE, MASK, blend=False)

    assert np.abs(completed.astype(int) - expected).max() <= 1
    assert len(attempts) > 2 and {device for device, _ in attempts} == {"gpu"}
    assert engine.used == "cpu:0"


def test_where_pieces_do_not_help_the_cpu_computes_and_is_named_and_the_next_one_begins_on_the_device(short_memory):
    engine = make_engine()
    expected = engine.complete(IMAGE, MASK, blend=False)
    attempts = short_memory(ERRORS[0], gpu=20 * 30)

    assert np.array_equal(engine.complete(IMAGE, MASK, blend=False), expected)
    assert engine.used == "cpu"
    assert [device for device, _ in attempts].count("cpu") == 1

    attempts.clear()
    engine.complete(IMAGE, SMALL_MASK, blend=False)
    assert engine.used == "cpu:0" and {device for device, _ in attempts} == {"gpu"}


def test_without_enough_memory_anywhere_it_is_said_what_can_be_done_and_the_next_one_is_right(short_memory):
    engine = make_engine()
    short_memory(ERRORS[0], gpu=20 * 30, cpu=20 * 30)

    with pytest.raises(OutOfMemoryError, match=r"cpu:0 and of cpu does not suffice.*select a smaller area"):
        engine.complete(IMAGE, MASK)

    assert engine.complete(IMAGE, SMALL_MASK).shape == IMAGE.shape


@pytest.mark.parametrize("stage", ["find_holes", "blended", "_composed"])
def test_a_lack_of_memory_where_there_are_no_smaller_pieces_is_said_as_well(monkeypatch, stage):
    def fails(*_):
        raise MemoryError("Unable to allocate 2.86 MiB")

    engine = make_engine()
    monkeypatch.setattr(inpainter, stage, fails)

    with pytest.raises(OutOfMemoryError, match=r"memory does not suffice.*select a smaller area"):
        engine.complete(IMAGE, SMALL_MASK)


def test_what_is_not_a_lack_of_memory_is_not_tried_again():
    attempts = []

    def compute(device):
        attempts.append(device)
        raise RuntimeError("a defect")

    with pytest.raises(RuntimeError, match="a defect"):
        on_the_first_that_suffices([OTHER_CPU, CPU], compute)
    assert attempts == [OTHER_CPU]
