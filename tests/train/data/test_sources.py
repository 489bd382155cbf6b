"""What may be named as data: folders, shards, ranges in braces, addresses, commands."""

from pathlib import Path

import pytest

from glcic_backend.errors import InvalidInputError
from glcic_train.data import PhotoSet
from glcic_train.data.remote import RemoteShard
from glcic_train.data.sources import StreamedShard, absolute, expand_braces, find_shards, is_named_as

from ..server import serve


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.tar", ["a.tar"]),
        ("a-{08..11}.tar", ["a-08.tar", "a-09.tar", "a-10.tar", "a-11.tar"]),
        ("{a,b}/{0..1}", ["a/0", "a/1", "b/0", "b/1"]),
        ("pipe:cat {x,y} | awk '{print}'", ["pipe:cat x | awk '{print}'", "pipe:cat y | awk '{print}'"]),
    ],
)
def test_ranges_in_braces_stand_for_their_names_in_order(name: str, expected: list[str]):
    assert list(expand_braces(name)) == expected


@pytest.mark.parametrize("name", ["{9..3}", "{a..f}", "{0..99999999}", "{-1..3}"])
def test_a_range_that_makes_no_sense_is_refused_with_an_example(name: str):
    with pytest.raises(InvalidInputError, match=r"makes no sense\. Write it as \{000\.\.127\}"):
        list(expand_braces(f"train-{name}.tar"))


def test_shards_come_in_the_order_in_which_they_are_named(make_shard, photo, tmp_path: Path):
    for number in range(3):
        make_shard(f"set/train-{number}.tar", [photo(number)])
    with serve(tmp_path / "set") as address:
        found = find_shards([f"{tmp_path}/set/train-{{1..2}}.tar", f"{address}/train-0.tar", "pipe:cat x"], "train")

    files = [tmp_path / "set" / f"train-{number}.tar" for number in (1, 2)]
    assert found == [*files, RemoteShard(f"{address}/train-0.tar"), StreamedShard("cat x")]


def test_a_server_that_sends_whole_files_only_gives_streams(make_shard, photo, tmp_path: Path):
    make_shard("train-0.tar", [photo(0)])
    with serve(tmp_path, ranges=False) as address:
        (found,) = find_shards([f"{address}/train-0.tar"], "train")
        with pytest.raises(InvalidInputError, match="only be read from its beginning to its end"):
            PhotoSet.open(f"{address}/train-0.tar")

    assert found == StreamedShard(remote=RemoteShard(f"{address}/train-0.tar"))


def test_a_name_keeps_its_meaning_in_another_folder(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert absolute("photos") == str(tmp_path / "photos")
    assert absolute("https://host/a.tar") == "https://host/a.tar"
    assert absolute("pipe:curl x") == "pipe:curl x"


def test_validation_shards_are_told_by_their_names():
    assert is_named_as("https://host/set/val-{00..03}.tar", "val")
    assert not is_named_as("https://host/val-set/train-0.tar", "val")
    assert not is_named_as("pipe:cat val-0.tar", "val")
