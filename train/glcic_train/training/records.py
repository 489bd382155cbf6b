"""Everything around the iterations of a run: when to log, validate, show pictures, save, and end."""

import math
import time
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from glcic_backend.atomic_file import write_atomically
from glcic_backend.errors import GlcicError
from glcic_train.config import to_toml
from glcic_train.config.schema import Config
from glcic_train.training.checkpoint import save_best, save_checkpoint
from glcic_train.training.distributed import Processes
from glcic_train.training.export import describe
from glcic_train.training.held_out import HeldOut
from glcic_train.training.losses import MOST_AMPLIFICATION
from glcic_train.training.meter import DivergedError, LossMeter
from glcic_train.training.networks import Networks
from glcic_train.training.pictures import encode_png, picture_grid
from glcic_train.training.progress import ProgressLine
from glcic_train.training.run_log import RunLog
from glcic_train.training.schedule import Phase, Schedule
from glcic_train.training.start import of_checkpoint
from glcic_train.training.updates import Losses
from glcic_train.training.watch import Watch, criterion

_GRID_ROWS = 6


class WeakDiscriminatorError(GlcicError):
    """D tells C too little for a joint phase to make sense."""


class Ending(StrEnum):
    """Why a session ended. After any of them but `finished`, the run can be resumed."""

    FINISHED = "finished"
    TIME_LIMIT = "time limit"
    INTERRUPTED = "interrupted"


class Order(NamedTuple):
    """What all processes do next. Rank 0 decides, because clocks and signals differ between processes."""

    place: float
    checkpoint: bool
    ending: Ending | None
    fault: str = ""
    """Why the run cannot go on; empty if it can."""


