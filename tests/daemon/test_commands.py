"""`glcic-backend serve`, `status` and `stop`, as a user runs them."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from glcic_backend.wire.codec import PROTOCOL_VERSION

from .conftest import SOFTWARE, as_request, picture

COMMAND = [sys.executable, "-c", "from glcic_backend.cli import main; main()"]


@pytest.fixture
def run(home):
    """Runs `glcic-backend` with some arguments. Returns exit code, stdout and stderr."""

    def run(*arguments):
        environment = {**os.environ, "GLCIC_HOME": str(home)}
        done = subprocess.run([*COMMAND, *arguments], env=environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    return run


@pytest.fixture
def served(home):
    """The real `glcic-backend serve` with the model that ships with the package."""
    log_file = home / "log.txt"
    process = subprocess.Popen(
        [*COMMAND, "serve", "--device", "cpu", "--threads", "1", "--log-file", str(log_file)],
        env={**os.environ, "GLCIC_HOME": str(home)},
        stderr=subprocess.PIPE,
        text=True,
    )
    yield process
    process.kill()
    process.communicate()


def test_without_a_daemon_status_exits_with_1_and_says_how_to_start_one(run):
    code, said, _ = run("status")

    assert (code, "glcic-backend serve" in said) == (1, True)


def test_without_a_daemon_status_as_json_says_so(run):
    code, said, _ = run("status", "--json")

    assert (code, json.loads(said)["running"]) == (1, False)


def test_without_a_daemon_stop_exits_with_1(run):
    code, _, said = run("stop")

    assert (code, "No daemon is running" in said) == (1, True)


def test_status_of_a_running_daemon_is_one_line(run, start_process):
    process = start_process().wait_until_ready()

    code, said, _ = run("status")

    assert code == 0
    assert said.count("\n") == 1
    for part in (f"process {process.process.pid}", "idle", "model negative on cpu", "0 waiting"):
        assert part in said


def test_status_as_json_tells_everything_but_the_secret(run, start_process):
    process = start_process().wait_until_ready()
    with process.client() as client:
        secret = client.info.secret

    code, said, _ = run("status", "--json")

    status = json.loads(said)
    assert code == 0
    assert (status["running"], status["pid"], status["protocol"]) == (True, process.process.pid, PROTOCOL_VERSION)
    assert status["endpoint"].startswith("ipc://")
    assert secret not in said


def test_stop_ends_the_daemon(run, start_process):
    process = start_process().wait_until_ready()

    code, said, _ = run("stop")

    assert (code, said) == (0, f"Stopped process {process.process.pid}.\n")
    assert process.end()[0] == 0


def test_a_folder_open_to_others_is_an_error_with_exit_code_2(run, home, start_process):
    start_process().wait_until_ready()
    os.chmod(home / "run", 0o755)

    code, _, said = run("status")

    assert (code, "chmod" in said) == (2, True)


@pytest.mark.parametrize("command", ["status", "stop"])
def test_status_and_stop_do_not_wait_for_torch(command):
    script = f"import sys, glcic_backend.cli.{command}; print({{'torch', 'numpy', 'zmq'}} & set(sys.modules))"

    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout

    assert said == "set()\n"


def test_serve_completes_as_the_engine_does_in_this_process(served, home, run):
    from glcic_backend import Inpainter
    from glcic_backend.wire.client import DaemonClient

    image, _ = picture(200, 160, channels=4, dtype=np.uint16)
    mask = np.zeros((160, 200), np.uint8)
    mask[60:90, 70:110] = 255
    mask[60, 70:110] = 128
    ready = served.stderr.readline()
    stages = []
    with DaemonClient.connect(home, software=SOFTWARE) as client:
        reply = client.complete(**as_request(image, mask), progress=lambda stage, _: stages.append(stage))
        model = client.status().model_sha256
    second_code, _, second_said = run("serve")
    stop_code, _, _ = run("stop")

    here = Inpainter.load(device="cpu")
    expected = here.complete(image, mask)[60:90, 70:110]
    received = np.frombuffer(reply.pixels, np.uint16).reshape(expected.shape)
    assert ready.startswith(f"glcic-backend ready: process {served.pid} at ipc://")
    # Another number of threads adds up in another order.
    assert np.abs(received.astype(int) - expected).max() <= 2
    assert model == here.model.info.sha256
    assert "network" in stages
    assert {"plan", "network", "blend"} <= set(reply.milliseconds)
    assert (second_code, f"process {served.pid}" in second_said) == (4, True)
    assert (stop_code, served.wait(10)) == (0, 0)
    assert "ready" in (home / "log.txt").read_text()


def test_serve_with_a_model_that_is_none_says_so_and_leaves_no_connection_file(run, home):
    (home / "model.safetensors").write_bytes(b"\x80\x04\x95pickle")

    code, _, said = run("serve", "--model", str(home / "model.safetensors"))

    assert (code, "model.safetensors" in said) == (2, True)
    assert not (home / "run" / "daemon.json").exists()
