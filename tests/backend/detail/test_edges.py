"""Holes at the edge of the picture, beyond which nothing is known."""

import numpy as np
import pytest

from glcic_backend.detail import Task, transfer_texture
from glcic_backend.detail.patches import PatchSpace
from glcic_backend.detail.pyramid import RADIUS
from glcic_backend.detail.recipe import FREE
from glcic_backend.scene.scene import Scene


@pytest.mark.parametrize("place", [np.s_[:60, 60:], np.s_[40:, :45], np.s_[:35], np.s_[30:70, 30:70]])
def test_in_each_round_patches_at_the_edge_see_what_is_filled_there_now(place, monkeypatch):
    """In a sky whose rough completion was too dark, patches that go on seeing that leave a dark rim along the edge."""
    picture = np.random.default_rng(0).random((100, 120, 3), np.float32)
    hole = np.zeros((100, 120), np.bool_)
    hole[place] = True
    scene, seen, at = Scene(picture, ~hole, hole), [], PatchSpace.at

    def watched(self, pixels, *arguments):
        seen.append(pixels.reshape(-1, self._level.stride, 3).copy())
        return at(self, pixels, *arguments)

    monkeypatch.setattr(PatchSpace, "at", watched)
    assert transfer_texture(Task(scene, 2, 4.0, FREE, 0), lambda share: None, None)

    assert len(seen) > 6
    for bordered in seen:
        inside = bordered[RADIUS:-RADIUS, RADIUS:-RADIUS]
        assert (bordered == np.pad(inside, ((RADIUS, RADIUS), (RADIUS, RADIUS), (0, 0)), mode="reflect")).all()
