"""Removals are filled, and shown in an order that only the key tells."""

import json

import numpy as np
import pytest
from PIL import Image

from .cases import cases_in, windows
from .fill import fill
from .sheet import outlined, write_sheets


@pytest.fixture
def photographs(tmp_path):
    folder = tmp_path / "photographs"
    folder.mkdir()
    for number, name in enumerate(("one", "two")):
        picture = np.random.default_rng(number).integers(0, 256, (90, 120, 3), np.uint8)
        Image.fromarray(picture).save(folder / f"{name}.png")
        mask = np.zeros((90, 120), np.uint8)
        mask[30:50, 40:80] = 255
        Image.fromarray(mask).save(folder / f"{name}-mask.png")
    return folder


def filled_with(photographs, folder, value):
    for case in cases_in(photographs):
        fill(
            case,
            lambda image, hole, seed: np.where(hole[..., None], np.uint8(seed), image),
            value,
            folder / f"{case.name}.png",
        )
    return folder


def test_cases_are_photographs_with_masks(photographs):
    assert [case.name for case in cases_in(photographs)] == ["one", "two"]
    image, hole = cases_in(photographs, ["two"])[0].read()
    assert image.shape == (90, 120, 3) and hole.sum() == 20 * 40


def test_a_case_without_a_photograph_is_named(photographs):
    with pytest.raises(FileNotFoundError, match="three"):
        cases_in(photographs, ["three"])


def test_the_key_tells_whose_the_columns_are(photographs, tmp_path):
    folders = {name: filled_with(photographs, tmp_path / name, value) for name, value in (("dark", 10), ("light", 240))}

    key = write_sheets(cases_in(photographs), folders, tmp_path / "sheets", 3, 480, 2)

    assert json.loads((tmp_path / "sheets-key.json").read_text()) == key
    for name, order in key.items():
        sheet = np.asarray(Image.open(tmp_path / "sheets" / f"{name}.png"))
        # All of the 90 x 120 pixels fit within the margin: 30 - 60 < 0.
        columns = [sheet[40, 60 + (120 + 6) * place, 0] for place in (1, 2)]
        assert columns == [{"dark": 10, "light": 240}[whose] for whose in order]


def test_orders_differ_between_cases_and_shuffles(photographs, tmp_path):
    folders = {name: filled_with(photographs, tmp_path / name, value) for value, name in enumerate("abcdef")}
    keys = [
        write_sheets(cases_in(photographs), folders, tmp_path / f"sheets{seed}", seed, 480, 2) for seed in (1, 1, 2)
    ]

    assert keys[0] == keys[1] != keys[2]
    assert keys[0]["one"] != keys[0]["two"]


def test_a_result_that_is_missing_leaves_its_case_out(photographs, tmp_path):
    folder = filled_with(photographs, tmp_path / "ours", 0)
    (folder / "one.png").unlink()

    assert list(write_sheets(cases_in(photographs), {"ours": folder}, tmp_path / "sheets", 0, 480, 2)) == ["two"]


def test_large_holes_are_shown_in_squares_with_most_of_the_hole_first():
    hole = np.zeros((2000, 1500), bool)
    hole[200:1700, 300:360] = hole[1500:1700, 300:1200] = True

    shown = windows(hole, 480, 60, 3)

    assert len(shown) == 3
    assert all(part.stop - part.start <= 480 for window in shown for part in window)
    counts = [np.count_nonzero(hole[window]) for window in shown]
    assert counts == sorted(counts, reverse=True)


def test_the_outline_lies_round_the_hole_and_not_in_it():
    image, hole = np.zeros((20, 20, 3), np.uint8), np.zeros((20, 20), bool)
    hole[5:10, 5:10] = True

    shown = outlined(image, hole).any(axis=2)

    assert shown[4, 7] and not shown[hole].any() and shown.sum() == 7 * 7 - 25
