"""The engine that the tests of details fill with."""

import pytest

from glcic_backend import Inpainter


@pytest.fixture(scope="module")
def engine():
    """One thread: threads that wait for each other on a busy machine take longer than the work."""
    return Inpainter.load("shipped", device="cpu", threads=1)
