"""What a run shows and writes down."""

import io
import json
import math
import shutil

import numpy as np
import pytest
import torch

from glcic_train.training.distributed import Processes
from glcic_train.training.held_out import HeldOut
from glcic_train.training.meter import DivergedError, LossMeter
from glcic_train.training.progress import ProgressLine, duration
from glcic_train.training.run import open_held_out
from glcic_train.training.run_log import RunLog


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_in_a_terminal_the_line_is_redrawn_in_place():
    stream = Terminal()
    line = ProgressLine(stream)
    line.show(0.25, "completion", {"mse": 0.0312}, 12.5, 3600)
    line.show(0.5, "joint", {"mse": 0.02, "gan": -0.7}, 4.0, 60)
    first, second = stream.getvalue().split("\r")[1:]
    assert first == "[#####...............]  25.0% completion    mse 0.0312 | 12.5 samples/s, 60 min left"
    assert second.startswith("[##########..........]  50.0% joint         mse 0.02 gan -0.7 | 4.0 samples/s, 60 s left")
    assert "\n" not in stream.getvalue()


def test_in_a_file_there_is_a_line_now_and_then():
    stream = io.StringIO()
    line = ProgressLine(stream)
    for share in (0.1, 0.2, 0.3):
        line.show(share, "completion", {}, 1.0, 1.0)
    assert stream.getvalue().count("\n") == 1


@pytest.mark.parametrize(
    ("seconds", "text"), [(42, "42 s"), (420, "7 min"), (11100, "3 h 05 min"), (187200, "2 d 4 h")]
)
def test_times_are_written_as_people_say_them(seconds, text):
    assert duration(seconds) == text


def test_the_log_has_one_json_object_per_line_and_goes_on_where_it_was(tmp_path):
    for step in (1, 2):
        log = RunLog(tmp_path)
        log.event("losses", step, mse=0.5, phase="completion")
        log.close()
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [(line["event"], line["step"], line["mse"]) for line in lines] == [("losses", 1, 0.5), ("losses", 2, 0.5)]


def test_tensorboard_gets_the_numbers_and_the_pictures(tmp_path):
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator", reason="needs tensorboard")
    log = RunLog(tmp_path)
    log.event("losses", 50, phase="completion", mse=0.25)
    log.event("losses", 100, phase="completion", mse=0.125)
    log.picture("input, completion, blended, truth", 100, np.full((8, 12, 3), 200, np.uint8))
    log.close()

    events = reader.EventAccumulator(str(tmp_path / "tensorboard")).Reload()

    assert events.Tags()["scalars"] == ["losses/mse"]
    assert [(event.step, event.value) for event in events.Scalars("losses/mse")] == [(50, 0.25), (100, 0.125)]
    (picture,) = events.Images("input, completion, blended, truth")
    assert (picture.step, picture.width, picture.height) == (100, 12, 8)


def test_without_tensorboard_the_log_is_written_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    log = RunLog(tmp_path)
    log.event("losses", 1, mse=0.5)
    log.picture("grid", 1, np.zeros((4, 4, 3), np.uint8))
    log.close()

    assert [path.name for path in tmp_path.iterdir()] == ["log.jsonl"]


def test_the_meter_averages_each_loss_over_the_iterations_that_had_it():
    meter = LossMeter(Processes())
    meter.add(0, {"mse": torch.tensor(1.0), "r1": torch.tensor(7.0)})
    meter.add(1, {"mse": torch.tensor(2.0)})
    assert meter.flush() == {"mse": 1.5, "r1": 7.0}
    assert meter.flush() == {}


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_the_meter_names_the_first_iteration_that_diverged(value):
    meter = LossMeter(Processes())
    for step in range(3):
        meter.add(step, {"mse": torch.tensor(value if step >= 1 else 0.1)})
    with pytest.raises(DivergedError, match=r"'mse' is (nan|inf) at iteration 1"):
        meter.flush()


class _Constant(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.full_like(x[:, :3], 0.5)


def test_the_validation_error_is_the_masked_mse_over_all_images():
    images = torch.zeros(10, 3, 8, 8, dtype=torch.uint8)
    images[5:] = 255
    holes = torch.zeros(10, 1, 8, 8)
    holes[:, :, 2:4, 2:4] = 1
    error = HeldOut(images, holes).error(_Constant(), torch.zeros(3), torch.device("cpu"))
    assert error == pytest.approx(0.25)


class _Photos:
    def __len__(self) -> int:
        return 3

    def read_from(self, number: int) -> np.ndarray:
        photo = np.full((40, 80, 3), 10 * number, np.uint8)
        photo[:, :20] = photo[:, 60:] = 255
        return photo


def test_held_out_images_are_the_middles_of_photographs(quick):
    held_out = HeldOut.open(quick("validation.count=3"), _Photos())
    assert held_out.images.shape == (3, 3, 32, 32)
    assert [int(image.max()) for image in held_out.images] == [0, 10, 20]
    assert (held_out.holes.sum(dim=(1, 2, 3)) >= 64).all()


def test_a_shard_that_is_named_itself_validates_only_if_it_is_a_validation_shard(quick, photos, tmp_path):
    train, val = tmp_path / "more-0000.tar", tmp_path / "val-0000.tar"
    for shard in (train, val):
        shutil.copy(next(photos.glob("*.tar")), shard)
    assert open_held_out(quick("validation.count=1"), [train]) is None
    assert open_held_out(quick("validation.count=1"), [train, val]) is not None
