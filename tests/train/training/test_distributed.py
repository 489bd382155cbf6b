"""Several processes train as one."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from glcic_backend.errors import InvalidInputError
from glcic_train.config import load_config
from glcic_train.training.batches import BatchSource
from glcic_train.training.checkpoint import load_checkpoint
from glcic_train.training.distributed import Processes, join_processes

from ..conftest import QUICK

ROOT = Path(__file__).parents[3]
PYTHONPATH = f"{ROOT}{os.pathsep}{ROOT / 'train'}"

# Both phases that train C, and D, with batch statistics over both processes; balancing needs a common norm.
SETTINGS = (*QUICK, "run.batch=4", "run.sync_batch_norm=true", "losses.balance_gradients=4")

# In float64: the joint phase amplifies rounding (another number of threads alone moves float32 weights by 5e-3 in five
# iterations), and a mistake in what the processes exchange would hide behind that.
RUN = """
import sys
import torch
if not any(word.startswith("run.precision") for word in sys.argv):
    torch.set_default_dtype(torch.float64)
    torch.Tensor.float = torch.Tensor.double
from pathlib import Path
from tests.train.narrow import narrow_networks
narrow_networks()
from glcic_train.config import load_config
from glcic_train.training.run import start_run
start_run(load_config("tiny", sys.argv[3:]), [Path(sys.argv[1])], Path(sys.argv[2]))
"""


def run_processes(count: int, photos: Path, folder: Path, settings: tuple[str, ...]) -> None:
    """Run one training by `count` processes, as torchrun starts them."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    common = address | {"WORLD_SIZE": str(count), "PYTHONPATH": PYTHONPATH, "PATH": ""}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", RUN, str(photos), str(folder), *settings],
            cwd=ROOT,
            env={**common, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(count)
    ]
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors


def test_two_processes_end_with_the_weights_of_one_process_with_the_same_global_batch(photos, tmp_path):
    run_processes(1, photos, tmp_path / "one", SETTINGS)
    run_processes(2, photos, tmp_path / "two", SETTINGS)

    one, two = (load_checkpoint(tmp_path / name)["networks"] for name in ("one", "two"))

    compared = 0
    for network in ("completion", "discriminator"):
        start = load_checkpoint(tmp_path / "one" / "checkpoint-000000000.pt")["networks"][network]
        for name, weight in one[network].items():
            assert torch.allclose(weight, two[network][name], atol=1e-8, rtol=0), f"{network} {name}"
            compared += not torch.equal(weight, start[name])
    assert compared > 60  # the weights that training has moved


def log(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_only_the_first_process_writes_and_bfloat16_trains_as_float32_does(photos, tmp_path):
    run_processes(2, photos, tmp_path / "float32", (*SETTINGS, "run.precision=float32"))
    run_processes(2, photos, tmp_path / "bfloat16", (*SETTINGS, "run.precision=bfloat16"))

    wide, half = log(tmp_path / "float32"), log(tmp_path / "bfloat16")
    for lines in (wide, half):
        # Checkpoint, five lines of losses, checkpoint, end.
        assert [line["step"] for line in lines] == [0, 1, 2, 3, 4, 5, 5, 5]
    # Later iterations amplify the rounding.
    assert half[1]["mse"] == pytest.approx(wide[1]["mse"], rel=0.02)
    assert half[1]["mse"] != wide[1]["mse"]


# The process of rank 1 kills itself at iteration 3, the first time.
KILLED_ONCE = """
import os, signal
from glcic_train.training import loop
iterate = loop.iterate
def killed(*arguments):
    if arguments[-2] == 3 and os.environ["RANK"] == "1" and os.environ["TORCHELASTIC_RESTART_COUNT"] == "0":
        os.kill(os.getpid(), signal.SIGKILL)
    return iterate(*arguments)
loop.iterate = killed
"""


@pytest.mark.slow
def test_torchrun_restarts_the_processes_when_one_was_killed_and_they_end_as_if_nothing_had_happened(photos, tmp_path):
    settings = (*SETTINGS, "run.checkpoint_steps=2")
    script = tmp_path / "train.py"
    script.write_text(KILLED_ONCE + RUN)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*torchrun, "--max-restarts", "1", str(script), str(photos), str(tmp_path / "elastic"), *settings]
    environment = os.environ | {"PYTHONPATH": PYTHONPATH, "OMP_NUM_THREADS": "1"}

    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=250)
    run_processes(2, photos, tmp_path / "undisturbed", settings)

    assert ended.returncode == 0, ended.stderr
    log = (tmp_path / "elastic" / "log.jsonl").read_text()
    assert [json.loads(line)["step"] for line in log.splitlines() if '"resumed"' in line] == [2]
    elastic, undisturbed = (load_checkpoint(tmp_path / name) for name in ("elastic", "undisturbed"))
    assert elastic["step"] == undisturbed["step"] == 5
    for network in ("completion", "discriminator"):
        for name, weight in undisturbed["networks"][network].items():
            assert torch.equal(weight, elastic["networks"][network][name]), f"{network} {name}"


