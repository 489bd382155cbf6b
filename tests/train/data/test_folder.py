"""A plain folder of photographs, for whoever looks at photographs only."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from glcic_backend.errors import InvalidInputError
from glcic_train.data import PhotoSet
from glcic_train.data.folder import PhotoFolder, open_photographs


def test_a_folder_gives_its_photographs_in_the_order_of_their_names(photo_folder: Callable[..., Path]):
    folder = photo_folder(3)
    (folder / "more").mkdir()
    (folder / "0.jpg").rename(folder / "more" / "0.jpg")

    photographs = open_photographs([folder], "val")

    assert isinstance(photographs, PhotoFolder)
    assert [photographs.info(number)["key"] for number in range(3)] == ["1", "2", "more/0"]
    assert photographs.origins == ["1.jpg", "2.jpg", "more/0.jpg"]
    assert photographs.read(0).shape == (90, 120, 3)


def test_what_is_no_photograph_is_left_out(photo_folder: Callable[..., Path]):
    folder = photo_folder(2)
    (folder / "broken.png").write_text("text")
    (folder / "raw.heic").write_bytes(bytes(100))

    assert len(PhotoFolder(folder)) == 2


def test_photographs_are_upright_and_not_too_large_to_show(tmp_path: Path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.zeros((2100, 2200, 3), np.uint8)).save(tmp_path / "a.jpg", exif=exif)

    assert PhotoFolder(tmp_path).read(0).shape == (2146, 2048, 3)


def test_a_folder_without_a_photograph_that_opens_is_refused_with_where_to_read_why(tmp_path: Path):
    (tmp_path / "broken.png").write_text("text")

    with pytest.raises(InvalidInputError, match=r"None of the 1 files .* `glcic-train data prepare` lists"):
        open_photographs([tmp_path], "val")


def test_a_photograph_that_is_damaged_is_named(photo_folder: Callable[..., Path]):
    folder = photo_folder(1)
    whole = (folder / "0.jpg").read_bytes()
    (folder / "0.jpg").write_bytes(whole[: len(whole) // 2])

    with pytest.raises(InvalidInputError, match=r"0\.jpg cannot be decoded.* Take it out"):
        PhotoFolder(folder).read(0)


def test_folders_of_shards_and_single_shards_are_opened_as_such(make_shard, photo):
    shard = make_shard("set/train-0.tar", [photo(0)])

    for named in ([shard.parent], [shard]):
        assert isinstance(open_photographs(named, "train"), PhotoSet)
    with pytest.raises(InvalidInputError, match=r"no shard of the split 'val'.*`--split all`"):
        open_photographs([shard.parent], "val")
