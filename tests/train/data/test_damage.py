"""Damaged photographs: skipped and counted, the same ones in every process, until they are too many."""

import itertools
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from glcic_backend.errors import InvalidInputError
from glcic_train.data import CropOptions, CropSampler, PhotoSet
from glcic_train.data.damage import DamageCount, DamagedPhotoError
from glcic_train.data.loader import LoadedPhotos
from glcic_train.data.resident import ResidentPhotos

Members = list[tuple[str, bytes]]
OPTIONS = CropOptions(80, short_side=(80, 80), flip=False, max_upscale=1)


@pytest.fixture
def members(photo: Callable[..., np.ndarray], encoded: Callable[..., bytes]) -> Members:
    """Seven photographs, of which number 2 ends in the middle."""
    whole = [(f"{number}.png", encoded(photo(number, 97, 80))) for number in range(7)]
    name, data = whole[2]
    return [*whole[:2], (name, data[: len(data) // 2]), *whole[3:]]


@pytest.fixture
def photos(make_tar: Callable[..., Path], members: Members) -> PhotoSet:
    return PhotoSet.open(make_tar("train-0.tar", members))


def take(source: LoadedPhotos | ResidentPhotos, sampler: CropSampler, steps: int, first: int = 0) -> torch.Tensor:
    batches = source.batches(sampler, first)
    taken = torch.stack(list(itertools.islice(batches, steps)))
    batches.close()
    return taken


def test_the_next_photograph_stands_in_for_a_damaged_one_with_a_crop_of_its_own(photos: PhotoSet):
    sampler = CropSampler(OPTIONS, 7, seed=1)
    chosen, draws = sampler.choose(0, OPTIONS.usable(photos.sizes))

    (batch,) = take(LoadedPhotos(photos, workers=0), sampler, 1)

    place = chosen.tolist().index(2)
    left, top = sampler.cut(np.array([3]), draws[place][None], photos.sizes).corner[0]
    expected = photos.read(3)[top : top + 80, left : left + 80]
    assert np.array_equal((batch[place] * 255).round().byte().permute(1, 2, 0).numpy(), expected)


@pytest.mark.parametrize(
    "make",
    [lambda photos: LoadedPhotos(photos, workers=2), lambda photos: ResidentPhotos.load(photos, "cpu")],
    ids=["workers", "resident"],
)
def test_every_source_and_every_process_skips_alike(photos: PhotoSet, make: Callable[[PhotoSet], LoadedPhotos]):
    alone = take(LoadedPhotos(photos, workers=0), CropSampler(OPTIONS, 6, seed=1), 4)
    source = make(photos)

    ranks = [take(source, CropSampler(OPTIONS, 3, 1, rank, 2), 3, first=1) for rank in range(2)]

    assert (torch.cat(ranks, dim=1) - alone[1:]).abs().max() <= 1.2 / 255


def test_every_damaged_photograph_is_told_with_its_shard_and_key(photos: PhotoSet):
    told: list[str] = []

    take(LoadedPhotos(photos, workers=0, tell=told.append), CropSampler(OPTIONS, 7, seed=1), 1)

    assert len(told) == 1
    assert told[0].startswith("Skipped: The photo '2' in ")
    assert "train-0.tar" in told[0]


def test_more_than_the_share_ends_the_run_with_the_numbers(make_tar: Callable[..., Path], members: Members):
    name, data = members[4]
    shard = make_tar("train-0.tar", [*members[:4], (name, data[:300]), *members[5:]])
    sampler = CropSampler(OPTIONS, 7, seed=1)

    few = PhotoSet.open(shard, max_damaged=0.1)
    for source in (lambda: LoadedPhotos(few, workers=2), lambda: ResidentPhotos.load(few, "cpu")):
        with pytest.raises(InvalidInputError, match=r"^2 of 7 photographs are damaged, more than the share of 0\.1"):
            take(source(), sampler, 1)

    enough = PhotoSet.open(shard, max_damaged=0.3)
    assert take(LoadedPhotos(enough, workers=0), sampler, 3).shape[0] == 3


@pytest.mark.parametrize("workers", [0, 2])
def test_a_set_without_an_intact_photograph_ends_the_run(make_tar: Callable[..., Path], members: Members, workers: int):
    photos = PhotoSet.open(make_tar("train-0.tar", [members[2]]), max_damaged=1)

    with pytest.raises(InvalidInputError, match=r"photographs are damaged.*The photo '2' in .*train-0\.tar"):
        take(LoadedPhotos(photos, workers=workers), CropSampler(OPTIONS, 2, seed=0), 1)


def test_a_picture_without_a_readable_header_is_left_out_of_the_index(make_tar: Callable[..., Path], members: Members):
    shard = make_tar("train-0.tar", [*members[3:], ("fake.jpg", b"text" * 100)])

    photos = PhotoSet.open(shard)

    assert len(photos) == 4
    assert [problem.startswith("The picture of key 'fake' in ") for problem in photos.damaged] == [True]


def test_what_was_left_out_is_known_again_from_the_cache(
    make_tar: Callable[..., Path], members: Members, tmp_path: Path
):
    shard = make_tar("train-0.tar", [*members[3:], ("fake.jpg", b"text" * 100)])
    first = PhotoSet.open(shard, cache=tmp_path / "run")

    assert PhotoSet.open(shard, cache=tmp_path / "run").damaged == first.damaged != []


def test_the_mean_pixel_is_that_of_the_intact_photographs(photos: PhotoSet):
    intact = [photos.read(number) for number in range(7) if number != 2]

    assert photos.mean_pixel == pytest.approx(np.mean(intact, axis=(0, 1, 2)) / 255, abs=1e-12)


def test_whoever_takes_any_photograph_gets_the_next_intact_one(photos: PhotoSet):
    assert np.array_equal(photos.read_from(2), photos.read(3))
    assert np.array_equal(photos.read_from(4), photos.read(4))


def test_a_cache_of_decoded_photographs_knows_the_damaged_ones(photos: PhotoSet, tmp_path: Path):
    sampler, cache = CropSampler(OPTIONS, 7, seed=1), tmp_path / "decoded.safetensors"
    first = take(ResidentPhotos.load(photos, "cpu", cache=cache), sampler, 1)

    assert torch.equal(take(ResidentPhotos.load(photos, "cpu", cache=cache), sampler, 1), first)


def test_one_damaged_photograph_says_nothing_about_the_others_however_often_it_is_met():
    count = DamageCount(share=0.0, expected=100)
    for _ in range(3):
        count.add(["Photo 1 is damaged."])


def test_different_photographs_count_against_the_share_of_the_set():
    count = DamageCount(share=0.1, expected=50)
    count.add(f"Photo {number} is damaged." for number in range(5))
    with pytest.raises(InvalidInputError, match=r"6 of 50 .* more than the share of 0\.1 .* Photo 5 is damaged"):
        count.add(["Photo 5 is damaged."])


def test_an_error_reaches_the_training_process_whole():
    error = pickle.loads(pickle.dumps(DamagedPhotoError("The photo is damaged.")))
    assert error.problem == "The photo is damaged."
    assert str(error).startswith("The photo is damaged. Fetch")
