"""Memory that really runs out, by a limit of the system on the daemon's processes: no forced exceptions."""

import contextlib
import resource
import sys

import numpy as np
import psutil
import pytest
import torch

from glcic_backend.model_files.model_file import ModelInfo, save_model
from glcic_backend.network.completion_network import TABLE_2, CompletionNetwork
from glcic_backend.wire.errors import RequestError, WireError

from .conftest import RealDaemonProcess, as_request
from .test_real_engine import SMALL, photograph

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the limit of another process is set by Linux's prlimit"),
]

WIDE = photograph(1000, 500)
"""Its hole, at once, takes a network of a quarter of the paper's channels some hundred MiB."""

HUGE = photograph(5000, 12)
"""75 MB."""


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    torch.manual_seed(0)
    info = ModelInfo("random", (0.4, 0.5, 0.6), (8, 640), ("rectangle",), "none", "none", "none", "random weights")
    outputs = [*(spec.outputs // 4 for spec in TABLE_2[:-1]), TABLE_2[-1].outputs]
    save_model(home / "random.safetensors", CompletionNetwork(outputs=outputs), info)
    process = RealDaemonProcess(
        *(home, "--model", str(home / "random.safetensors"), "--log-file", str(home / "log")),
        MALLOC_MMAP_THRESHOLD_="131072",  # what is freed is given back, so that each limit is as tight as it says
    )
    try:
        yield process.wait_until_ready()
    finally:
        process.process.kill()
        process.process.wait()
        process.process.stderr.close()


@pytest.fixture
def client(daemon):
    with daemon.client() as connected:
        yield connected


def engine_of(daemon):
    (engine,) = psutil.Process(daemon.process.pid).children()
    return engine


@contextlib.contextmanager
def at_most(process, mebibytes):
    """Within it a process gets so much more memory than it has."""
    limit = process.memory_info().vms + (mebibytes << 20)
    resource.prlimit(process.pid, resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        if process.is_running():
            resource.prlimit(process.pid, resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def log_of(daemon):
    return (daemon.home / "log").read_text()


def complete(client, picture):
    return bytes(client.complete(**as_request(*picture), quality="fast").pixels)


def test_an_engine_short_of_memory_takes_smaller_pieces_or_says_so_and_is_there_for_the_next_one(daemon, client):
    right, small = complete(client, WIDE), complete(client, SMALL)
    ends = []
    for mebibytes in (200, 120, 80, 40, 25, 15, 8, 4):
        with at_most(engine_of(daemon), mebibytes):
            try:
                given = complete(client, WIDE)
                difference = np.frombuffer(given, np.uint8).astype(int) - np.frombuffer(right, np.uint8)
                assert np.abs(difference).max() <= 1, mebibytes
                ends.append("right")
            except RequestError as error:
                assert error.code == "engine_failed"
                assert "memory" in str(error) or "try once more" in str(error), f"{mebibytes}: {error}"
                assert "select a smaller area" in str(error)
                ends.append("told")
        assert complete(client, SMALL) == small, mebibytes

    assert ends.count("right") >= 1 and ends.count("told") >= 1, ends
    assert "500 x 500 pixels are too much for the memory of cpu" in log_of(daemon)
    assert client.status().state == "idle"


def test_an_engine_that_cannot_even_take_in_a_picture_is_replaced(daemon, client):
    small = complete(client, SMALL)
    with at_most(engine_of(daemon), 8), pytest.raises(RequestError, match=r"try once more|memory"):
        complete(client, HUGE)

    assert complete(client, SMALL) == small


@pytest.mark.parametrize("mebibytes", [250, 160, 90, 30])
def test_a_daemon_short_of_memory_serves_on(daemon, mebibytes):
    with daemon.client() as first:
        small = complete(first, SMALL)
    process = psutil.Process(daemon.process.pid)
    with at_most(process, mebibytes), contextlib.suppress(WireError), daemon.client() as connected:
        complete(connected, HUGE)

    assert daemon.process.poll() is None
    with daemon.client() as second:
        assert complete(second, SMALL) == small
