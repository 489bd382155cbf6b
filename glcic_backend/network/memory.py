"""A computation in; its result out also where memory runs out: in smaller pieces, then on the CPU."""

import contextlib
import gc
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from glcic_backend.errors import OutOfMemoryError
from glcic_backend.wire.geometry import Rectangle

SMALLEST_PIECE = 64
"""Side in pixels below which nothing is halved any more: the network reads 307 pixels for each one that it paints."""

_SAYINGS = (
    "out of memory",
    "can't allocate memory",
    "cannot allocate memory",
    "not enough memory",
    "could not create a primitive",
    "insufficient memory",
    "bad_alloc",
)
"""What errors say that have no type of their own.

The first four are PyTorch's, on the CPU, on Apple's GPUs, and inside CUDA's libraries. The fifth is all that oneDNN
says where the system refuses it memory for the code of a convolution. The last two are OpenCV's.
"""

_NEXT_STEP = "Close other programs, select a smaller area, or choose the quality fast."

Result = TypeVar("Result")

log = logging.getLogger(__name__)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of Python, numpy, OpenCV or PyTorch says that there was not enough memory."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError | OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError | cv2.error) and any(saying in str(error).lower() for saying in _SAYINGS)


def in_pieces(
    compute: Callable[[Rectangle], NDArray[np.float32]], region: Rectangle, device: torch.device
) -> NDArray[np.float32]:
    """Compute a rectangle at once or, where memory does not suffice, in halves of halves.

    Args:
        compute: gives float32 [height, width, C] for a rectangle; the same values whichever rectangle holds a pixel.
        device: that `compute` runs on.

    Raises:
        Exception: what `compute` raised for a piece that is not halved any more.
    """
    try:
        return compute(region)
    except Exception as error:
        if not is_out_of_memory(error) or max(region.width, region.height) < 2 * SMALLEST_PIECE:
            raise
        log.warning("%d x %d pixels are too much for the memory of %s: %s", region.width, region.height, device, error)
    # Not before the handler is left: until then its traceback holds the tensors of the attempt.
    free(device)
    across = region.width >= region.height
    half = (region.width if across else region.height) // 2
    if across:
        parts = region._replace(width=half), region._replace(x=region.x + half, width=region.width - half)
    else:
        parts = region._replace(height=half), region._replace(y=region.y + half, height=region.height - half)
    return np.concatenate([in_pieces(compute, part, device) for part in parts], axis=1 if across else 0)


def on_the_first_that_suffices(
    devices: Sequence[torch.device], compute: Callable[[torch.device], Result]
) -> tuple[Result, torch.device]:
    """Compute something on the first of some devices whose memory suffices.

    Returns:
        The result, and the device that it was computed on.

    Raises:
        OutOfMemoryError: none of them has enough.
    """
    for device in devices:
        try:
            return compute(device), device
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            log.warning("the memory of %s ran out: %s", device, error)
        free(device)
    names = " and of ".join(map(str, devices))
    raise OutOfMemoryError(
        f"The memory of {names} does not suffice for this completion, not even in small pieces. {_NEXT_STEP}"
    )


@contextlib.contextmanager
def lack_of_memory_is_told() -> Iterator[None]:
    """Within it, every error that means a lack of memory becomes one that a user can act on.

    Raises:
        OutOfMemoryError: the memory ran out, in a computation that has no smaller pieces.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, OutOfMemoryError) or not is_out_of_memory(error):
            raise
        log.warning("the memory ran out: %s", error)
        raise OutOfMemoryError(f"The memory does not suffice for this completion. {_NEXT_STEP}") from error


def free(device: torch.device) -> None:
    """Give the memory that is held for reuse back to a device."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()
