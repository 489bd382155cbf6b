"""What goes wrong round the daemon: full disks, deleted folders, and model files that are replaced."""

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
import torch

from glcic_backend import Inpainter
from glcic_backend.model_files.model_file import ModelInfo, save_model
from glcic_backend.network.completion_network import CompletionNetwork
from glcic_backend.wire.client import DaemonClient
from glcic_backend.wire.connection import read_connection, run_folder
from glcic_backend.wire.errors import DaemonNotRunningError, RequestError

from .conftest import SOFTWARE, as_request, picture, wait_until
from .test_real_engine import COMMAND, SMALL

pytestmark = pytest.mark.skipif(os.name != "posix", reason="limits and signals of Unix")


@contextlib.contextmanager
def files_of_at_most(size):
    """No file written within may be longer, as if the disk were full; children inherit it."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    old_handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        with patch.dict(os.environ):
            # Of a record of the lines that children run only a part could be written.
            os.environ.pop("COVERAGE_PROCESS_CONFIG", None)
            yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, old_handler)


def test_a_disk_too_full_for_the_connection_file_is_told_and_leaves_no_half_of_it(start_process, home):
    with files_of_at_most(20):
        process = start_process()
        code, said = process.end()

    assert (code, "cannot be written" in said, "GLCIC_HOME" in said) == (2, True, True), said
    assert os.listdir(run_folder(home)) == ["daemon.lock"]
    start_process().wait_until_ready()


def test_a_deleted_folder_keeps_nobody_from_a_new_daemon_and_the_old_one_ends_without_harm(start_process, home):
    old = start_process().wait_until_ready()
    shutil.rmtree(run_folder(home))

    with pytest.raises(DaemonNotRunningError, match="glcic-backend serve"):
        old.client()
    new = start_process().wait_until_ready()
    old.process.terminate()
    assert old.end() == (0, "")

    assert read_connection(home).pid == new.process.pid
    with new.client() as client:
        assert client.complete(**as_request(*picture()))


@contextlib.contextmanager
def real_daemon(home, *options):
    """The command `glcic-backend serve` with the true engine on the CPU."""
    environment = {**os.environ, "GLCIC_HOME": str(home)}
    command = [*COMMAND, "serve", "--device", "cpu", *map(str, options)]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    with process:
        assert "ready" in (line := process.stderr.readline()), line + process.stderr.read()
        try:
            with DaemonClient.connect(home, software=SOFTWARE) as client:
                yield client
        finally:
            process.terminate()


def write_model(path, seed):
    torch.manual_seed(seed)
    info = ModelInfo("random", (0.4, 0.5, 0.6), (8, 64), ("rectangle",), "none", "none", "none", "random weights")
    save_model(path, CompletionNetwork(), info)


@pytest.mark.slow
def test_a_model_file_replaced_under_a_running_daemon_is_used_from_then_on_and_a_damaged_one_is_told(home):
    path = home / "random.safetensors"
    write_model(path, 0)
    painted = {"blend": False, "quality": "fast"}  # so that only the network decides

    def expected():
        image, mask = SMALL
        y, x = np.argwhere(mask)[0]
        filled = Inpainter.load(path, device="cpu").complete(image, mask, **painted)
        return filled[y : y + 12, x : x + 12].tobytes()

    with real_daemon(home, "--model", path) as client:
        first = bytes(client.complete(**as_request(*SMALL), **painted).pixels)
        assert first == expected()

        write_model(path, 1)
        second = bytes(client.complete(**as_request(*SMALL), **painted).pixels)
        assert second == expected() != first

        path.write_bytes(path.read_bytes()[:100_000])
        with pytest.raises(RequestError, match="not a readable safetensors file") as caught:
            client.complete(**as_request(*SMALL), **painted)
        assert caught.value.code == "unknown_model"

        write_model(path, 1)
        assert bytes(client.complete(**as_request(*SMALL), **painted).pixels) == second


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_disk_too_full_for_the_log_stops_no_completion(home):
    with real_daemon(home, "--log-file", "/dev/full") as client:
        assert client.complete(**as_request(*SMALL))
        # The failure of the engine is logged, too.
        with pytest.raises(RequestError):
            client.complete(**as_request(SMALL[0], SMALL[1] * 0))
        assert wait_until(lambda: client.status().state == "idle") < 5


def test_a_full_disk_leaves_each_kind_of_picture_as_it_was(tmp_path):
    script = """
import sys
from pathlib import Path
import numpy as np
from glcic_backend.errors import OutputError
from glcic_backend.image_files import Picture, write_picture
path = Path(sys.argv[1])
try:
    write_picture(path, Picture(np.random.default_rng(0).integers(0, 255, (99, 99, 3), np.uint8)))
except OutputError as error:
    print(error)
"""
    for name in ("a.png", "a.jpg", "a.webp", "a.tif"):
        path = tmp_path / name
        path.write_bytes(b"older")
        with files_of_at_most(500):
            run = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True)
        assert "could not be written" in run.stdout, run.stderr
        assert path.read_bytes() == b"older"
    assert len(list(tmp_path.iterdir())) == 4
