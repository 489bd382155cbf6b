"""An engine that can be slow, deaf or broken, and needs no network."""

import threading
import time
from types import SimpleNamespace

import numpy as np

from glcic_backend.errors import CancelledError, InvalidInputError


class FakeEngine:
    """Fills a hole with the negative of the picture, so that a test can tell the hole from the rest.

    Attributes:
        gate: completions wait at it while it is closed, see `hold`.
        started: set when a completion has begun.
        calls: keyword arguments of each completion, with the image and the mask.
        failure: raised by every completion, if there is one.
        deaf: whether completions ignore that they were cancelled.
    """

    def __init__(self, failure=None, deaf=False):
        self.model = SimpleNamespace(info=SimpleNamespace(name="negative", sha256="ab" * 32))
        self.device = "cpu"
        self.gate = threading.Event()
        self.gate.set()
        self.started = threading.Event()
        self.calls = []
        self.failure, self.deaf = failure, deaf

    def hold(self):
        """From now on completions stay at half of the stage `network` until `gate.set()`."""
        self.gate.clear()

    def complete(self, image, mask, *, blend, linear, progress, cancelled):
        self.calls.append({"image": image, "mask": mask, "blend": blend, "linear": linear})
        self.started.set()
        progress("plan", 0.0)
        if not mask.any():
            raise InvalidInputError("The mask is empty: 0 pixels are above 0.")
        if self.failure:
            raise self.failure
        progress("network", 0.5)
        while not self.gate.is_set():
            if cancelled() and not self.deaf:
                raise CancelledError("The completion was cancelled.")
            time.sleep(0.01)
        progress("blend", 1.0)
        return np.where(mask[..., None] > 0, negative(image), image)


def negative(image):
    """White minus the image."""
    white = np.float32(1) if image.dtype == np.float32 else np.iinfo(image.dtype).max
    return white - image
