"""What the tests of `complete` share: a stand-in engine, the command in this process, small photographs."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from glcic_backend import cli
from glcic_backend.cli import batch, complete
from glcic_backend.image_files import Picture, write_picture

from ..backend.image_files.image_samples import noise


class GreyEngine:
    """Fills holes with middle grey by coverage: what goes round an engine can be tested without its seconds."""

    model_name, device_name = "grey", "nowhere"

    def complete(self, pixels, mask, sources, options, *, linear, progress):
        for stage in ("plan", "network", "blend"):
            progress(stage, 0.0)
            progress(stage, 1.0)
        full = 1.0 if pixels.dtype == np.float32 else np.iinfo(pixels.dtype).max
        share = mask[..., None] / 255
        filled = (1 - share) * pixels + share * (full / 2)
        return np.where(mask[..., None] > 0, filled.astype(pixels.dtype), pixels)


@pytest.fixture
def grey_engine(monkeypatch):
    """The command with `GreyEngine` in the place of the network, in this process."""
    monkeypatch.setattr(batch, "jobs_that_fit", lambda choice: 1)
    monkeypatch.setattr(complete, "LocalEngine", lambda model, device, threads: GreyEngine())


@pytest.fixture
def run(monkeypatch, capsys, grey_engine):
    """Runs the command line in this process; returns exit code, standard output, standard error."""

    def run_command(*arguments):
        monkeypatch.setattr(sys, "argv", ["glcic-backend", "complete", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return ended.value.code, captured.out, captured.err

    return run_command


@pytest.fixture
def photo(tmp_path):
    """An image of 40 x 30 and a mask with a white square and a grey one, as files."""
    write_picture(tmp_path / "image.png", Picture(noise(40, 30, 3)))
    mask = np.zeros((30, 40, 1), np.uint8)
    mask[5:15, 5:15] = 255
    mask[20:25, 30:35] = 100
    write_picture(tmp_path / "mask.png", Picture(mask))
    return tmp_path


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def run_python(script, *arguments, environment=None):
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        env=environment,
        timeout=120,
    )
