"""Several processes train as one."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
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

from ...daemon.conftest import wait_until
from ..conftest import QUICK
from ..server import serve

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
start_run(load_config("tiny", sys.argv[3:]), [sys.argv[1]], Path(sys.argv[2]))
"""


def start_processes(
    count: int,
    photos: Path,
    folder: Path,
    settings: Sequence[str],
    program: str | None = None,
    environment: dict[str, str] | None = None,
) -> list[subprocess.Popen[str]]:
    """Start one training by `count` processes, as torchrun starts them."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    common = address | {"WORLD_SIZE": str(count), "PYTHONPATH": PYTHONPATH, "PATH": ""} | (environment or {})
    return [
        subprocess.Popen(
            [sys.executable, "-c", program or RUN, str(photos), str(folder), *settings],
            cwd=ROOT,
            env={**common, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(count)
    ]


def run_processes(count: int, photos: Path, folder: Path, settings: Sequence[str], program: str | None = None) -> None:
    """Run one training by `count` processes to its end."""
    for process in start_processes(count, photos, folder, settings, program):
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
    run_processes(1, photos, tmp_path / "float32", (*SETTINGS, "run.precision=float32"))
    run_processes(2, photos, tmp_path / "bfloat16", (*SETTINGS, "run.precision=bfloat16"))

    wide, half = log(tmp_path / "float32"), log(tmp_path / "bfloat16")
    # Checkpoint, five lines of losses, checkpoint, end.
    assert [line["step"] for line in half] == [0, 1, 2, 3, 4, 5, 5, 5]
    # Later iterations amplify the rounding.
    assert half[1]["mse"] == pytest.approx(wide[1]["mse"], rel=0.02)
    # float32 would differ by the order of its sums only.
    assert half[1]["mse"] != pytest.approx(wide[1]["mse"], rel=1e-5)


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


def torchrun(*words: str) -> list[str]:
    return [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", *words]


ENVIRONMENT = os.environ | {"PYTHONPATH": PYTHONPATH, "OMP_NUM_THREADS": "1"}


def assert_same_weights(first: Path, second: Path) -> None:
    a, b = (load_checkpoint(folder) for folder in (first, second))
    assert a["step"] == b["step"] == 5
    for network in ("completion", "discriminator"):
        for name, weight in a["networks"][network].items():
            assert torch.equal(weight, b["networks"][network][name]), f"{network} {name}"


@pytest.fixture(scope="module")
def damaged_photos(photos, tmp_path_factory) -> Path:
    """The shard of training photographs, of which one is overwritten in the middle."""
    folder = tmp_path_factory.mktemp("damaged")
    shard = bytearray((photos / "train-000000.tar").read_bytes())
    # Behind the tar's header and the picture's.
    shard[512 + 200 : 512 + 400] = bytes(200)
    (folder / "train-000000.tar").write_bytes(shard)
    return folder


@pytest.fixture(scope="module")
def undisturbed(damaged_photos, tmp_path_factory) -> Path:
    """A run of two processes over the damaged photographs that nothing else disturbs."""
    folder = tmp_path_factory.mktemp("undisturbed")
    run_processes(2, damaged_photos, folder, (*SETTINGS, "run.checkpoint_steps=2"))
    return folder


@pytest.mark.slow
def test_shards_by_address_a_damaged_one_and_a_killed_process_end_as_if_nothing_had_happened(
    damaged_photos, undisturbed, tmp_path
):
    """torchrun starts the processes again; they go on with the photographs that were next."""
    script = tmp_path / "train.py"
    script.write_text(KILLED_ONCE + RUN)
    with serve(damaged_photos) as address:
        data = f"{address}/train-{{000000..000000}}.tar"
        command = torchrun("2", "--standalone", "--max-restarts", "1", str(script), data, str(tmp_path / "elastic"))
        ended = subprocess.run(
            [*command, *SETTINGS, "run.checkpoint_steps=2"],
            cwd=ROOT,
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            timeout=250,
        )

    assert ended.returncode == 0, ended.stderr
    assert [line["step"] for line in log(tmp_path / "elastic") if line["event"] == "resumed"] == [2]
    named = set((tmp_path / "elastic" / "damaged.txt").read_text().splitlines())
    assert len(named) == 1
    assert "The photo '0000' in http://127.0.0.1" in named.pop()
    assert_same_weights(tmp_path / "elastic", undisturbed)


# The host of rank 1 dies at iteration 3, its torchrun first, the first time.
HOST_DIES_ONCE = """
import os, signal, sys
from glcic_train.training import loop
iterate = loop.iterate
def dying(*arguments):
    if arguments[-2] == 3 and os.environ["RANK"] == "1" and not os.path.exists(sys.argv[2] + "/died"):
        open(sys.argv[2] + "/died", "w").close()
        os.kill(os.getppid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)
    return iterate(*arguments)
