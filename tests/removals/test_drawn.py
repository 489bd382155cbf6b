"""Outlines drawn into photographs of the data set become cases."""

import io
import json
import tarfile

import numpy as np
import pytest
from PIL import Image

from .cases import cases_in
from .drawn import OUTLINES, read_photograph, write_cases


def shard(path, keys):
    with tarfile.open(path, "w") as archive:
        for number, key in enumerate(keys):
            data = io.BytesIO()
            Image.new("RGB", (40, 30), (number, 0, 0)).save(data, "webp", lossless=True)
            member = tarfile.TarInfo(f"{key}.webp")
            member.size = len(data.getvalue())
            archive.addfile(member, io.BytesIO(data.getvalue()))
    return path


def test_a_case_is_the_photograph_with_its_outlines_filled(tmp_path):
    shards = [shard(tmp_path / "one.tar", ["000001"]), shard(tmp_path / "two.tar", ["000002", "000003"])]

    write_cases(
        tmp_path / "cases", shards, {"000003": [[[2, 3], [9, 3], [9, 7], [2, 7]], [[20, 20], [21, 20], [20, 21]]]}
    )

    (case,) = cases_in(tmp_path / "cases")
    image, hole = case.read()
    assert case.name == "000003"
    assert (image == [1, 0, 0]).all()
    assert hole[3:8, 2:10].all()
    assert np.count_nonzero(hole) == 5 * 8 + 3


def test_a_photograph_that_no_shard_has_is_told(tmp_path):
    with pytest.raises(KeyError, match="000009"):
        read_photograph([shard(tmp_path / "one.tar", ["000001"])], "000009")


def test_the_outlines_that_are_kept_are_polygons():
    outlines = json.loads(OUTLINES.read_text(encoding="utf-8"))

    assert len(outlines) == 36
    assert all(len(polygon) >= 3 for polygons in outlines.values() for polygon in polygons)
    assert all(len(corner) == 2 for polygons in outlines.values() for polygon in polygons for corner in polygon)
