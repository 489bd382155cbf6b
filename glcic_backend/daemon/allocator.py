"""How the C library keeps memory that the daemon and its engine have given back."""

import ctypes
import sys
from typing import Any

_M_MMAP_THRESHOLD = -3  # of glibc's malloc.h
_LARGE_BYTES = 128 * 1024


def give_back_large_blocks() -> None:
    """Have every freed block of 128 KiB or more returned to the system at once. Does nothing where glibc is not used.

    That is where glibc begins too, but it raises the limit with every larger block that is freed, up to 32 MiB. Pixels
    of ever new sizes then leave a heap full of holes: after hundreds of requests the daemon held four times as much.

    Not for the engine: it would have to be given each layer's memory anew, page by page.
    """
    mallopt = _of_glibc("mallopt")
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)


def give_back_what_is_free() -> None:
    """Return all memory that is free, also that between blocks in use, to the system. Only where glibc is used."""
    malloc_trim = _of_glibc("malloc_trim")
    if malloc_trim is not None:
        malloc_trim(0)


def _of_glibc(name: str) -> Any:
    """A function that other C libraries, such as musl, have no use for. None if this one lacks it."""
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
