"""Photos in tar shards: what is found, what is read, and which shards are refused."""

import gzip
import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from glcic_backend.errors import InvalidInputError
from glcic_train.data import PhotoSet

Make = Callable[..., Path]
Photo = Callable[..., np.ndarray]
Encoded = Callable[..., bytes]


def test_photos_are_read_as_they_were_stored_with_their_info(make_shard: Make, photo: Photo):
    pictures = [photo(0), photo(1, 33, 44), photo(2, 64, 64)]

    photos = PhotoSet.open(make_shard("train-0000.tar", pictures))

    assert len(photos) == 3
    assert photos.sizes.tolist() == [[120, 90], [33, 44], [64, 64]]
    assert all(np.array_equal(photos.read(number), pictures[number]) for number in range(3))
    assert photos.info(1) == {"licence": "CC0", "source": "clouds", "key": "001", "shard": "train-0000.tar"}


def test_a_folder_is_opened_by_split_in_the_order_of_names(make_shard: Make, photo: Photo):
    for name, seed in [("train-0001.tar", 1), ("train-0000.tar", 0), ("val-0000.tar", 2), ("small-0000.tar", 3)]:
        folder = make_shard(f"photos/{name}", [photo(seed)]).parent

    def seeds(split: str) -> list[int]:
        photos = PhotoSet.open(folder, split)
        found = [photos.read(number) for number in range(len(photos))]
        return [next(seed for seed in range(4) if np.array_equal(pixels, photo(seed))) for pixels in found]

    assert seeds("train") == [0, 1]
    assert seeds("val") == [2]
    assert sorted(seeds("all")) == [0, 1, 2, 3]


def test_a_shard_that_is_named_is_read_whatever_the_split(make_shard: Make, photo: Photo):
    shards = [make_shard("val-0000.tar", [photo(0)]), make_shard("more.tar", [photo(1), photo(2)])]

    assert len(PhotoSet.open(shards, "train")) == 3


def test_nested_and_upper_case_names_and_photos_without_info_are_found(make_tar: Make, photo: Photo, encoded: Encoded):
    members = [("a/000.JPG", encoded(photo(0), "jpg")), ("b/000.webp", encoded(photo(1), "webp")), ("readme.txt", b"-")]

    photos = PhotoSet.open(make_tar("train.tar", members))

    assert [photos.info(number)["key"] for number in range(len(photos))] == ["a/000", "b/000"]


def test_long_names_are_read(make_tar: Make, photo: Photo, encoded: Encoded):
    key = "x" * 180

    photos = PhotoSet.open(make_tar("train.tar", [(f"{key}.png", encoded(photo(0)))]))

    assert photos.info(0)["key"] == key
    assert np.array_equal(photos.read(0), photo(0))


@pytest.mark.parametrize("name", ["/etc/passwd.jpg", "../../outside.jpg", "a/../../b.jpg"])
def test_a_member_whose_path_leads_out_is_refused(make_tar: Make, photo: Photo, encoded: Encoded, name: str):
    shard = make_tar("train.tar", [(name, encoded(photo(0), "jpg"))])

    with pytest.raises(InvalidInputError, match="leads out of it"):
        PhotoSet.open(shard)


