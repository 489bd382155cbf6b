"""Foreign things in photographs under masks that are too tight or too loose: made by rule, and the truth is known."""

import json
from itertools import pairwise

import numpy as np
import pytest
from click.testing import CliRunner

from glcic_backend.errors import InvalidInputError
from glcic_backend.model_files.model_file import default_model_path
from glcic_train.cli import group
from glcic_train.data import PhotoSet
from glcic_train.evaluation.cases import CaseOptions, cases, sloppy_kind
from glcic_train.evaluation.sloppy import OFFSETS, spoilt
from glcic_train.scores.metrics import beside

SIZE = (60, 80)


def photo(seed: int = 0) -> np.ndarray:
    """A soft gradient, uint8 [200, 220, 3]."""
    rows, columns = np.mgrid[:200, :220]
    return np.stack([90 + rows / 4, 150 - columns / 4, 120 + rows / 8], axis=2).astype(np.uint8)


SHAPES = [pytest.param(place, id=name) for place, name in enumerate(("disc", "box", "kite", "lump", "wires"))]


@pytest.mark.parametrize("place", SHAPES)
class TestSpoilt:
    def test_a_mask_grows_by_the_offset(self, place):
        thing = spoilt(photo(), 0, place, SIZE)
        masks = [thing.mask(offset) for offset in OFFSETS]

        assert masks[0].any()
        for tight, loose in pairwise(masks):
            assert not (tight & ~loose).any() and loose.sum() > tight.sum()
        assert np.abs(thing.distance).min() == 0.5  # the outline runs between two pixels

    def test_the_loosest_mask_covers_all_that_the_thing_has_changed(self, place):
        thing = spoilt(photo(), 0, place, SIZE)

        change = np.abs(thing.shown.astype(int) - thing.truth).max(axis=2)
        assert change[thing.mask(OFFSETS[-1])].mean() > 10
        # A JPEG block of which the thing has some rings as a whole, but by little.
        assert change[thing.distance > 8].max() <= 24 and change[thing.distance > 24].max() == 0

    def test_an_exact_mask_leaves_a_soft_edge_and_the_shadow(self, place):
        thing = spoilt(photo(), 0, place, SIZE)

        left = [beside(thing.shown, thing.truth, thing.mask(offset)) for offset in OFFSETS]
        assert left == sorted(left, reverse=True)
        assert left[OFFSETS.index(0)] > 2 and left[-1] < 1

    def test_the_same_seed_and_place_give_the_same_thing(self, place):
        first, again, other = (spoilt(photo(), seed, place, SIZE) for seed in (3, 3, 4))

        assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
        assert not np.array_equal(first.shown, other.shown)


def test_a_thing_that_the_tightest_mask_would_miss_is_refused():
    with pytest.raises(InvalidInputError, match="Choose --hole larger"):
        spoilt(photo(), 0, 0, (4, 5))


def test_the_truth_has_been_through_the_jpeg_as_well():
    # So that what differs is the thing, and not the storage.
    noise = np.random.default_rng(0).integers(0, 256, (200, 220, 3), np.uint8)
    thing = spoilt(noise, 0, 0, SIZE)

    assert not np.array_equal(thing.truth, noise)
    np.testing.assert_array_equal(thing.truth[:32], thing.shown[:32])


def test_every_photograph_has_a_case_for_each_offset_and_methods_see_the_thing(photos):
    made = list(cases(PhotoSet.open(photos, "val"), CaseOptions(("blob", "sloppy"), 2, 0, 48, (16, 20))))

    kinds = [sloppy_kind(offset) for offset in OFFSETS]
    assert [case.kind for case in made] == ["blob", *kinds] * 2
    assert CaseOptions(("blob", "sloppy")).cases_each == 6
    for case in made[1:6]:
        assert (case.input != case.truth).any(axis=2)[case.hole].mean() > 0.9
        np.testing.assert_array_equal(case.truth, made[1].truth)


def test_the_command_shows_the_offsets_side_by_side_and_what_was_left_outside(photos):
    small = ["--count", "2", "--short-side", "48", "--hole", "16", "20", "--masks", "sloppy", "--baselines", "mean"]
    command = ["evaluate", str(default_model_path()), str(photos), "--device", "cpu", *small]
    text, values = (
        CliRunner().invoke(group, [*command, *more], catch_exceptions=False).stdout for more in ([], ["--json"])
    )

    lines = text[text.index("L1 by how many pixels") :].splitlines()
    assert [sloppy_kind(offset) in lines[1] for offset in OFFSETS] == [True] * 5
    shown = {line.split()[0]: line for line in lines[2:7]}
    scores = json.loads(values)["scores"]
    for method in ("fast", "best", "mean"):
        for offset in OFFSETS:
            assert f" {scores[sloppy_kind(offset)][method]['l1']['value']:#.3g} " in shown[method]
    # Nobody writes outside the mask, so what is left there is the same for all.
    for by_method in scores.values():
        assert len({score["beside"]["value"] for score in by_method.values()}) == 1
    assert f"{scores['sloppy exact']['fast']['beside']['value']:#.3g} " in shown["left"]
