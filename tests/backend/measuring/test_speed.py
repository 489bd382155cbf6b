"""Speed is protected: ratios of times of one run, which mean much the same on every machine, stay what they were.

`speed_ratios.json` has them as measured; a lost optimisation makes one several times larger. Both sides of a ratio are
of one kind, since processors differ in what they are good at: what the network does is held against the network, and
loops over pixels (blending, the search for details) against SciPy's sparse LU, whose loops they resemble.
"""

import json
import sys
import time
from functools import partial
from pathlib import Path

import pytest
import torch

from glcic_backend import Inpainter
from glcic_backend.measuring.benchmark import (
    SCENES,
    _blend_task,
    _region_task,
    _sparse_lu_seconds,
    _whole_image_task,
    at_full_width,
)
from glcic_backend.measuring.waits import CASES, Case, specks, square

RATIOS = json.loads(Path(__file__).with_name("speed_ratios.json").read_text())

FRAME = next(case for case in CASES if case.name.startswith("frame"))
WAITS = {
    "specks": Case("specks", 900, 700, specks(40), False),
    "scratches": Case("scratches", 1600, 1200, specks(40, 3), False),
    "frame": FRAME,
    "square 200": Case("square", 1000, 800, square(200), True),
}
"""What users wait for, with the model that ships: specks, scratches, a frame and a large hole."""

BAND = 1.7
"""How many times as large as measured a ratio may be; among six runs on a busy machine they differed by 1.2."""

CLEAR = 1.3
"""A ratio below so many times what was measured is clearly within the band: two more rounds would not bring it out."""


@pytest.fixture(scope="module")
def seconds():
    """Processor time on one thread, the least of four rounds, or of two where all is clear: it is disturbed least.

    The network has all channels of Table 2: which of them a shipped model uses is no matter of speed lost.
    """
    engine = at_full_width(Inpainter.load(device="cpu"))
    small, _, middle, _ = SCENES
    tasks = {
        f"region {small.name}": _region_task(engine, small),
        f"region {middle.name}": _region_task(engine, middle),
        "whole 512": _whole_image_task(engine, 512),
        "blend 200": _blend_task(200),
        "sparse LU 200": partial(_sparse_lu_seconds, 200),
    }
    shipped = Inpainter.load(device="cpu")
    for name, case in WAITS.items():
        image, mask = case.image_and_mask()
        for quality in ("fast", "best"):
            tasks[f"{name} {quality}"] = partial(shipped.complete, image, mask, quality=quality)
    threads, tracer = torch.get_num_threads(), sys.gettrace()
    torch.set_num_threads(1)
    sys.settrace(None)  # who notes which lines were run would be measured, too
    try:
        least = _round(tasks)
        for _ in range(3):
            least = {name: min(least[name], again) for name, again in _round(tasks).items()}
            if all(_ratio(least, name) < CLEAR * measured for name, measured in RATIOS.items()):
                break
    finally:
        torch.set_num_threads(threads)
        sys.settrace(tracer)
    return least


def _round(tasks):
    return {name: _processor_time(task) for name, task in tasks.items()}


def _processor_time(task):
    """The least of as many runs as are begun within half a second: what is short is disturbed most."""
    took = []
    while sum(took) < 0.5:
        begun = time.process_time()
        task()
        took.append(time.process_time() - begun)
    return min(took)


def _ratio(seconds, name):
    part, whole = name.split(" / ")
    return seconds[part] / seconds[whole]


@pytest.mark.parametrize("name", RATIOS)
def test_nothing_became_slower_in_proportion(seconds, name):
    ratio = _ratio(seconds, name)

    assert ratio < BAND * RATIOS[name], f"{name}: {ratio:.3f}, measured before {RATIOS[name]}"
