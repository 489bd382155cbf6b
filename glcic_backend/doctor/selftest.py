"""Self test of an installation: a photograph is completed through a real daemon, which is started and ended for it."""

import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from glcic_backend.doctor.private_daemon import STOP_SECONDS, connect, last_words, private_daemon
from glcic_backend.errors import DaemonError, GlcicError
from glcic_backend.image_files import Picture, read_mask, read_picture, write_picture
from glcic_backend.wire.client import DaemonClient
from glcic_backend.wire.connection import connection_file
from glcic_backend.wire.errors import WireError
from glcic_backend.wire.geometry import Rectangle
from glcic_backend.wire.messages import CompleteReply

Tell = Callable[[str], None]
"""Shows the user a line."""

_OUTLINE = (255, 0, 80)
_REPORT = "This is a defect; please report it."


class SelfTestError(GlcicError):
    """The self test ran, and what came out is wrong."""

    exit_code = 1


@dataclass(frozen=True)
class Sample:
    """The photograph of the self test.

    Attributes:
        image: uint8 [H, W, 3], RGB.
        mask: uint8 [H, W], 255 in the hole, 0 elsewhere.
    """

    image: NDArray[np.uint8]
    mask: NDArray[np.uint8]


def run_self_test(folder: Path, *, device: str = "auto", tell: Tell) -> Path:
    """Complete the bundled photograph through a daemon of its own, in a private folder.

    Args:
        folder: where the picture of before and after is written; made if it is missing.
        device: auto, cpu, cuda or mps.
        tell: called with a line for each stage.

    Returns:
        Path of the picture.

    Raises:
        DaemonError: the daemon does not start, does not answer or does not end.
        SelfTestError: the hole is not filled, or something outside it has changed.
        OutputError: the picture cannot be written.
    """
    sample = load_sample()
    with tempfile.TemporaryDirectory(prefix="glcic-", ignore_cleanup_errors=True) as home:
        try:
            completed = _complete_through_daemon(sample, Path(home), device, tell)
        except WireError as error:
            raise DaemonError(f"The daemon was started, but: {error}") from error
    check_completion(sample, completed)
    tell("the hole is filled, and nothing outside it has changed")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "before-after.png"
    write_picture(path, Picture(before_and_after(sample, completed)))
    tell(f"before and after: {path}")
    return path


def load_sample() -> Sample:
    """The bundled photograph and its hole."""
    with as_file(files("glcic_backend") / "sample") as folder:
        image = np.asarray(read_picture(folder / "photograph.jpg").pixels, dtype=np.uint8)
        return Sample(image, read_mask(folder / "mask.png"))


def check_completion(sample: Sample, completed: NDArray[np.uint8]) -> None:
    """Check that a hole was filled, and only the hole.

    Args:
        sample: photograph and hole.
        completed: uint8 [H, W, 3], RGB.

    Raises:
        SelfTestError: a sample outside the hole differs, or most of the hole looks as before.
    """
    changed = (completed != sample.image).any(axis=2)
    hole = sample.mask > 0
    outside = np.count_nonzero(changed & ~hole)
    if outside:
        raise SelfTestError(f"{outside} pixels outside the hole have changed. {_REPORT}")
    inside, size = np.count_nonzero(changed & hole), np.count_nonzero(hole)
    if inside < size / 2:
        raise SelfTestError(f"Only {inside} of the hole's {size} pixels have changed. {_REPORT}")


def before_and_after(sample: Sample, completed: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The photograph with its hole outlined beside the completion: uint8 [H, 2 W + 8, 3], RGB."""
    before = sample.image.copy()
    rim = cv2.dilate(sample.mask, np.ones((5, 5), np.uint8)) > sample.mask
    before[rim] = _OUTLINE
    gap = np.full((before.shape[0], 8, 3), 255, np.uint8)
    return np.concatenate([before, gap, completed], axis=1)


def _complete_through_daemon(sample: Sample, home: Path, device: str, tell: Tell) -> NDArray[np.uint8]:
    """Start a daemon, have it complete the sample, and see it end. Returns uint8 [H, W, 3]."""
    started = time.monotonic()
    with private_daemon(home, device) as process:
        with connect(home, process) as client:
            status = client.status()
            tell(f"daemon ready after {time.monotonic() - started:.1f} s: {status.model} on {status.device}")
            started = time.monotonic()
            completed, reply = _complete(client, sample)
            stages = ", ".join(f"{stage} {time_ / 1000:.2f} s" for stage, time_ in reply.milliseconds.items())
            tell(f"completed in {time.monotonic() - started:.1f} s: {stages}")
            client.stop()
        try:
            code = process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise DaemonError(f"The daemon was still running {STOP_SECONDS:.0f} s after it was stopped.") from None
    if code or connection_file(home).exists():
        raise DaemonError(f"The daemon did not end cleanly (code {code}). It said:\n{last_words(home)}")
    tell("daemon stopped")
    return completed


def _complete(client: DaemonClient, sample: Sample) -> tuple[NDArray[np.uint8], CompleteReply]:
    """Send the part that matters, put the reply in its place."""
    height, width = sample.mask.shape
    crop = client.context(width, height, Rectangle(*cv2.boundingRect(sample.mask)))
    there = np.s_[crop.y : crop.bottom, crop.x : crop.right]
    reply = client.complete(
        sample.image[there].tobytes(),
        sample.mask[there].tobytes(),
        width=crop.width,
        height=crop.height,
        channels=3,
        dtype="u8",
    )
    filled = reply.rectangle
    completed = sample.image.copy()
    completed[there][filled.y : filled.bottom, filled.x : filled.right] = np.frombuffer(reply.pixels, np.uint8).reshape(
        filled.height, filled.width, 3
    )
    return completed, reply
