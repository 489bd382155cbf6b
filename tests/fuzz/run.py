"""Runs targets on damaged inputs, and keeps those that break a promise."""

import hashlib
import random
import time
from pathlib import Path

from .mutation import damage
from .targets import TARGETS

CRASHES = Path(__file__).with_name("crashes")
"""Inputs that once broke a promise: TARGET-DIGEST. The suite runs them for ever."""

LONGEST_SECONDS = 5.0


class BrokenPromiseError(AssertionError):
    """An input made a target raise what it must not, or take too long."""


def run_one(name: str, data: bytes) -> None:
    """Run a target on an input. Raises BrokenPromiseError, having kept the input."""
    target = TARGETS[name]
    begun = time.monotonic()
    try:
        target.run(data)
    except target.promised:
        pass
    except BaseException as error:
        raise BrokenPromiseError(f"{name}: {type(error).__name__}: {error}; kept as {keep(name, data)}") from error
    if time.monotonic() - begun > LONGEST_SECONDS:
        raise BrokenPromiseError(f"{name}: took {time.monotonic() - begun:.1f} s; kept as {keep(name, data)}")


def keep(name: str, data: bytes) -> Path:
    """Keep an input as a regression file."""
    path = CRASHES / f"{name}-{hashlib.sha256(data).hexdigest()[:12]}"
    path.write_bytes(data)
    return path


def fuzz(name: str, *, cases: int = 1 << 62, seconds: float = float("inf"), seed: int = 0) -> int:
    """Run a target on random inputs until there were enough or time is up. Returns how many there were.

    Raises:
        BrokenPromiseError: one broke a promise.
    """
    chance, seeds = random.Random(f"{name} {seed}"), TARGETS[name].seeds()
    for data in seeds:
        TARGETS[name].run(data)  # a valid input that is refused would make the rest pointless
    end, count = time.monotonic() + seconds, 0
    while count < cases and time.monotonic() < end:
        run_one(name, damage(chance, seeds))
        count += 1
    return count
