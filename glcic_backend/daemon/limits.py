"""The limits of the system on this process in; how many connections they allow out, or what stands in the way."""

import sys

from glcic_backend.errors import DaemonError

MOST_PEERS = 256
"""So many connections at most, where the system allows that many open files."""

_FEWEST_PEERS = 8
_RESERVED_FILES = 32  # not for connections: the program's own, pipes to the engine, logs, models
_LEAST_MEMORY_MB = 1500  # of addresses: daemon and engine take 1320 and 1100 MB before anything is asked of them


def prepare_limits() -> int:
    """How many connections the open files of this process allow, at most `MOST_PEERS`.

    Raises the soft limit of open files to the hard one, as far as connections need that; and allows no core dump of
    this process nor of its engine, which inherits that: it would hold the secret and somebody's picture.

    Raises:
        DaemonError: it allows too little for the daemon to work at all.
    """
    if sys.platform == "win32":
        return MOST_PEERS
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    memory, _ = resource.getrlimit(resource.RLIMIT_AS)
    if memory != resource.RLIM_INFINITY and memory < _LEAST_MEMORY_MB * 10**6:
        raise DaemonError(
            f"The system lets this program use {memory // 10**6} MB of memory addresses; the daemon needs "
            f"{_LEAST_MEMORY_MB}, and more for large pictures. Raise the limit (`ulimit -v unlimited`), then start it "
            "again."
        )
    wanted = MOST_PEERS + _RESERVED_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return MOST_PEERS
    if soft < _FEWEST_PEERS + _RESERVED_FILES:
        raise DaemonError(
            f"The system lets this program open {soft} files at once; the daemon needs "
            f"{_FEWEST_PEERS + _RESERVED_FILES}. Raise the limit (`ulimit -n 1024`), then start it again."
        )
    return soft - _RESERVED_FILES
