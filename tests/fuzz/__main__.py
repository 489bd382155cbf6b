"""The command; see the package."""

import argparse
import logging
import sys
import time

from .run import fuzz
from .targets import TARGETS


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzz what reads input from outside.")
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--cases", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    logging.disable()  # tifffile tells of every damaged tag
    begun = time.monotonic()
    count = fuzz(given.target, cases=given.cases, seed=given.seed)
    seconds = time.monotonic() - begun
    sys.stdout.write(f"{given.target}: {count} cases in {seconds:.0f} s, no promise broken\n")


if __name__ == "__main__":
    main()
