"""How the C library keeps memory that the daemon has given back."""

import ctypes
import sys

_M_MMAP_THRESHOLD = -3  # of glibc's malloc.h
_LARGE_BYTES = 128 * 1024


def give_back_large_blocks() -> None:
    """Have every freed block of 128 KiB or more returned to the system at once. Does nothing where glibc is not used.

    That is where glibc begins too, but it raises the limit with every larger block that is freed, up to 32 MiB. Pixels
    of ever new sizes then leave a heap full of holes: after hundreds of requests the daemon held four times as much.
    """
    if sys.platform == "linux":
        # A C library without the function, such as musl, has no such limit to set.
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
