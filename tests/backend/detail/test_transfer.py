"""At how many scales a hole is filled."""

import numpy as np
import pytest

from glcic_backend.detail import FREE, Task, transfer_texture
from glcic_backend.scene.scene import Scene

THICK = 144
HALVINGS = 4


def scales(side):
    """At how many scales a hole in the middle of a square photograph is filled."""
    picture = np.random.default_rng(0).random((side, side, 3), np.float32)
    hole = np.zeros((side, side), bool)
    middle = slice((side - THICK) // 2, (side + THICK) // 2)
    hole[middle, middle] = True
    shares = []
    assert transfer_texture(Task(Scene(picture, ~hole, hole), HALVINGS, 10.0, FREE, 0), shares.append, None)
    return len(shares)


# Of 600 pixels 768 patches are known in the copy of 38, of 400 136 in that of 25, of 300 none in that of 19.
@pytest.mark.parametrize(("side", "expected"), [(600, 5), (400, 5), (300, 4)])
def test_a_search_begins_where_the_hole_is_thin_also_where_little_is_known_there(side, expected):
    assert scales(side) == expected
