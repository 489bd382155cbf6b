"""Several processes that train one network together (torchrun): who is who, and what they must agree on."""

import contextlib
import datetime
import json
import os
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from glcic_backend.errors import GlcicError
from glcic_backend.network.devices import choose_device

_FAILURE = "failure"
# Until a failure that broke a connection is told, seconds: the process that fails tells it before it ends.
_PATIENCE = 2.0
# Until all processes have come, seconds: hosts start at different times.
_MEETING = 600.0


@dataclass(frozen=True)
class Processes:
    """This process among those of the run. `control` carries small messages over the CPU, beside the gradients."""

    rank: int = 0
    world_size: int = 1
    local_rank: int = 0
    control: dist.ProcessGroup | None = None
    store: dist.Store | None = None

    @property
    def leads(self) -> bool:
        """Whether this process writes the run's files and talks to the user."""
        return self.rank == 0

    def agree(self, value: Any) -> Any:
        """The value that rank 0 passes: plain Python data."""
        if self.world_size == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0, group=self.control)
        return box[0]

    def gather(self, value: Any) -> list[Any]:
        """What each process passes, by rank: plain Python data."""
        values = [value]
        if self.world_size > 1:
            values = [None] * self.world_size
            dist.all_gather_object(values, value, group=self.control)
        return values

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Let a process that fails end the others with its own sentence, whatever breaks there in consequence.

        Raises:
            GlcicError: this process failed, or another one did and this one leads.
        """
        try:
            yield
        except GlcicError as error:
            self._tell(f"Process {self.rank} of {self.world_size}: {error}")
            raise
        except RuntimeError as error:
            sentence = self._told()
            if sentence is None:
                raise
            if self.leads:
                raise GlcicError(sentence) from error
            # One copy of the sentence is enough.
            sys.exit(GlcicError.exit_code)

    def _tell(self, sentence: str) -> None:
        if self.store is None:
            return
        # The store may be gone with the process that held it: then nobody is left to be told.
        with contextlib.suppress(RuntimeError):
            self.store.compare_set(_FAILURE, "", sentence)
        # torchrun shows what the first process to fail has written here.
        report = os.environ.get("TORCHELASTIC_ERROR_FILE")
        if report:
            Path(report).write_text(json.dumps({"message": sentence, "timestamp": int(time.time())}), encoding="utf-8")

    def _told(self) -> str | None:
        """The sentence of the process that failed first, if one has told it."""
        if self.store is None:
            return None
        with contextlib.suppress(RuntimeError):
            deadline = time.monotonic() + _PATIENCE
            while time.monotonic() < deadline:
                if self.store.check([_FAILURE]):
                    return self.store.get(_FAILURE).decode()
                time.sleep(0.05)
        return None

    def wait(self) -> None:
        """Return when all processes are here."""
        if self.world_size > 1:
            dist.barrier(group=self.control)

    def leave(self) -> None:
        """End the work in common."""
        if self.world_size > 1:
            dist.destroy_process_group()


def join_processes(device_name: str) -> tuple[Processes, torch.device]:
    """Join the run that torchrun started, or be its only process.

    Args:
        device_name: a device choice; each process on a machine takes the CUDA device of its own number.
    """
    device = choose_device(device_name)
    if "RANK" not in os.environ:
        return Processes(), device
    local_rank = int(os.environ["LOCAL_RANK"])
    if device.type == "cuda":
        device = torch.device("cuda", local_rank)
        torch.cuda.set_device(device)
    # After a failure torchrun starts the processes anew with the same store, in which the addresses of the dead stand.
    store, rank, world_size = next(dist.rendezvous("env://"))
    store = dist.PrefixStore(_agree_on_round(store, rank, world_size), store)
    backend = "nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(backend, store=store, rank=rank, world_size=world_size)
    # Generous: the others wait here while rank 0 validates or compiles.
    control = dist.new_group(backend="gloo", timeout=datetime.timedelta(hours=1))
    return Processes(rank, world_size, local_rank, control, store), device


def _agree_on_round(store: dist.Store, rank: int, world_size: int) -> str:
    """A name that all processes of this start know, and none of an earlier one.

    torchrun's count of restarts is not it: a host that died and came back counts from 0 again. So rank 0 thinks of a
    name, and passes it on together with the greetings that it has seen. A process believes what holds its own greeting.

    Raises:
        GlcicError: the others have not come within ten minutes.
    """
    own = uuid.uuid4().hex
    others = range(1, world_size)
    deadline = time.monotonic() + _MEETING
    if rank:
        store.set(f"greeting {rank}", own)
    while time.monotonic() < deadline:
        if rank == 0:
            seen = {str(other): store.get(f"greeting {other}").decode() for other in others if _has(store, other)}
            store.set("round", json.dumps({"name": own, "seen": seen}))
            if store.add(f"believed {own}", 0) == world_size - 1:
                return own
        elif store.check(["round"]):
            told = json.loads(store.get("round"))
            if told["seen"].get(str(rank)) == own:
                store.add(f"believed {told['name']}", 1)
                return str(told["name"])
        time.sleep(0.02)
    raise GlcicError(
        f"Process {rank} of {world_size} has waited {_MEETING / 60:.0f} minutes for the others, in vain. Look at what "
        "the other hosts say, and start the run again; it goes on from its newest checkpoint."
    )


def _has(store: dist.Store, rank: int) -> bool:
    return bool(store.check([f"greeting {rank}"]))


def mean_over_processes(value: Tensor, processes: Processes) -> Tensor:
    """Mean of a tensor over all processes; no gradient flows through it."""
    if processes.world_size == 1:
        return value
    value = value.detach().clone()
    dist.all_reduce(value)
    return value / processes.world_size


def synchronise_batch_norm(network: nn.Module, device: torch.device) -> None:
    """Let every batch normalisation inside a network take its statistics over all processes."""
    for name, child in list(network.named_children()):
        if not isinstance(child, nn.BatchNorm2d):
            synchronise_batch_norm(child, device)
        elif device.type == "cuda":
            setattr(network, name, nn.SyncBatchNorm.convert_sync_batchnorm(child))
        else:
            child.__class__ = _CpuSyncBatchNorm2d


class _CpuSyncBatchNorm2d(nn.BatchNorm2d):
    """torch.nn.SyncBatchNorm exists for CUDA only; this is its equal for processes on CPUs."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        assert self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None
        # The convolutions before may deliver bfloat16, whose 8 bits are too few for sums, and for a difference of sums.
        wide = x.float()
        sums = torch.cat([wide.sum(dim=(0, 2, 3)), wide.square().sum(dim=(0, 2, 3))])
        sums = _SumOverProcesses.apply(sums)
        count = x.numel() // x.shape[1] * dist.get_world_size()
        mean, mean_square = (sums / count).chunk(2)
        variance = mean_square - mean.square()
        with torch.no_grad():
            self.num_batches_tracked += 1
            assert self.momentum is not None
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        y: Tensor = wide * scale.view(1, -1, 1, 1) + (self.bias - mean * scale).view(1, -1, 1, 1)
        return y.to(x.dtype)


class _SumOverProcesses(torch.autograd.Function):
    """Sum over all processes. What each of them does with it adds to the gradient."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        total = value.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        total = gradient.clone()
        dist.all_reduce(total)
        return total
