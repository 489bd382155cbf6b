"""From a folder of photographs to a completed picture, by the commands that docs/training.md gives a newcomer."""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from click import Group
from click.testing import CliRunner
from PIL import Image

from glcic_backend import cli as backend
from glcic_train import cli as trainer

from .conftest import QUICK

GUIDE = Path(__file__).parents[2] / "docs" / "training.md"
GROUPS: dict[str, Group] = {"glcic-train": trainer.group, "glcic-backend": backend.group}


def invoke(program: str, *words: str) -> str:
    result = CliRunner().invoke(GROUPS[program], list(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def documented_commands() -> list[list[str]]:
    first_block = re.search(r"```\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert first_block is not None
    return [shlex.split(line) for line in first_block[1].splitlines()]


@pytest.fixture
def pictures(tmp_path):
    """24 photographs of 96 x 72 pixels."""
    folder = tmp_path / "Pictures"
    folder.mkdir()
    generator = np.random.default_rng(0)
    for number in range(24):
        coarse = Image.fromarray(generator.integers(0, 256, (6, 8, 3), np.uint8))
        coarse.resize((96, 72), Image.Resampling.BICUBIC).save(folder / f"{number:02d}.jpg", quality=95)
    return folder


@pytest.mark.slow
def test_the_four_commands_of_the_guide_lead_to_a_completed_picture(pictures, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GLCIC_HOME", str(tmp_path / "home"))
    commands = documented_commands()
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
    assert "blended" in invoke("glcic-train", "evaluate", "first", "photos", *scored, "--device", "cpu")

    image = np.asarray(Image.open(pictures / "03.jpg"))
    mask = np.zeros((72, 96), np.uint8)
    mask[30:44, 40:60] = 255
    Image.fromarray(image).save("image.png")
    Image.fromarray(mask).save("mask.png")
    invoke("glcic-backend", "complete", "image.png", "mask.png", "done.png")

    done = np.asarray(Image.open("done.png"))
    np.testing.assert_array_equal(done[mask == 0], image[mask == 0])
    assert (done[mask > 0] != image[mask > 0]).any()
