"""docs/manual/command-line.md and batches.md show commands that run, and an example of each option of the masks."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from glcic_backend.image_files import Picture, write_picture

from ..backend.image_files.image_samples import noise
from ..cli.conftest import grey_engine, run  # noqa: F401 (fixtures)

MANUAL = Path(__file__).parents[2] / "docs" / "manual"
TEXT = "\n".join((MANUAL / name).read_text(encoding="utf-8") for name in ("command-line.md", "batches.md"))
PLACES = {"--batch": "photos/ masks/ done/", "--": "beach.jpg beach-mask.png beach-done.png"}


def commands():
    """Arguments of every complete command shown; what is shown of one is put behind names of files."""
    for shown in re.findall(r"`(?:glcic-backend )?complete ([^`]+)`|^glcic-backend complete (.*)$", TEXT, re.MULTILINE):
        text = "".join(shown)
        if not re.search(r"\.\.\.|\| |\$|--daemon", text):
            yield text
    for text in re.findall(r"`(--[a-z-]+ [^`]*)`", TEXT):
        if text.startswith("--batch"):
            yield text
        elif re.fullmatch(r"--(grow|soften|threshold|mask-from alpha|seed|quality)( \w+)?", text) and "N" not in text:
            yield f"{PLACES['--']} {text}"


COMMANDS = sorted(set(commands()))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """What the commands name."""
    monkeypatch.chdir(tmp_path)
    mask = np.zeros((30, 40, 4), np.uint8)
    mask[5:15, 5:15] = 255
    picture = np.dstack([noise(40, 30, 3), 255 - mask[..., 3]])
    for name in ("photos", "masks"):
        (tmp_path / name).mkdir()
    for name in ("beach", "wall", "photos/beach"):
        write_picture(Path(f"{name}.jpg"), Picture(noise(40, 30, 3)))
    write_picture(Path("scan.tif"), Picture(noise(40, 30, 3, "uint16")))
    for name in ("mask", "beach-mask", "wall-mask", "scan-mask", "masks/beach"):
        Image.fromarray(mask).save(f"{name}.png")
    for name in ("people", "bricks"):
        Image.fromarray(np.roll(mask, (10, 15), (0, 1))).save(f"{name}.png")
    Image.fromarray(picture).save("beach.png")
    return tmp_path


def test_there_is_an_example_of_each_way_to_give_a_mask_and_of_each_kind_of_batch():
    for option in ("--grow", "--soften", "--threshold", "alpha", "transparent", "--expand", "--mask-suffix", "**"):
        assert any(option in command for command in COMMANDS), option


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_is_shown_runs(folder, run, command):  # noqa: F811
    if "--mask-suffix" in command:
        Path("beach-mask.png").rename("photos/beach-mask.png")
    if "--batch" in command and "transparent" in command:
        for path in Path("photos").iterdir():
            path.unlink()
        Path("beach.png").rename("photos/beach.png")

    code, _, err = run(*shlex.split(command))

    assert code == 0, err
