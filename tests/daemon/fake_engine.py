"""An engine that can be slow, deaf or broken and needs no network, and a library of such."""

import threading
import time
from types import SimpleNamespace

import numpy as np

from glcic_backend.daemon.engine import UnknownModelError
from glcic_backend.errors import CancelledError, InvalidInputError
from glcic_backend.wire.geometry import Rectangle


class FakeEngine:
    """Fills a hole with the negative of the picture, so that a test can tell the hole from the rest.

    Attributes:
        gate: completions wait at it while it is closed, see `hold`.
        started: set when a completion has begun.
        calls: keyword arguments of each completion, with the image and the mask.
        failure: raised by every completion, if there is one.
        deaf: whether completions ignore that they were cancelled.
    """

    def __init__(self, failure=None, deaf=False, name="negative"):
        self.model = SimpleNamespace(info=SimpleNamespace(name=name, sha256="ab" * 32))
        self.device = self.used = "cpu"
        self.gate = threading.Event()
        self.gate.set()
        self.started = threading.Event()
        self.calls = []
        self.failure, self.deaf = failure, deaf

    def hold(self):
        """From now on completions stay at half of the stage `network` until `gate.set()`."""
        self.gate.clear()

    def context(self, width, height, hole, *, quality, context, distance):
        """The hole and one pixel round it for fast, two for best, or `distance`; all of the image for `all`."""
        if context == "all":
            return Rectangle(0, 0, width, height)
        margin = distance or {"fast": 1, "best": 2}[quality]
        x, y = max(0, hole.x - margin), max(0, hole.y - margin)
        return Rectangle(x, y, min(width, hole.right + margin) - x, min(height, hole.bottom + margin) - y)

    def complete(self, image, mask, *, progress, cancelled, **options):
        self.calls.append({"image": image, "mask": mask, **options})
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


class FakeLibrary:
    """Models by name; the first one is the default.

    Attributes:
        loaded: names of the models, as often as they were loaded.
        gate: loading waits at it while it is closed.
        versions: of a model's file; raise one to replace it.
    """

    def __init__(self, *engines):
        self.engines = {engine.model.info.name: engine for engine in engines}
        self.default = engines[0].model.info.name
        self.loaded = []
        self.gate = threading.Event()
        self.gate.set()
        self.versions = {}
        self.is_dead = False

    def find(self, name):
        name = name or self.default
        if name not in self.engines:
            raise UnknownModelError(f"There is no model {name!r}; see `glcic-backend models list`.")
        return name, self.versions.get(name, 0)

    def load(self, name, cancelled):
        name, _ = self.find(name)
        self.loaded.append(name)
        while not self.gate.wait(0.01):
            if cancelled():
                raise CancelledError("The loading was cancelled.")
        return self.engines[name]

    def close(self):
        """Nothing runs elsewhere."""

    def listed(self):
        return [{"name": name, "title": name.title(), "default": name == self.default} for name in self.engines]
