"""Measures where the time of a run goes: `glcic-train run ... --profile`."""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from glcic_train.config.schema import Config
from glcic_train.training.batches import Batch
from glcic_train.training.loop import iterate
from glcic_train.training.run import Parts
from glcic_train.training.schedule import Phase, Schedule

_WARM_UP = 5


@dataclass(frozen=True)
class PhaseProfile:
    """Speed of one phase of Algorithm 1, over all processes.

    Attributes:
        phase: the phase.
        crop: side of the images, pixels.
        batch: images per iteration.
        samples_per_second: with photographs read, cut and masked as in training.
        waiting: share of the time in which the device waits for data: 1 - (time on a batch at hand / time on new ones).
        flops_per_second: floating-point operations of the networks' forward and backward passes, 2 per multiply-add.
    """

    phase: Phase
    crop: int
    batch: int
    samples_per_second: float
    waiting: float
    flops_per_second: float


def profile(config: Config, parts: Parts, iterations: int = 20) -> Iterator[PhaseProfile]:
    """Measure every phase and every stage of a configuration, one after the other; the networks are changed by it."""
    schedule = Schedule(config)
    places = {(schedule.phase(place), schedule.stage(place)): place for place in reversed(_sampled_places(schedule))}
    for place in sorted(places.values()):
        yield _profile_place(config, parts, schedule, place, iterations)


def _sampled_places(schedule: Schedule) -> list[float]:
    return [schedule.total * share / 1000 for share in range(1000)]


def _profile_place(config: Config, parts: Parts, schedule: Schedule, place: float, iterations: int) -> PhaseProfile:
    stage = schedule.stage(place)

    def step_on(batch: Batch, number: int) -> None:
        iterate(config, schedule, parts.networks, parts.updates, batch, number, place)

    for number in range(_WARM_UP):
        kept = parts.batches.batch(number, stage)
        step_on(kept, number)
    # Compiled code hides its operations from the counter.
    uncompiled = torch.compiler.set_stance("force_eager") if config.run.compile else contextlib.nullcontext()
    with uncompiled, FlopCounterMode(display=False) as counter:
        step_on(kept, 1)
    numbers = range(_WARM_UP, _WARM_UP + iterations)
    with_data = _seconds(parts.device, lambda: [step_on(parts.batches.batch(n, stage), n) for n in numbers])
    without = _seconds(parts.device, lambda: [step_on(kept, n) for n in numbers])
    return PhaseProfile(
        phase=schedule.phase(place),
        crop=stage.crop,
        batch=stage.batch,
        samples_per_second=stage.batch * iterations / with_data,
        waiting=max(0.0, 1 - without / with_data),
        flops_per_second=counter.get_total_flops() * parts.processes.world_size * iterations / with_data,
    )


def _seconds(device: torch.device, work: Callable[[], Any]) -> float:
    """Time of some work on a device, from idle to idle."""
    _settle(device)
    start = time.perf_counter()
    work()
    _settle(device)
    return time.perf_counter() - start


def _settle(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
