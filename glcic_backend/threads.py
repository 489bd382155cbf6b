"""The threads that compute: how they wait for each other, and which process they live in."""

import os
import sys

from glcic_backend.errors import InvalidInputError

_POLICY = "OMP_WAIT_POLICY"


def wait_without_spinning() -> bool:
    """Have PyTorch's threads sleep while they wait for each other, instead of keeping the processor busy.

    Spinning gains a little on a machine that does nothing else. Beside other programs a thread that spins takes the
    processor from the very one that it waits for, and a completion takes ten times as long. OpenMP reads this setting
    when PyTorch is imported, so it must come before; a setting that the user has made stays.

    Returns:
        Whether it came in time: false if PyTorch was imported already and the setting was another.
    """
    in_time = _POLICY in os.environ or "torch" not in sys.modules
    os.environ.setdefault(_POLICY, "PASSIVE")
    return in_time


class HomeProcess:
    """The process that something with threads was made in. A fork of it is another, which has none of the threads."""

    def __init__(self) -> None:
        self._number = os.getpid()

    def check(self) -> None:
        """Raise InvalidInputError in a process that was forked from it: what waits there for a thread waits forever."""
        if os.getpid() != self._number:
            raise InvalidInputError(
                f"This process ({os.getpid()}) was forked from the one that loaded the model ({self._number}), and the "
                "threads that compute do not exist in a fork. Load the model in this process after it has been started "
                'anew, as multiprocessing.get_context("spawn") does.'
            )
