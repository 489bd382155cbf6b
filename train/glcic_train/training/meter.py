"""Losses between two lines of the log: collected without waiting for the device, checked and averaged at the end."""

import torch
from torch import Tensor

from glcic_backend.errors import GlcicError
from glcic_train.training.distributed import Processes, mean_over_processes
from glcic_train.training.updates import Losses


class DivergedError(GlcicError):
    """A loss or a weight is no longer a finite number."""


class LossMeter:
    """Collects the losses of iterations.

    Reading a loss makes the CPU wait for the GPU, so values stay on the device until `flush`.
    """

    def __init__(self, processes: Processes) -> None:
        self._processes = processes
        self._steps: list[tuple[int, str]] = []
        self._values: list[Tensor] = []

    def add(self, step: int, losses: Losses) -> None:
        """Take in the losses of one iteration."""
        self._steps.extend((step, name) for name in losses)
        self._values.extend(losses.values())

    def flush(self) -> dict[str, float]:
        """Mean of each loss over the collected iterations and all processes, which must all call this.

        Raises:
            DivergedError: a loss is NaN or infinite; the message names the first such iteration.
        """
        if not self._values:
            return {}
        values = mean_over_processes(torch.stack([value.float() for value in self._values]), self._processes).tolist()
        steps, self._steps, self._values = self._steps, [], []
        by_name: dict[str, list[float]] = {}
        for (step, name), value in zip(steps, values, strict=True):
            if not torch.isfinite(torch.tensor(value)):
                raise DivergedError(
                    f"The loss '{name}' is {value} at iteration {step}: the training has diverged. The last checkpoint "
                    "is from before. Resume with a lower learning rate (--set completion.optimizer.learning_rate=...), "
                    "with run.precision=float32, or with a gradient limit (completion.optimizer.clip_norm)."
                )
            by_name.setdefault(name, []).append(value)
        return {name: sum(numbers) / len(numbers) for name, numbers in by_name.items()}
