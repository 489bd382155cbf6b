"""Checkpoint files: whole or not there, bounded in number, and never code."""

import os
import pickle
from pathlib import Path

import pytest
import torch

from glcic_backend.errors import ModelFileError, OutputError
from glcic_train.training.checkpoint import checkpoint_paths, load_checkpoint, save_checkpoint


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_checkpoint_comes_back_as_it_was(tmp_path):
    weights = torch.rand(3, 2)
    path = save_checkpoint(tmp_path, {"step": 12, "networks": {"completion": {"weight": weights}}, "best": 0.5}, keep=1)
    state = load_checkpoint(path)
    assert (state["step"], state["best"]) == (12, 0.5)
    assert torch.equal(state["networks"]["completion"]["weight"], weights)


def test_the_newest_checkpoints_are_kept_and_older_ones_removed(tmp_path):
    for step in (5, 10, 20, 100, 1000):
        save_checkpoint(tmp_path, {"step": step}, keep=3)
    assert [load_checkpoint(path)["step"] for path in checkpoint_paths(tmp_path)] == [20, 100, 1000]


def test_a_folder_stands_for_its_newest_checkpoint(tmp_path):
    for step in (999, 1000):
        save_checkpoint(tmp_path, {"step": step}, keep=3)
    assert load_checkpoint(tmp_path)["step"] == 1000


def test_a_folder_without_checkpoints_is_named(tmp_path):
    with pytest.raises(ModelFileError, match="holds no checkpoint"):
        load_checkpoint(tmp_path)


def test_a_failed_write_leaves_the_older_checkpoints_and_no_debris(tmp_path, monkeypatch):
    save_checkpoint(tmp_path, {"step": 1}, keep=1)

    def full_disk(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OutputError) as raised:
        save_checkpoint(tmp_path, {"step": 2}, keep=1)
    assert names(tmp_path) == ["checkpoint-000000001.pt"]
    assert all(word in str(raised.value) for word in ("disk is full", "iteration 2", "glcic-train resume"))


class _Bomb:
    def __reduce__(self):
        return os.mkdir, (str(self.target),)

    def __init__(self, target: Path) -> None:
        self.target = target


def test_a_pickle_with_code_is_refused_and_not_run(tmp_path):
    target = tmp_path / "made-by-the-pickle"
    path = tmp_path / "checkpoint-000000001.pt"
    path.write_bytes(pickle.dumps(_Bomb(target)))
    with pytest.raises(ModelFileError, match=r"cannot be read as a checkpoint \(UnpicklingError"):
        load_checkpoint(path)
    torch.save({"format": 1, "step": _Bomb(target)}, path)
    with pytest.raises(ModelFileError, match="cannot be read as a checkpoint"):
        load_checkpoint(path)
    assert not target.exists()


def test_a_truncated_checkpoint_is_named_with_what_to_do(tmp_path):
    path = save_checkpoint(tmp_path, {"step": 1, "weights": torch.rand(1000)}, keep=1)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ModelFileError, match="Remove it to go on from the one before"):
        load_checkpoint(path)


def test_a_foreign_file_is_no_checkpoint(tmp_path):
    torch.save({"state_dict": {}}, tmp_path / "other.pt")
    with pytest.raises(ModelFileError, match="not a checkpoint of glcic-train"):
        load_checkpoint(tmp_path / "other.pt")