class Records:
    """The state of a run apart from its networks, and its files. Only rank 0 writes.

    Attributes:
        step: iterations done.
    """

    def __init__(
        self,
        config: Config,
        folder: Path,
        networks: Networks,
        mean_pixel: Tensor,
        held_out: HeldOut | None,
        device: torch.device,
        processes: Processes,
    ) -> None:
        self.step = 0
        self._config, self._folder, self._networks = config, folder, networks
        self._mean_pixel, self._held_out, self._device, self._processes = mean_pixel, held_out, device, processes
        self._schedule = Schedule(config)
        self._watch = None if held_out is None else Watch(config, networks, held_out, mean_pixel, device)
        self._accuracy: float | None = None
        self._ready = not config.discriminator.ready_accuracy
        self._waited = 0
        self._meter = LossMeter(processes)
        self._log = RunLog(folder) if processes.leads else None
        self._line = ProgressLine()
        self._session_start = self._last_save = self._last_flush = time.monotonic()
        self._trained_before = 0.0
        self._samples = 0
        self._saved_step = -1
        self._flushed_step = 0
        # Lowest criterion of the phase; the joint phase has another balance of losses and starts anew.
        self._best: tuple[str, float] = ("", float("inf"))
        self._interrupted = False

    def restore(self, checkpoint: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self._networks.load_state(checkpoint["networks"])
        self._networks.trained_on(of_checkpoint(checkpoint).feature_networks)
        self.step = self._saved_step = self._flushed_step = checkpoint["step"]
        self._trained_before = checkpoint["trained_seconds"]
        self._best = (checkpoint["best_phase"], checkpoint["best_error"])
        self._ready = self._ready or checkpoint.get("discriminator_ready", False)
        torch.set_rng_state(checkpoint["random_state"])
        self._event("resumed")

    def interrupt(self) -> None:
        """Ask for an end after the present iteration."""
        self._interrupted = True

    def order(self) -> Order:
        """What rank 0 wants to happen next."""
        place = self._schedule.place(self.step, self._trained_seconds())
        limit, run = self._config.run.time_limit * 60, self._config.run
        ending = None
        if place >= self._schedule.total:
            ending = Ending.FINISHED
        elif self._interrupted:
            ending = Ending.INTERRUPTED
        elif limit and time.monotonic() - self._session_start >= limit:
            ending = Ending.TIME_LIMIT
        # One at the very start, so that there is no moment at which a run cannot be resumed.
        due = self.step == 0 or time.monotonic() - self._last_save >= run.checkpoint_minutes * 60
        due = due or bool(run.checkpoint_steps and self.step % run.checkpoint_steps == 0)
        fault = ""
        if not self._ready and ending is None and self._schedule.phase(place) is Phase.JOINT:
            fault = self._warm_up_fault(place)
            place = self._schedule.end_of_warm_up  # C waits for D
        return Order(place, (due or ending is not None) and self.step != self._saved_step, ending, fault)

    def count(self, place: float, losses: Losses, samples: int) -> None:
        """Count one iteration with `samples` images, and do what is due after it. All processes call this."""
        self._meter.add(self.step, losses)
        self.step += 1
        self._samples += samples
        if self.step % self._config.run.log_every == 0:
            self._flush(place)
        if self._held_out is not None and self.step % self._config.validation.every == 0:
            self._aside(self._validate, self._schedule.phase(place))
        if self._config.run.pictures_every and self.step % self._config.run.pictures_every == 0:
            self._aside(self._show_pictures)

    def checkpoint(self, place: float) -> None:
        """Save everything. All processes call this.

        Raises:
            DivergedError: a loss or a weight is not finite; nothing is saved.
            OutputError: the file could not be written.
        """
        self._flush(place)
        if not self._networks.are_finite():
            raise DivergedError(
                f"A weight is NaN or infinite after {self.step} iterations: the training has diverged. The last "
                "checkpoint is from before. Resume with a lower learning rate or a gradient limit (clip_norm)."
            )
        self._saved_step = self.step
        if self._processes.leads:
            path = save_checkpoint(self._folder, self._state(), self._config.run.keep)
            self._event("checkpoint", file=path.name)
        self._last_save = time.monotonic()
        self._processes.wait()

    def close(self, ending: Ending | None) -> None:
        """Close the files."""
        if self._log is not None:
            if ending is not None:
                self._event("ended", reason=str(ending))
                self._line.say(f"{ending}: {self.step} iterations, in {self._folder}")
            self._log.close()

    def _trained_seconds(self) -> float:
        return self._trained_before + time.monotonic() - self._session_start

    def _state(self) -> dict[str, Any]:
        """All that a checkpoint holds. The data's position is the step: batches are a pure function of it."""
        return {
            "step": self.step,
            "trained_seconds": self._trained_seconds(),
            "best_phase": self._best[0],
            "best_error": self._best[1],
            "discriminator_ready": self._ready,
            "config": to_toml(self._config),
            "mean_pixel": self._mean_pixel.tolist(),
            "feature_networks": list(self._networks.feature_networks),
            "networks": self._networks.state(),
            "random_state": torch.get_rng_state(),
        }

    def _flush(self, place: float) -> None:
        values = self._meter.flush()
        self._check_amplification(values, self.step - self._flushed_step)
        self._flushed_step = self.step
        now = time.monotonic()
        speed = self._samples / max(now - self._last_flush, 1e-9)
        self._samples, self._last_flush = 0, now
        if not self._processes.leads or not values:
            return
        phase = str(self._schedule.phase(min(place, self._schedule.total - 1)))
        self._event("losses", phase=phase, place=float(place), samples_per_second=round(speed, 2), **values)
        share = self._schedule.place(self.step, self._trained_seconds()) / self._schedule.total
        remaining = self._trained_seconds() * (1 - share) / share
        self._line.show(share, phase, values, speed, remaining)

    def _aside(self, work: Any, *arguments: Any) -> None:
        """Do rank 0's work while the others wait; its time does not count as training speed."""
        start = time.monotonic()
        if self._processes.leads:
            work(*arguments)
        self._processes.wait()
        self._last_flush += time.monotonic() - start

    def _validate(self, phase: Phase) -> None:
        assert self._watch is not None
        values = self._watch.values(phase)
        self._event("validation", **values)
        self._accuracy = values.get("discriminator_accuracy")
        self._ready = self._ready or (self._accuracy or 0) >= self._config.discriminator.ready_accuracy
        best_phase, best_value = self._best
        value = criterion(values)
        if math.isfinite(value) and (phase != best_phase or value < best_value):
            self._best = (str(phase), value)
            save_best(self._folder, self._state())

    def _warm_up_fault(self, place: float) -> str:
        """Why D's warm-up is given up: C would have less than half of its joint iterations."""
        joint = self._schedule.total - place + self._schedule.joint_iterations(place)
        if self._schedule.joint_iterations(place) < joint / 2:
            return ""
        wanted, reached = self._config.discriminator.ready_accuracy, self._accuracy
        measured = "was not measured, for there are no held-out photographs" if reached is None else f"is {reached:.2f}"
        return (
            f"D's accuracy on held-out pairs {measured} after half of the joint phase, and C waits for {wanted:g} "
            "(discriminator.ready_accuracy). Use batch normalisation in D without losses.r1, give it more iterations "
            "(schedule.discriminator_steps), or a lower discriminator.ready_accuracy."
        )

    def _check_amplification(self, values: dict[str, float], iterations: int) -> None:
        """End a run in which C has waited for D from one validation to the next."""
        self._waited = self._waited + iterations if values.get("waiting") == 1 else 0
        if self._waited < self._config.validation.every:
            return
        factor, ratio = values["balance"], self._config.losses.gradient_ratio
        told = "" if self._accuracy is None else f" D's accuracy on held-out pairs is {self._accuracy:.2f}."
        raise WeakDiscriminatorError(
            f"To hold losses.gradient_ratio at {ratio:g}, D's gradient had to be multiplied by {factor:.3g}, more than "
            f"{MOST_AMPLIFICATION}, and C has waited for {self._waited} iterations: D says too little, and what is "
            f"amplified is noise.{told} Let D learn more before "
            "the joint phase (discriminator.ready_accuracy, schedule.discriminator_steps), with batch normalisation "
            "and without losses.r1. Only where its accuracy is above 0.9, losses.alpha may be raised instead."
        )

    def _show_pictures(self) -> None:
        if self._held_out is None:
            return
        info = describe(self._config, self._mean_pixel.tolist(), self.step)
        grid = picture_grid(self._networks.best_completion, info, self._held_out, self._device, _GRID_ROWS)
        folder = self._folder / "pictures"
        folder.mkdir(exist_ok=True)
        write_atomically(folder / f"{self.step:09d}.png", encode_png(grid))
        if self._log is not None:
            self._log.picture("input, completion, blended, truth", self.step, grid)

    def _event(self, event: str, **values: Any) -> None:
        if self._log is not None:
            self._log.event(event, self.step, **values)
