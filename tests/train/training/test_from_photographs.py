"""From a folder of photographs to a completed picture, by the commands of docs/manual/training.md."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click import Group
from click.testing import CliRunner
from PIL import Image

from glcic_backend import cli as backend
from glcic_train import cli as trainer
from glcic_train.training.checkpoint import load_checkpoint

from ..conftest import QUICK

GUIDE = Path(__file__).parents[3] / "docs" / "manual" / "training.md"
GROUPS: dict[str, Group] = {"glcic-train": trainer.group, "glcic-backend": backend.group}


def invoke(program: str, *words: str) -> str:
    result = CliRunner().invoke(GROUPS[program], list(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def documented_commands(heading: str) -> list[list[str]]:
    """The commands of the first block after a heading of the guide."""
    _, _, text = GUIDE.read_text(encoding="utf-8").partition(f"# {heading}\n")
    block = re.search(r"```\n(.*?)```", text, re.DOTALL)
    assert block is not None
    return [shlex.split(line) for line in block[1].splitlines()]


def write_photographs(folder: Path, count: int, seed: int = 0) -> None:
    """Clouds of colour, 96 x 72 pixels."""
    folder.mkdir(parents=True)
    generator = np.random.default_rng(seed)
    for number in range(count):
        coarse = Image.fromarray(generator.integers(0, 256, (6, 8, 3), np.uint8))
        coarse.resize((96, 72), Image.Resampling.BICUBIC).save(folder / f"{number:02d}.jpg", quality=95)


@pytest.mark.slow
def test_the_four_commands_of_the_guide_lead_to_a_completed_picture(tmp_path, monkeypatch):
    pictures = tmp_path / "Pictures"
    write_photographs(pictures, 24)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GLCIC_HOME", str(tmp_path / "home"))
    commands = documented_commands("Training your own")
    assert [command[:2] for command in commands] == [
        ["glcic-train", "data"], ["glcic-train", "run"], ["glcic-train", "export"], ["glcic-backend", "models"],
    ]  # fmt: skip

    small = {"data": ["--workers", "1", "--val-share", "0.3"]}
    # The session ends at once, so that it must be resumed.
    settings = [*QUICK, "validation.count=2", "run.time_limit=1e-9"]
    small["run"] = [word for setting in settings for word in ("--set", setting)]
    replaced = {"~/Pictures": str(pictures), "first-cpu": "tiny"}
    for program, *words in commands:
        invoke(program, *(replaced.get(word, word) for word in words), *small.get(words[0], []))
        if words[0] == "run":
            invoke("glcic-train", "resume", "runs/first", "--set", "run.time_limit=0")
            invoke("glcic-train", "preview", "runs/first", "--count", "1")

    models = json.loads(invoke("glcic-backend", "models", "list", "--json"))
    assert [model["name"] for model in models if model["is_default"]] == ["first"]
    scored = ["--short-side", "64", "--hole", "12", "20", "--count", "2", "--masks", "blob", "--baselines", "mean"]
    assert "best" in invoke("glcic-train", "evaluate", "first", "photos", *scored, "--device", "cpu")

    with Image.open(pictures / "03.jpg") as photograph:
        image = np.asarray(photograph)
    mask = np.zeros((72, 96), np.uint8)
    mask[30:44, 40:60] = 255
    Image.fromarray(image).save("image.png")
    Image.fromarray(mask).save("mask.png")
    invoke("glcic-backend", "complete", "image.png", "mask.png", "done.png")

    with Image.open("done.png") as result:
        done = np.asarray(result)
    np.testing.assert_array_equal(done[mask == 0], image[mask == 0])
    assert (done[mask > 0] != image[mask > 0]).any()


@pytest.mark.slow
def test_the_commands_for_places2_on_several_gpus_work_with_two_processes(tmp_path, monkeypatch):
    write_photographs(tmp_path / "places365_challenge" / "data_large" / "a" / "abbey", 6)
    write_photographs(tmp_path / "places365_challenge" / "val_large", 2, seed=1)
    monkeypatch.chdir(tmp_path)
    prepare, train = documented_commands("Several GPUs and hosts")
    assert (prepare[0], train[0]) == ("glcic-train", "torchrun")

    invoke(*prepare, "--workers", "1")
    settings = [word for setting in (*QUICK, "run.batch=4") for word in ("--set", setting)]
    replaced = {"8": "2", "places2": "tiny", "run.compile=true": "run.compile=false"}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += [*(replaced.get(word, word) for word in train[1:]), *settings]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    ended = subprocess.run(command, capture_output=True, text=True, timeout=250, env=environment)

    assert ended.returncode == 0, ended.stderr
    assert load_checkpoint(tmp_path / "runs" / "places2")["step"] == 5


@pytest.mark.slow
def test_the_shipped_model_fills_ones_own_photographs_better_after_the_commands_of_the_guide(tmp_path, monkeypatch):
    """At a tiny budget: photographs that are all alike, whose stripes some iterations teach."""
    pictures = tmp_path / "Pictures"
    pictures.mkdir()
    stripes = np.zeros((72, 96, 3), np.uint8)
    stripes[:, ::8] = stripes[:, 1::8] = stripes[:, 2::8] = stripes[:, 3::8] = (230, 120, 20)
    for number in range(12):
        # Of different brightness: the network must look at the surroundings.
        Image.fromarray((stripes * (0.5 + number / 24)).astype(np.uint8)).save(pictures / f"{number:02d}.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GLCIC_HOME", str(tmp_path / "home"))
    commands = documented_commands("Your own photographs in ten minutes")
    assert [command[1] for command in commands] == ["data", "evaluate", "run", "export", "evaluate", "models"]

    run = ["data.crop=48", "data.short_side=[48,64]", "masks.hole=[8,20]", "schedule.minutes=0", "run.batch=4"]
    run += ["schedule.completion_steps=60", "schedule.total_steps=60", "completion.optimizer.warmup=2"]
    run += ["validation.count=2", "run.device=cpu", "run.threads=2", "run.pictures_every=0", "data.workers=0"]
    small = {
        "data": ["--workers", "1", "--val-share", "0.2"],
        "evaluate": ["--short-side", "72", "--baselines", "mean", "--sheet", "2", "--device", "cpu"],
        "run": [word for setting in run for word in ("--set", setting)],
    }
    # All photographs are near duplicates here; holes and numbers of photographs are those of the tiny set.
    replaced = {"~/Pictures": str(pictures), "48": "12", "96": "20", "40": "12", "36": "4", "50": "4", "--dedupe": None}
    for program, *words in commands:
        tiny = [replaced.get(word, word) for word in words]
        invoke(program, *(word for word in tiny if word is not None), *small.get(words[0], []))

    before, after = (
        json.loads((tmp_path / folder / "results.json").read_bytes())["scores"]["objects"]["fast"]["l1"]["value"]
        for folder in ("before", "after")
    )
    assert after < 0.85 * before
    models = json.loads(invoke("glcic-backend", "models", "list", "--json"))
    assert [model["name"] for model in models if model["is_default"]] == ["own"]
