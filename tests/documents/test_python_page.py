"""docs/manual/python-api.md shows code that runs."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

PAGE = (Path(__file__).parents[2] / "docs" / "manual" / "python-api.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"^(?:# |## )([^\n]+)\n(?:(?!^## ).)*?```python\n(.*?)```", PAGE, re.MULTILINE | re.DOTALL))


@pytest.fixture
def beach(tmp_path, monkeypatch):
    """A photograph, 96 x 72 pixels, and a mask of 14 x 20 of them, in the current folder."""
    coarse = Image.fromarray(np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8))
    coarse.resize((96, 72), Image.Resampling.BICUBIC).save(tmp_path / "beach.jpg")
    mask = np.zeros((72, 96), np.uint8)
    mask[30:44, 40:60] = 255
    Image.fromarray(mask).save(tmp_path / "beach-mask.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_page_has_code_for_each_of_its_subjects():
    subjects = ["In Python", "Arrays", "Progress and cancel", "Threads", "Processes"]
    subjects += ["Large pictures, distant pictures"]
    assert list(BLOCKS) == subjects


def test_its_code_completes_files_and_crops(beach):
    names = {}
    for title, code in BLOCKS.items():
        if title != "Processes":
            exec(code, names)

    crop, image, mask = names["crop"], names["image"], names["mask"]
    whole = names["engine"].complete(image, mask)
    assert (whole[mask > 0] != image[mask > 0]).any()
    np.testing.assert_array_equal(names["completed_part"], whole[crop.y : crop.bottom, crop.x : crop.right])
    for name in ("beach-done.png", "beach-done.tif"):
        with Image.open(name) as written:
            assert written.size == (96, 72)


@pytest.mark.slow
def test_its_code_completes_in_processes(beach):
    start = BLOCKS["In Python"].partition("engine =")[0]
    script = beach / "page.py"
    script.write_text(start + BLOCKS["Processes"] + "    assert (results[0] == results[1]).all()\n", encoding="utf-8")

    ended = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=250)

    assert ended.returncode == 0, ended.stderr
