"""The folders of known data sets."""

import os
from pathlib import Path

import pytest

from glcic_backend.errors import InvalidInputError
from glcic_train.data.layouts import SourcePhoto, scan


def tree(top: Path, *names: str, **texts: str) -> Path:
    for name in names:
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    for name, text in texts.items():
        (top / f"{name}.txt").write_text(text)
    return top


def found(source: Path, layout: str) -> list[tuple[str, str | None, str | None]]:
    return [(photo.name, photo.split, photo.label) for photo in scan(source, layout)]


def test_folder_finds_photos_at_any_depth_by_suffix(tmp_path: Path):
    tree(tmp_path, "b.JPG", "a/deep/er/x.webp", "z.heic")
    tree(tmp_path, "a/notes.txt", ".thumbnails/t.jpg", "a/.hidden.jpg", "film.mov")

    assert found(tmp_path, "folder") == [
        ("a/deep/er/x.webp", None, None),
        ("b.JPG", None, None),
        ("z.heic", None, None),
    ]


def test_folder_does_not_follow_linked_folders_round_in_circles(tmp_path: Path):
    tree(tmp_path, "a/x.jpg")
    (tmp_path / "a" / "up").symlink_to(tmp_path, target_is_directory=True)

    assert found(tmp_path, "folder") == [("a/x.jpg", None, None)]


@pytest.mark.parametrize("train", ["data_large", "data_256", "data_large_standard"])
def test_places365_by_its_archives_and_lists(tmp_path: Path, train: str):
    tree(
        tmp_path,
        f"{train}/a/airfield/00000001.jpg",
        f"{train}/b/building_facade/outdoor/00000002.jpg",
        "val_large/Places365_val_00000001.jpg",
        "test_large/Places365_test_00000001.jpg",
        categories_places365="/a/airfield 0\n/b/building_facade/outdoor 1\n",
        places365_val="Places365_val_00000001.jpg 1\n",
    )

    assert found(tmp_path, "places365") == [
        (f"{train}/a/airfield/00000001.jpg", "train", "airfield"),
        (f"{train}/b/building_facade/outdoor/00000002.jpg", "train", "building_facade/outdoor"),
        ("val_large/Places365_val_00000001.jpg", "val", "building_facade/outdoor"),
    ]


def test_places365_in_the_easy_directory_structure(tmp_path: Path):
    tree(tmp_path, "train/airfield/1.jpg", "val/airfield/2.jpg")

    assert found(tmp_path, "places365") == [
        ("train/airfield/1.jpg", "train", "airfield"),
        ("val/airfield/2.jpg", "val", "airfield"),
    ]


@pytest.mark.parametrize("top", ["", "ILSVRC/Data/CLS-LOC/"])
def test_imagenet_flat_or_as_a_competition_archive(tmp_path: Path, top: str):
    tree(
        tmp_path,
        f"{top}train/n01440764/n01440764_18.JPEG",
        f"{top}val/ILSVRC2012_val_00000001.JPEG",
        f"{top}test/ILSVRC2012_test_00000001.JPEG",
    )

    assert found(tmp_path, "imagenet") == [
        (f"{top}train/n01440764/n01440764_18.JPEG", "train", "n01440764"),
        (f"{top}val/ILSVRC2012_val_00000001.JPEG", "val", None),
    ]


def test_celeba_is_split_by_its_list(tmp_path: Path):
    tree(
        tmp_path,
        *(f"img_align_celeba/00000{number}.jpg" for number in (1, 2, 3)),
        list_eval_partition="000001.jpg 0\n000002.jpg 1\n000003.jpg 2\n",
    )

    assert [photo.split for photo in scan(tmp_path, "celeba")] == ["train", "val", "test"]


def test_celeba_with_the_list_as_csv(tmp_path: Path):
    tree(tmp_path, "img_align_celeba/img_align_celeba/000001.jpg")
    (tmp_path / "list_eval_partition.csv").write_text("image_id,partition\n000001.jpg,1\n")

    assert [photo.split for photo in scan(tmp_path, "celeba")] == ["val"]


def test_celeba_without_its_list_or_with_a_photo_missing_from_it_is_refused(tmp_path: Path):
    tree(tmp_path, "img_align_celeba/000001.jpg")
    with pytest.raises(InvalidInputError, match=r"no list_eval_partition\.txt"):
        scan(tmp_path, "celeba")
    (tmp_path / "list_eval_partition.txt").write_text("000009.jpg 0\n")
    with pytest.raises(InvalidInputError, match=r"does not say .*000001\.jpg"):
        scan(tmp_path, "celeba")


def test_facade_leaves_the_labels_out(tmp_path: Path):
    tree(tmp_path, "base/cmp_b0001.jpg", "base/cmp_b0001.png", "base/cmp_b0001.xml", "extended/cmp_x0001.jpg")

    assert found(tmp_path, "facade") == [("base/cmp_b0001.jpg", None, None), ("extended/cmp_x0001.jpg", None, None)]


@pytest.mark.parametrize("layout", ["folder", "places365", "imagenet", "celeba", "facade"])
def test_a_folder_that_is_something_else_is_refused(tmp_path: Path, layout: str):
    with pytest.raises(InvalidInputError, match=r"docs/manual/photographs\.md"):
        scan(tmp_path, layout)


def test_the_share_of_validation_photos_is_kept_and_adding_photos_moves_none():
    few = {number: SourcePhoto(f"{number}.jpg").split_at(0.1) for number in range(0, 2000, 2)}
    many = {number: SourcePhoto(f"{number}.jpg").split_at(0.1) for number in range(2000)}

    assert all(many[number] == split for number, split in few.items())
    assert 0.08 < list(many.values()).count("val") / 2000 < 0.12


def test_names_that_are_no_utf_8_get_a_key(tmp_path: Path):
    (tmp_path / os.fsdecode(b"caf\xe9.jpg")).touch()
    (tmp_path / "日本 ü.jpg").touch()

    keys = {photo.key for photo in scan(tmp_path, "folder")}

    assert len(keys) == 2
    assert all(len(key) == 16 and key.isalnum() for key in keys)
