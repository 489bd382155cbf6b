"""`glcic-backend complete` with the real engine, in this process and through the daemon."""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import numpy as np
import pytest
import torch

from glcic_backend.image_files import Picture, read_picture, write_picture
from glcic_backend.inpainter import Inpainter
from glcic_backend.model_files.model_file import ModelInfo, save_model
from glcic_backend.network.completion_network import CompletionNetwork

from ..backend.image_files.image_samples import noise
from .conftest import run_python

_MAIN = "from glcic_backend import cli; cli.main()"


@pytest.fixture(scope="module")
def model_path(tmp_path_factory):
    """A model of random weights, as a file."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("model") / "random.safetensors"
    info = ModelInfo("random", (0.4, 0.5, 0.6), (8, 64), ("rectangle",), "none", "none", "none", "random weights")
    save_model(path, CompletionNetwork(), info)
    return path


class TestRealEngine:
    @pytest.fixture
    def deep_photo(self, tmp_path):
        """A 16-bit image with alpha, larger than what can influence its hole, and a mask; image and mask as arrays."""
        image = noise(388, 360, 4, "uint16")
        mask = np.zeros((360, 388, 1), np.uint8)
        mask[200:210, 170:184] = 255
        mask[210, 170:184] = 77
        write_picture(tmp_path / "deep.tif", Picture(image))
        write_picture(tmp_path / "deep-mask.png", Picture(mask))
        return image, mask[..., 0]

    def test_the_command_gives_what_the_engine_gives(self, tmp_path, deep_photo, model_path):
        image, mask = deep_photo

        report = _complete(tmp_path, "--model", str(model_path), "--device", "cpu")

        found = read_picture(tmp_path / "out.tif").pixels
        expected = Inpainter.load(model_path, device="cpu").complete(image, mask)
        assert (report["model"], report["device"]) == ("random", "cpu")
        assert np.abs(found.astype(int) - expected).max() <= 1
        np.testing.assert_array_equal(found[mask == 0], image[mask == 0])
        assert (found[mask > 0] != image[mask > 0]).any()

    @pytest.mark.skipif(os.name != "posix", reason="SIGTERM to a process is POSIX")
    def test_the_daemon_gives_what_this_process_gives(self, tmp_path, deep_photo, model_path):
        image, mask = deep_photo
        with _daemon(model_path) as environment:
            report = _complete(tmp_path, "--daemon", environment=environment)

        found = read_picture(tmp_path / "out.tif").pixels
        expected = Inpainter.load(model_path, device="cpu").complete(image, mask)
        assert (report["model"], report["device"]) == ("random", "cpu")
        # Sums of float32 in another order can differ by a step of 16 bits or two.
        assert np.abs(found.astype(int) - expected).max() <= 2
        np.testing.assert_array_equal(found[mask == 0], image[mask == 0])

    @pytest.mark.skipif(os.name != "posix", reason="SIGTERM to a process is POSIX")
    def test_the_daemon_uses_the_installed_model_that_is_named(self, tmp_path, deep_photo, model_path):
        image, mask = deep_photo
        with _daemon(None) as environment:
            models = pathlib.Path(environment["GLCIC_HOME"], "models")
            models.mkdir()
            shutil.copy(model_path, models / "beach.safetensors")
            named = _complete(tmp_path, "--daemon", "--model", "beach", "--quality", "fast", environment=environment)
            unknown = _run_complete(tmp_path, "--daemon", "--model", "desert", environment=environment)

        found = read_picture(tmp_path / "out.tif").pixels
        expected = Inpainter.load(model_path, device="cpu").complete(image, mask, quality="fast")
        assert named["model"] == "random"
        assert np.abs(found.astype(int) - expected).max() <= 2
        assert (unknown.returncode, unknown.stderr.count("\n")) == (2, 1)
        assert "No model of the name 'desert'" in unknown.stderr and "glcic-backend models list" in unknown.stderr

    def test_without_a_daemon_the_sentence_says_how_to_start_one(self, tmp_path, deep_photo):
        with tempfile.TemporaryDirectory() as home:
            ended = _run_complete(tmp_path, "--daemon", environment={**os.environ, "GLCIC_HOME": home})

        assert ended.returncode == 2
        assert "glcic-backend serve" in ended.stderr and ended.stderr.count("\n") == 1
        assert not (tmp_path / "out.tif").exists()


def _run_complete(folder, *options, environment=None):
    arguments = ["complete", *[str(folder / name) for name in ("deep.tif", "deep-mask.png", "out.tif")], "--json"]
    return run_python(_MAIN, *arguments, *options, environment=environment)


def _complete(folder, *options, environment=None):
    """Runs the command in a process of its own; returns its report."""
    ended = _run_complete(folder, *options, environment=environment)
    assert (ended.returncode, ended.stderr) == (0, "")
    return json.loads(ended.stdout)


@contextlib.contextmanager
def _daemon(model_path):
    """A running daemon with a model, or the shipped one; gives the environment in which it is found."""
    # The path of a Unix socket has to be short.
    with tempfile.TemporaryDirectory(prefix="glcic") as home:
        environment = {**os.environ, "GLCIC_HOME": home}
        arguments = [sys.executable, "-c", _MAIN, "serve", "--device", "cpu"]
        arguments += ["--model", str(model_path)] if model_path else []
        process = subprocess.Popen(arguments, env=environment, stderr=subprocess.PIPE, text=True)
        with process:
            first = process.stderr.readline()
            assert "ready" in first, first + process.stderr.read()
            try:
                yield environment
            finally:
                process.terminate()
