"""Program: the engine's process with a fake engine. The seed of a completion says what becomes of it."""

import os
import signal
import sys
import time
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).parent))

from fake_engine import FakeEngine

from glcic_backend.daemon.engine_server import serve
from glcic_backend.errors import ModelFileError

KILLED, EXITS, DEAF, DEFECT, PRINTS, WAITS, LEAVES_HOLES = range(1, 8)

kept = []


class Engine(FakeEngine):
    """A fake engine that can come to any end."""

    def __init__(self, name):
        super().__init__()
        texts = ("training_data", "licence", "attribution", "recipe")
        others = {"mean_pixel": (0.4, 0.5, 0.6), "hole_range": (8, 64), "mask_kinds": ("rectangle",)}
        self.model.info = SimpleNamespace(name=name, **others, **dict.fromkeys(texts, "none"))

    def complete(self, image, mask, *, seed, **options):
        if seed == KILLED:
            os.kill(os.getpid(), signal.SIGKILL)
        elif seed == EXITS:
            os._exit(3)
        elif seed == DEAF:
            time.sleep(60)
        elif seed == DEFECT:
            raise ValueError("a defect")
        elif seed == PRINTS:
            print("something that a library says", flush=True)  # noqa: T201
        elif seed == LEAVES_HOLES:
            pieces = [b"x" * 100_000 for _ in range(2_000)]
            kept.append(pieces[-1])  # it lies above all that becomes free
        elif seed == WAITS:
            self.hold()
        return super().complete(image, mask, seed=seed, **options)


def load(path, *_version):
    if path == "damaged":
        raise ModelFileError("The file is damaged.")
    if path == "defect":
        raise RuntimeError("a library cannot begin")
    if path == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    return Engine(path)


if __name__ == "__main__":
    serve(load)
