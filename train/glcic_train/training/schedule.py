"""Where a run stands in Algorithm 1, and what follows from it: phase, crops, learning rates.

Everything depends on the place, a number of iterations from 0 to T_train. It is the number of the iteration itself,
unless the run has a fixed length in minutes: then the place moves with the clock, so that a run on a leased machine
goes through all phases and ends with small learning rates whatever that machine's speed.
"""

import math
from enum import StrEnum

from glcic_train.config.schema import Config, CropStage, OptimizerConfig


class Phase(StrEnum):
    """The three phases of Algorithm 1 (section 3.5)."""

    COMPLETION = "completion"  # t < T_C: C alone, MSE loss
    DISCRIMINATOR = "discriminator"  # T_C <= t < T_C + T_D: D alone, C fixed
    JOINT = "joint"  # T_C + T_D <= t < T_train: both


class Schedule:
    """Reads a configuration's schedule. Places are in iterations, 0..T_train."""

    def __init__(self, config: Config) -> None:
        schedule = config.schedule
        self.total = schedule.total_steps
        self._completion_end = schedule.completion_steps
        self._discriminator_end = schedule.completion_steps + schedule.discriminator_steps
        self._seconds = schedule.minutes * 60
        self._stages = schedule.stages
        self._final_stage = CropStage(
            crop=config.data.crop, short_side=config.data.short_side, hole=config.masks.hole, batch=config.run.batch
        )

    def place(self, step: int, elapsed: float) -> float:
        """Place of iteration `step`, after `elapsed` seconds of training."""
        if not self._seconds:
            return step
        return self.total * min(1.0, elapsed / self._seconds)

    def phase(self, place: float) -> Phase:
        """Phase at a place below T_train."""
        if place < self._completion_end:
            return Phase.COMPLETION
        return Phase.DISCRIMINATOR if place < self._discriminator_end else Phase.JOINT

    def stage(self, place: float) -> CropStage:
        """Crops at a place: a stage of the completion phase, or those of `data`, `masks` and `run`."""
        if not self._stages or place >= self._completion_end:
            return self._final_stage
        end = 0.0
        for stage in self._stages:
            end += stage.share * self._completion_end
            if place < end:
                return stage
        return self._stages[-1]

    @property
    def end_of_warm_up(self) -> float:
        """The last place of the phase in which D trains alone."""
        return self._discriminator_end - 0.5

    def joint_iterations(self, place: float) -> float:
        """Iterations of the joint phase that lie behind a place."""
        return max(0.0, place - self._discriminator_end)

    def completion_rate(self, optimizer: OptimizerConfig, place: float) -> float:
        """Learning rate of C, whose course covers the whole run. Its warm-up counts its own iterations only."""
        own = min(place, self._completion_end) + self.joint_iterations(place)
        return _rate(optimizer, place, self.total) * _warm_up(optimizer, own)

    def discriminator_rate(self, optimizer: OptimizerConfig, place: float) -> float:
        """Learning rate of D, whose course starts where D's training does."""
        own = place - self._completion_end
        return _rate(optimizer, own, self.total - self._completion_end) * _warm_up(optimizer, own)


def _rate(optimizer: OptimizerConfig, place: float, length: float) -> float:
    rate = optimizer.learning_rate
    if optimizer.decay == "cosine":
        share = min(1.0, place / length)
        rate *= optimizer.final + (1 - optimizer.final) * 0.5 * (1 + math.cos(math.pi * share))
    return rate


def _warm_up(optimizer: OptimizerConfig, iterations: float) -> float:
    # Half an iteration more: the first update must not have a rate of zero.
    return min(1.0, (iterations + 0.5) / optimizer.warmup) if optimizer.warmup else 1.0
