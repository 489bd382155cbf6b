"""How long a run of an experiment lasts: the paper's phases in their proportions, scaled."""

from dataclasses import dataclass

from glcic_backend.errors import InvalidInputError
from glcic_train.config.schema import ScheduleConfig


@dataclass(frozen=True)
class Budget:
    """Length of each run; one of the two is given.

    Attributes:
        iterations: of all phases together.
        minutes: of all phases together, by the clock.
    """

    iterations: int = 0
    minutes: float = 0.0

    def __post_init__(self) -> None:
        if bool(self.iterations) == bool(self.minutes):
            raise InvalidInputError(
                "An experiment needs one budget for each of its runs: --iterations N or --minutes M."
            )

    def settings(self, schedule: ScheduleConfig) -> list[str]:
        """Settings that bring a configuration's schedule to this length.

        In iterations, a phase of the configuration keeps at least one.
        """
        if self.minutes:
            return [f"schedule.minutes={float(self.minutes)}"]
        steps = (schedule.completion_steps, schedule.discriminator_steps)
        scaled = [max(1, round(step * self.iterations / schedule.total_steps)) if step else 0 for step in steps]
        joint = schedule.total_steps > sum(steps)
        if sum(scaled) + joint > self.iterations:
            raise InvalidInputError(f"{self.iterations} iterations are too few for all phases. Give at least 10.")
        # Without a joint phase, rounding must not make one.
        completion = scaled[0] if joint else self.iterations - scaled[1]
        return [
            f"schedule.completion_steps={completion}",
            f"schedule.discriminator_steps={scaled[1]}",
            f"schedule.total_steps={self.iterations}",
        ]
