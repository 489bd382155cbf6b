"""Shards behind addresses: the same photographs as in files, read part by part."""

import itertools
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from glcic_backend.errors import InvalidInputError
from glcic_train.data import CropOptions, CropSampler, PhotoSet, remote
from glcic_train.data.loader import LoadedPhotos
from glcic_train.data.remote import RemoteShard

from ..server import serve

SAMPLER = CropSampler(CropOptions(48, short_side=(48, 70)), 4, seed=7)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(remote, "_FIRST_WAIT", 0.01)


@pytest.fixture
def folder(make_shard: Callable[..., Path], photo: Callable[..., np.ndarray], tmp_path: Path) -> Path:
    for number in range(3):
        make_shard(f"set/train-{number}.tar", [photo(4 * number + n) for n in range(4)])
    return tmp_path / "set"


def take(photos: PhotoSet, workers: int, first: int, steps: int) -> torch.Tensor:
    batches = LoadedPhotos(photos, workers=workers).batches(SAMPLER, first)
    taken = torch.stack(list(itertools.islice(batches, steps)))
    batches.close()
    return taken


@pytest.mark.parametrize("workers", [0, 2])
def test_photographs_batches_and_resuming_are_those_of_the_files(folder: Path, workers: int):
    files = PhotoSet.open(folder)
    with serve(folder) as address:
        photos = PhotoSet.open(f"{address}/train-{{0..2}}.tar")

        assert photos.sizes.tolist() == files.sizes.tolist()
        assert photos.info(5) == files.info(5)
        assert photos.mean_pixel == files.mean_pixel
        assert torch.equal(take(photos, workers, 2, 2), take(files, 0, 0, 4)[2:])


def test_the_index_fetches_little_of_what_lies_between(make_shard, photo, tmp_path: Path):
    shard = make_shard(
        "train-0.tar", [np.random.default_rng(n).integers(0, 256, (200, 200, 3), np.uint8) for n in range(8)]
    )
    fetched: list[int] = []
    opened = RemoteShard.open

    def counted(self: RemoteShard):
        file = opened(self)
        fetch = file.cache.fetcher
        file.cache.fetcher = lambda start, end: (fetched.append(end - start), fetch(start, end))[1]
        return file

    with serve(tmp_path) as address, pytest.MonkeyPatch.context() as patch:
        patch.setattr(RemoteShard, "open", counted)
        PhotoSet.open(f"{address}/{shard.name}")

    assert sum(fetched) < shard.stat().st_size / 3


def test_the_index_is_kept_for_the_next_start(folder: Path, tmp_path: Path):
    asked: list[str] = []
    with serve(folder, asked=asked) as address:
        first = PhotoSet.open(f"{address}/train-{{0..2}}.tar", cache=tmp_path / "run")
        asked.clear()
        second = PhotoSet.open(f"{address}/train-{{0..2}}.tar", cache=tmp_path / "run")

    assert second.sizes.tolist() == first.sizes.tolist()
    # Only whether the server can seek is asked for again.
    assert set(asked) == {"train-0.tar"}


def test_processes_index_a_part_each_and_know_all_of_it(folder: Path):
    """Two processes as threads: what one of them asks the server for tells which shards it has indexed."""
    barrier, box, asked, found = threading.Barrier(2), [None, None], [[], []], [None, None]

    class Half:
        world_size = 2

        def __init__(self, rank: int) -> None:
            self.rank = rank

        def gather(self, value):
            box[self.rank] = value
            barrier.wait(10)
            values = list(box)
            barrier.wait(10)
            return values

    def open_half(rank: int, address: str) -> None:
        found[rank] = PhotoSet.open(f"{address}/train-{{0..2}}.tar", ranks=Half(rank))

    with serve(folder, asked=asked[0]) as first, serve(folder, asked=asked[1]) as second:
        threads = [threading.Thread(target=open_half, args=pair) for pair in enumerate((first, second))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    # Whether a server can seek is asked of the first shard.
    assert set(asked[0]) == {"train-0.tar", "train-2.tar"}
    assert set(asked[1]) == {"train-0.tar", "train-1.tar"}
    files = PhotoSet.open(folder)
    for photos in found:
        assert photos.info(7) == files.info(7)
        assert photos.sizes.tolist() == files.sizes.tolist()


def test_a_shard_that_is_not_there_is_named_at_once(folder: Path):
    with serve(folder) as address, pytest.raises(InvalidInputError, match=r"train-7\.tar cannot be fetched"):
        PhotoSet.open([f"{address}/train-0.tar", f"{address}/train-7.tar"])


def test_a_truncated_shard_is_refused_as_a_file_would_be(folder: Path):
    shard = folder / "train-1.tar"
    shard.write_bytes(shard.read_bytes()[:20000])
    with (
        serve(folder) as address,
        pytest.raises(InvalidInputError, match=r"train-1\.tar cannot be used: it is truncated"),
    ):
        PhotoSet.open(f"{address}/train-{{0..2}}.tar")


def test_a_network_that_fails_for_a_moment_is_asked_again():
    failures = [OSError("reset"), TimeoutError("slow")]

    def read() -> bytes:
        if failures:
            raise failures.pop()
        return b"here"

    assert RemoteShard("https://host/a.tar").attempt(read) == b"here"


def test_an_address_that_nothing_reads_is_named_with_what_to_install():
    with pytest.raises(InvalidInputError, match=r"unheard://host/a\.tar is not installed"):
        RemoteShard("unheard://host/a.tar").open()
