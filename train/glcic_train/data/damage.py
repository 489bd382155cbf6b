"""Photographs that cannot be used, in; counted and named, and an error when they are too many."""

from collections.abc import Callable, Iterable

from glcic_backend.errors import InvalidInputError

MAX_DAMAGED = 0.01
"""Share of a set's photographs that may be damaged, unless the configuration says otherwise."""


class DamagedPhotoError(InvalidInputError):
    """A photograph of a shard that cannot be decoded. Whoever can do without it takes the next one.

    Args:
        problem: a sentence on it.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(f"{problem} Fetch or prepare the shard again, or leave it out.")
        self.problem = problem

    def __reduce__(self) -> tuple[type["DamagedPhotoError"], tuple[str]]:
        """Workers pass it on by its problem."""
        return type(self), (self.problem,)


class DamageCount:
    """Counts the different photographs of a set that are damaged. One is always borne with: it says nothing on others.

    Args:
        share: of the photographs that may be damaged, 0..1.
        expected: number of photographs in the set; or of which at least so many will be read, where that is not known.
        tell: called with a sentence for every damaged photograph, once.
    """

    def __init__(self, share: float, expected: int, tell: Callable[[str], None] | None = None) -> None:
        self.share, self.expected = share, expected
        self._tell = tell or (lambda _: None)
        self._damaged: set[str] = set()

    def add(self, problems: Iterable[str]) -> None:
        """Take in some sentences, one for each damaged photograph, which tell it from all others.

        Raises:
            InvalidInputError: more are damaged than the share allows, or all.
        """
        for problem in problems:
            if problem in self._damaged:
                continue
            self._damaged.add(problem)
            self._tell(f"Skipped: {problem}")
            count = len(self._damaged)
            if count > max(1.0, self.share * self.expected) or count >= self.expected:
                raise InvalidInputError(
                    f"{count} of {self.expected} photographs are damaged, more than the share of {self.share:g} that "
                    f"data.max_damaged allows. The last one: {problem} Fetch or prepare the shards again, or leave the "
                    "damaged ones out."
                )