def test_a_batch_that_the_processes_cannot_share_is_refused():
    config = load_config("tiny", ["run.batch=4"])
    with pytest.raises(InvalidInputError, match="batch of 4 images cannot be divided by 3 processes"):
        BatchSource(config, photos=None, processes=Processes(0, 3), device=torch.device("cpu"))


def test_a_process_alone_joins_nothing(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    processes, device = join_processes("cpu")
    assert (processes.leads, processes.world_size, device.type) == (True, 1, "cpu")
    assert processes.agree({"place": 1.5}) == {"place": 1.5}


NORM = """
import sys, torch, torch.distributed as dist
from torch import nn
from glcic_train.training.distributed import join_processes, synchronise_batch_norm
processes, device = join_processes("cpu")
torch.manual_seed(0)
network = nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5))
synchronise_batch_norm(network, device)
x = torch.load(sys.argv[1], weights_only=True).chunk(2)[processes.rank].requires_grad_()
with torch.autocast("cpu", dtype=torch.bfloat16, enabled=sys.argv[3] == "bfloat16"):
    y = network(x)
(y.float() ** 3).sum().backward()
gradients = [p.grad for p in network.parameters()]
for gradient in gradients:
    dist.all_reduce(gradient)
torch.save([y.detach(), x.grad, *gradients, *network[1].buffers()], f"{sys.argv[2]}/{processes.rank}.pt")
processes.leave()
"""


@pytest.mark.parametrize(("precision", "rounding"), [("float32", 1e-5), ("bfloat16", 2e-2)])
def test_synchronised_statistics_have_the_values_and_gradients_of_the_whole_batch(
    tmp_path, monkeypatch, precision, rounding
):
    torch.manual_seed(1)
    x = torch.randn(6, 3, 7, 7) * 2 + 1
    torch.save(x, tmp_path / "x.pt")
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5))
    x.requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bfloat16"):
        y = network(x)
    (y.float() ** 3).sum().backward()
    monkeypatch.setitem(globals(), "RUN", NORM)

    run_processes(2, tmp_path / "x.pt", tmp_path, (precision,))

    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2))
    assert first[0].dtype == getattr(torch, precision)
    assert torch.allclose(torch.cat([first[0], second[0]]).float(), y.float(), atol=rounding, rtol=rounding)
    # Gradients of a cube reach 100, and are sums over 150 pixels.
    assert torch.allclose(torch.cat([first[1], second[1]]), x.grad, atol=20 * rounding, rtol=10 * rounding)
    expected = [*(p.grad for p in network.parameters()), *network[1].buffers()]
    for got, wanted in zip(first[2:], expected, strict=True):
        assert torch.allclose(got.float(), wanted.float(), atol=100 * rounding, rtol=10 * rounding)
    running_mean, running_variance, _ = network[1].buffers()
    assert torch.allclose(first[6], running_mean, atol=rounding, rtol=rounding)
    assert torch.allclose(first[7], running_variance, atol=rounding, rtol=rounding)