loop.iterate = dying
"""


@pytest.mark.slow
def test_two_hosts_that_know_an_address_only_train_together_and_one_dies_and_comes_back(
    damaged_photos, undisturbed, tmp_path
):
    """As docs/workshop/training.md has Slurm start them: one torchrun a host, here on two addresses of the loopback."""
    script, folder, settings = tmp_path / "train.py", tmp_path / "hosts", (*SETTINGS, "run.checkpoint_steps=2")
    script.write_text(HOST_DIES_ONCE + RUN)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        endpoint = f"127.0.0.1:{probe.getsockname()[1]}"

    def host(number: int) -> subprocess.Popen[str]:
        rendezvous = ["--rdzv-backend", "c10d", "--rdzv-endpoint", endpoint, "--rdzv-id", "job-7"]
        address = ["--nnodes", "2", "--local-addr", f"127.0.0.{number}", "--max-restarts", "3"]
        return subprocess.Popen(
            [*torchrun("1", *address, *rendezvous), str(script), str(damaged_photos), str(folder), *settings],
            cwd=ROOT,
            # As in the script: torchrun's own default leaves a host that comes back waiting for an address.
            env=ENVIRONMENT | {"TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"},
            process_group=0,
            stderr=subprocess.PIPE,
            text=True,
        )

    hosts = [host(1)]
    try:
        # The first host holds the rendezvous, as the first node of a Slurm job does.
        wait_until(lambda: answers(endpoint), 60)
        hosts.append(host(2))
        assert hosts[1].wait(timeout=120) == -signal.SIGKILL
        hosts.append(host(2))
        for again in (hosts[0], hosts[2]):
            _, errors = again.communicate(timeout=120)
            assert again.returncode == 0, errors
    finally:
        for one in hosts:
            if one.poll() is None:
                os.killpg(one.pid, signal.SIGKILL)
            one.wait()
            one.stderr.close()

    assert [line["step"] for line in log(folder) if line["event"] == "resumed"] == [2]
    assert_same_weights(folder, undisturbed)


def answers(endpoint: str) -> bool:
    host, port = endpoint.split(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


# Process 1 meets what a user can put right.
FAILING = """
import os, sys
from glcic_backend.errors import InvalidInputError
from glcic_train.training import loop
from tests.train.narrow import narrow_networks
narrow_networks()
iterate = loop.iterate
def failing(*arguments):
    if arguments[-2] == 2 and os.environ["RANK"] == "1":
        raise InvalidInputError("The shard cannot be read any more: disk gone.")
    return iterate(*arguments)
loop.iterate = failing
sys.argv = ["glcic-train", "run", "tiny", sys.argv[1], "--out", sys.argv[2], *sys.argv[3:]]
from glcic_train.cli import main
main()
"""


def test_the_sentence_of_the_process_that_fails_is_the_one_that_all_show(photos, tmp_path):
    settings = [word for setting in SETTINGS for word in ("--set", setting)]
    report = tmp_path / "report.json"
    processes = start_processes(
        2, photos, tmp_path / "run", settings, FAILING, {"TORCHELASTIC_ERROR_FILE": str(report)}
    )

    leading, failing = (process.communicate(timeout=120)[1] for process in processes)

    assert [process.returncode for process in processes] == [2, 2]
    assert "The shard cannot be read any more: disk gone." in failing
    assert "Process 1 of 2: The shard cannot be read any more: disk gone." in leading
    assert "Traceback" not in leading + failing
    assert json.loads(report.read_text())["message"] == "Process 1 of 2: The shard cannot be read any more: disk gone."


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
for precision in ("float32", "bfloat16"):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5))
    synchronise_batch_norm(network, device)
    x = torch.load(sys.argv[1], weights_only=True).chunk(2)[processes.rank].requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bfloat16"):
        y = network(x)
    (y.float() ** 3).sum().backward()
    gradients = [p.grad for p in network.parameters()]
    for gradient in gradients:
        dist.all_reduce(gradient)
    result = [y.detach(), x.grad, *gradients, *network[1].buffers()]
    torch.save(result, f"{sys.argv[2]}/{precision} {processes.rank}.pt")
processes.leave()
"""


@pytest.fixture(scope="module")
def normalised(tmp_path_factory) -> Path:
    """The folder of a batch, x.pt, and of what each of two processes has computed from its half, in each precision."""
    folder = tmp_path_factory.mktemp("norm")
    torch.manual_seed(1)
    torch.save(torch.randn(6, 3, 7, 7) * 2 + 1, folder / "x.pt")
    run_processes(2, folder / "x.pt", folder, (), NORM)
    return folder


@pytest.mark.parametrize(("precision", "rounding"), [("float32", 1e-5), ("bfloat16", 2e-2)])
def test_synchronised_statistics_have_the_values_and_gradients_of_the_whole_batch(normalised, precision, rounding):
    x = torch.load(normalised / "x.pt", weights_only=True)
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5))
    x.requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bfloat16"):
        y = network(x)
    (y.float() ** 3).sum().backward()

    first, second = (torch.load(normalised / f"{precision} {rank}.pt", weights_only=True) for rank in range(2))
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
