"""The share of lines that the tests have run, of each package against its goal: `python -m tests.coverage_goals`.

After `python -m pytest -m "not quiet" --cov`, whose record it reads. Exit code 1 if a goal is missed, or if there is no
record.
"""

import sys

import coverage

GOALS = {"glcic_backend": 93, "glcic_train": 85}
"""Percent of the lines."""


def main() -> int:
    """Print the files that are not covered whole, then each package's share. Returns the exit code."""
    record = coverage.Coverage()
    record.load()
    shares = {}
    for package in GOALS:
        sys.stdout.write(f"\n{package}\n")
        shares[package] = record.report(include=[f"*/{package}/*"], skip_covered=True, file=sys.stdout)
    sys.stdout.write("\n")
    missed = 0
    for package, goal in GOALS.items():
        is_missed = shares[package] < goal
        missed += is_missed
        sys.stdout.write(
            f"{package}: {shares[package]:.1f} % of the lines are run by the tests; the goal is {goal} %"
            f"{', which is MISSED: the table above names the files' if is_missed else ''}\n"
        )
    return 1 if missed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except coverage.CoverageException as error:
        sys.exit(f"There is no record of what the tests have run ({error}). Run: python -m pytest --cov")