def test_links_in_a_tar_are_not_followed(tmp_path: Path, photo: Photo, encoded: Encoded):
    import tarfile

    with tarfile.open(tmp_path / "train.tar", "w") as tar:
        link = tarfile.TarInfo("link.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)

    with pytest.raises(InvalidInputError, match="holds no photo"):
        PhotoSet.open(tmp_path / "train.tar")


@pytest.mark.parametrize("names", [("a.jpg", "a.jpg"), ("a.jpg", "a.webp"), ("a.json", "a.json")])
def test_a_key_that_is_there_twice_is_refused(make_tar: Make, photo: Photo, encoded: Encoded, names: tuple[str, str]):
    picture = encoded(photo(0), "jpg")

    with pytest.raises(InvalidInputError, match="'a' is there twice"):
        PhotoSet.open(make_tar("train.tar", [(name, picture) for name in names]))


@pytest.mark.parametrize("cut", ["inside a member", "between two members"])
def test_a_truncated_tar_is_refused(make_tar: Make, photo: Photo, encoded: Encoded, cut: str):
    shard = make_tar("train.tar", [(f"{n}.png", encoded(photo(n))) for n in range(3)])
    first_member = 512 + -(-len(encoded(photo(0))) // 512) * 512
    os.truncate(shard, first_member + (5000 if cut == "inside a member" else 0))

    with pytest.raises(InvalidInputError, match=r"truncated|unexpected end"):
        PhotoSet.open(shard)


@pytest.mark.parametrize("content", [b"", b"no tar" * 1000, gzip.compress(bytes(10240))], ids=["empty", "text", "gzip"])
def test_what_is_no_plain_tar_is_refused(tmp_path: Path, content: bytes):
    (tmp_path / "train.tar").write_bytes(content)

    with pytest.raises(InvalidInputError, match=r"train\.tar"):
        PhotoSet.open(tmp_path / "train.tar")


def test_a_shard_without_a_single_picture_is_refused_with_the_key(make_tar: Make):
    with pytest.raises(InvalidInputError, match=r"picture of key 'fake' in .* has no readable header"):
        PhotoSet.open(make_tar("train.tar", [("fake.jpg", b"text" * 100)]))


def test_info_that_is_no_json_object_counts_as_none(make_tar: Make, photo: Photo, encoded: Encoded):
    members = [("a.png", encoded(photo(0))), ("a.json", b"{broken"), ("b.png", encoded(photo(0))), ("b.json", b"[1]")]

    photos = PhotoSet.open(make_tar("train.tar", members))

    assert [photos.info(number)["key"] for number in range(2)] == ["a", "b"]


@pytest.mark.parametrize(
    ("split", "text"), [("val", "no shard of the split 'val', only of: train"), ("validation", "splits are train")]
)
def test_a_split_that_is_not_there_is_refused_with_what_is(make_shard: Make, photo: Photo, split: str, text: str):
    folder = make_shard("photos/train-0.tar", [photo(0)]).parent

    with pytest.raises(InvalidInputError, match=text):
        PhotoSet.open(folder, split)


def test_a_path_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(InvalidInputError, match="nowhere is neither a folder"):
        PhotoSet.open(tmp_path / "nowhere")


def test_the_mean_pixel_is_that_of_all_pixels(make_shard: Make):
    bright, dark = np.full((10, 10, 3), (255, 51, 0), np.uint8), np.zeros((10, 30, 3), np.uint8)

    photos = PhotoSet.open(make_shard("train.tar", [bright, dark]))

    assert photos.mean_pixel == pytest.approx((0.25, 0.05, 0.0), abs=1e-15)


def test_index_and_mean_are_kept_in_the_cache_and_the_source_stays_as_it_was(
    make_shard: Make, photo: Photo, tmp_path: Path, monkeypatch
):
    shard = make_shard("photos/train-0.tar", [photo(0), photo(1)])
    first = PhotoSet.open(shard.parent, cache=tmp_path / "run")
    mean = first.mean_pixel
    monkeypatch.setattr("glcic_train.data.photo_set.index_shard", lambda _: pytest.fail("indexed again"))
    monkeypatch.setattr("glcic_train.data.photo_set.decode_stored", lambda _: pytest.fail("decoded again"))

    second = PhotoSet.open(shard.parent, cache=tmp_path / "run")

    assert second.mean_pixel == mean
    assert second.sizes.tolist() == first.sizes.tolist()
    assert second.info(1) == first.info(1)
    assert os.listdir(shard.parent) == ["train-0.tar"]


def test_a_shard_that_changed_is_indexed_anew(make_shard: Make, photo: Photo, tmp_path: Path):
    PhotoSet.open(make_shard("train.tar", [photo(0)]), cache=tmp_path / "run")

    changed = PhotoSet.open(make_shard("train.tar", [photo(0), photo(1)]), cache=tmp_path / "run")

    assert len(changed) == 2


def test_a_set_works_in_another_process(make_shard: Make, photo: Photo):
    photos = pickle.loads(pickle.dumps(PhotoSet.open(make_shard("train.tar", [photo(0)]))))

    assert np.array_equal(photos.read(0), photo(0))


def test_a_shard_that_is_not_as_its_manifest_says_is_refused(make_shard: Make, photo: Photo):
    shard = make_shard("photos/train-0.tar", [photo(0)])
    manifest = {
        "format": "glcic-train photos 1",
        "mean_pixel": [0.1, 0.2, 0.3],
        "shards": [{"name": "train-0.tar", "bytes": shard.stat().st_size}],
    }
    (shard.parent / "manifest.json").write_text(json.dumps(manifest))

    assert PhotoSet.open(shard.parent).mean_pixel == (0.1, 0.2, 0.3)
    with shard.open("ab") as file:
        file.write(bytes(512))
    with pytest.raises(InvalidInputError, match="its manifest says"):
        PhotoSet.open(shard.parent)


@pytest.mark.parametrize("text", ["{", "[]", '{"format": "something else"}'])
def test_a_manifest_that_is_damaged_or_foreign_is_refused(make_shard: Make, photo: Photo, text: str):
    shard = make_shard("photos/train-0.tar", [photo(0)])
    (shard.parent / "manifest.json").write_text(text)

    with pytest.raises(InvalidInputError, match=r"manifest\.json is"):
        PhotoSet.open(shard.parent)
