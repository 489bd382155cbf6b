"""Shards that can only be read from beginning to end: shuffled batches without an index."""

import gzip
import itertools
import os
import shlex
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from glcic_backend.errors import InvalidInputError
from glcic_train.data import CropOptions, CropSampler, PhotoSet
from glcic_train.data.sources import find_shards
from glcic_train.data.streams import StreamedPhotos

from ..server import serve

# Whole photographs of one colour each: a crop tells which one it is.
OPTIONS = CropOptions(16, short_side=(16, 16))


def sampler(batch: int = 8, rank: int = 0, world_size: int = 1) -> CropSampler:
    return CropSampler(OPTIONS, batch, 5, rank, world_size)


@pytest.fixture
def folder(make_shard: Callable[..., Path], tmp_path: Path) -> Path:
    """Four shards of five photographs; number n has the red value 10 n."""
    for shard in range(4):
        pictures = [np.full((20, 24, 3), (10 * (5 * shard + n), 128, 0), np.uint8) for n in range(5)]
        make_shard(f"set/train-{shard}.tar", pictures)
    return tmp_path / "set"


def commands(folder: Path) -> list[str]:
    return [f"pipe:cat {shlex.quote(str(folder))}/train-{{0..3}}.tar"]


def numbers(source: StreamedPhotos, which: CropSampler, steps: int, first: int = 0) -> list[int]:
    batches = source.batches(which, first)
    reds = torch.cat([batch[:, 0, 3, 3] for batch in itertools.islice(batches, steps)])
    batches.close()
    return (reds * 25.5).round().int().tolist()


@pytest.mark.parametrize("workers", [0, 2])
def test_the_output_of_commands_gives_all_photographs_shuffled(folder: Path, workers: int):
    source = StreamedPhotos(find_shards(commands(folder), "train"), workers=workers)

    drawn = numbers(source, sampler(20), 10)

    assert set(drawn) == set(range(20))
    assert drawn[:20] != sorted(drawn[:20])


def test_batches_are_rgb_in_0_to_1(folder: Path):
    (batch,) = itertools.islice(StreamedPhotos(find_shards(commands(folder), "train"), workers=0).batches(sampler()), 1)

    assert batch.shape == (8, 3, 16, 16)
    assert (batch[:, 1] * 255 == 128).all()
    assert batch[:, 2].max() == 0


def test_a_server_that_cannot_seek_gives_the_photographs_of_the_files(folder: Path):
    with serve(folder, ranges=False) as address:
        source = StreamedPhotos(find_shards([f"{address}/train-{{0..3}}.tar"], "train"), workers=1)
        assert set(numbers(source, sampler(20), 10)) == set(range(20))


def test_compressed_streams_are_read(folder: Path):
    for shard in folder.glob("*.tar"):
        shard.write_bytes(gzip.compress(shard.read_bytes()))
    source = StreamedPhotos(find_shards(commands(folder), "train"), workers=0)

    assert set(numbers(source, sampler(20), 10)) == set(range(20))


def test_each_process_reads_its_own_shards(folder: Path, monkeypatch):
    monkeypatch.setattr("glcic_train.data.streams.SHUFFLED", 4)  # nothing of the next epoch is read ahead
    shards = find_shards(commands(folder), "train")

    first, second = (
        numbers(StreamedPhotos(shards, workers=0, rank=rank, world_size=2), sampler(6, rank, 2), 1) for rank in range(2)
    )

    assert {n // 5 for n in first}.isdisjoint({n // 5 for n in second})


def test_more_processes_than_shards_are_refused(folder: Path):
    with pytest.raises(InvalidInputError, match="4 shards cannot be shared by 5 processes"):
        StreamedPhotos(find_shards(commands(folder), "train"), rank=0, world_size=5)


def test_the_same_start_gives_the_same_batches_and_a_resumed_one_another_order(folder: Path):
    shards = find_shards(commands(folder), "train")

    start, again, resumed = (numbers(StreamedPhotos(shards, workers=0), sampler(20), 1, k) for k in (0, 0, 7))

    assert start == again != resumed
    assert "4 shards in a new order. Up to 2000 photographs that were read ahead" in StreamedPhotos(shards).loss()


def test_the_mean_pixel_is_that_of_the_first_photographs(folder: Path):
    source = StreamedPhotos(find_shards(commands(folder), "train"))

    assert source.mean_pixel() == pytest.approx(PhotoSet.open(folder).mean_pixel, abs=1e-9)


def test_a_photograph_and_a_shard_that_are_damaged_are_told_and_the_others_read_on(folder: Path):
    whole = (folder / "train-1.tar").read_bytes()
    (folder / "train-1.tar").write_bytes(whole[:3000])
    photo = bytearray((folder / "train-2.tar").read_bytes())
    photo[512:560] = bytes(48)
    (folder / "train-2.tar").write_bytes(photo)
    told: list[str] = []
    source = StreamedPhotos(find_shards(commands(folder), "train"), workers=1, tell=told.append)

    drawn = numbers(source, sampler(20), 10)

    assert set(drawn) >= {0, 1, 2, 3, 4, 11, 12, 13, 14, 15, 16, 17, 18, 19}
    assert any("train-1.tar broke off" in one for one in told)
    assert any("The photo '000.png' in pipe:cat" in one and "train-2.tar" in one for one in told)
    assert len(told) == 2


def test_a_command_that_fails_counts_as_a_damaged_shard(folder: Path):
    told: list[str] = []
    good = shlex.quote(str(folder / "train-0.tar"))
    source = StreamedPhotos(find_shards([f"pipe:cat {good}; exit 3"], "train"), workers=0, tell=told.append)

    assert set(numbers(source, sampler(5), 3)) <= set(range(5))
    assert told
    assert "ended with code 3" in told[0]


def test_streams_without_a_photograph_end_the_run_with_the_reason(tmp_path: Path):
    source = StreamedPhotos(find_shards(["pipe:exit 7"], "train"), workers=0)

    with pytest.raises(InvalidInputError, match="hold no photo"):
        numbers(source, sampler(), 1)
    with pytest.raises(InvalidInputError, match="hold no photo"):
        source.mean_pixel()


def test_photographs_that_are_all_too_small_end_the_run(folder: Path):
    which = CropSampler(CropOptions(64, short_side=(64, 64)), 2, 0)

    with pytest.raises(InvalidInputError, match="500 photos of the streams, one after the other"):
        next(StreamedPhotos(find_shards(commands(folder), "train"), workers=0).batches(which))


def test_a_command_that_writes_without_end_is_ended_with_the_batches(folder: Path, tmp_path: Path):
    pid = tmp_path / "pid"
    shard = shlex.quote(str(folder / "train-0.tar"))
    endless = f"pipe:echo $$ > {shlex.quote(str(pid))}; while true; do cat {shard}; done"
    reader = StreamedPhotos(find_shards([endless], "train"), workers=0).batches(sampler(4))
    next(reader)

    reader.close()

    deadline = time.monotonic() + 5
    while subprocess.run(["kill", "-0", pid.read_text().strip()], capture_output=True).returncode == 0:
        assert time.monotonic() < deadline, "the command goes on"
        time.sleep(0.05)
    assert os.path.exists(pid)
