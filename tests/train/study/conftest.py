"""A study of pictures that tell a test which version they are."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

COLOURS = {"real": (40, 160, 40), "ours": (200, 40, 40), "theirs": (40, 40, 200)}


@pytest.fixture
def make_study(tmp_path: Path) -> Callable[..., Path]:
    """Writes pictures "a-00", "a-01", ... of 60 x 40 pixels, each method in a colour of its own."""

    def make(count: int, methods: tuple[str, ...] = ("real", "ours"), folder: str = "study") -> Path:
        for method in methods:
            (tmp_path / folder / method).mkdir(parents=True)
            for number in range(count):
                pixels = np.full((40, 60, 3), COLOURS[method], np.uint8)
                Image.fromarray(pixels).save(tmp_path / folder / method / f"a-{number:02d}.png")
        return tmp_path / folder

    return make
