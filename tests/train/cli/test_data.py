"""The commands `glcic-train data`."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from glcic_backend.errors import InvalidInputError
from glcic_train.cli.data import data
from glcic_train.data import PhotoSet
from glcic_train.data.contact_sheet import contact_sheet

Make = Callable[..., Path]


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(data, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_prepare_then_stats_then_preview(photo_folder: Make, tmp_path: Path):
    source, out = photo_folder(10), tmp_path / "out"
    (source / "broken.jpg").write_text("text")

    prepared = run("prepare", source, out, "--short-side", 64, "--workers", 1, "--val-share", 0.3, "--licence", "CC0")
    stats = run("stats", out)
    preview = run("preview", out, tmp_path / "sheet.png", "--count", 6)

    assert prepared.exit_code == stats.exit_code == preview.exit_code == 0
    assert "left out: 1 (format 1)" in prepared.output
    assert "shortest edge 64 to 64 pixels, median 64" in stats.output
    assert "CC0  (source)" in stats.output
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == (4 * 164 + 4, 2 * 164 + 4)


def test_prepare_without_a_licence_says_what_that_costs(photo_folder: Make, tmp_path: Path):
    assert "No --licence was given" in run("prepare", photo_folder(2), tmp_path / "out", "--workers", 1).output


def test_the_options_default_to_the_settings(photo_folder: Make, tmp_path: Path):
    run("prepare", photo_folder(2), tmp_path / "out", "--workers", 1)

    from glcic_train.data.convert import PrepareSettings
    from glcic_train.data.manifest import read_manifest

    assert read_manifest(tmp_path / "out")["settings"] == vars(PrepareSettings())


def test_stats_counts_shards_that_belong_to_no_split(make_shard: Make, photo: Callable[..., np.ndarray]):
    folder = make_shard("photos/train-0.tar", [photo(0)]).parent
    make_shard("photos/small-0.tar", [photo(1), photo(2)])

    output = run("stats", folder).output

    assert "train: 1 photos in 1 shards" in output
    assert "other: 2 photos in 1 shards" in output


def test_stats_gives_the_mean_pixel_of_a_single_shard(make_shard: Make):
    shard = make_shard("x.tar", [np.full((8, 8, 3), (255, 0, 51), np.uint8)])

    assert "mean pixel (RGB, 0..1) 1.000000 0.000000 0.200000" in run("stats", shard).output


def test_an_unfinished_folder_is_named_as_such(tmp_path: Path):
    (tmp_path / ".prepare").mkdir()

    with pytest.raises(InvalidInputError, match="not complete"):
        run("stats", tmp_path)


def test_the_contact_sheet_shows_each_photo_once_in_its_proportions(make_shard: Make):
    colours = [(200, 0, 0), (0, 200, 0), (0, 0, 200)]
    shard = make_shard("x.tar", [np.full((40, 80, 3), colour, np.uint8) for colour in colours])

    sheet = contact_sheet(PhotoSet.open(shard), 10)

    for colour in colours:
        rows, columns = np.nonzero((sheet == colour).all(axis=2))
        assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (80, 160)


def test_the_command_line_starts_without_torch():
    # Every worker of `prepare` imports the command line again; torch would cost each seconds and memory.
    command = "import sys, glcic_train.cli; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", command]).returncode == 0
