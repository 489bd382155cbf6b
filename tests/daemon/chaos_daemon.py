"""Program: the daemon with a fake engine in a process of its own, as the real one is."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from glcic_backend.daemon.distant_engine import DistantEngine
from glcic_backend.daemon.engine_process import EngineProcess
from glcic_backend.daemon.lifecycle import DaemonOptions, run_daemon

ENGINE = [sys.executable, str(Path(__file__).with_name("engine_program.py"))]


class Library:
    """One model, in the other process."""

    def __init__(self):
        self._process = EngineProcess(ENGINE)

    @property
    def is_dead(self):
        return self._process.is_dead

    def find(self, _name):
        return Path("beach"), 1, 2

    def load(self, name, cancelled):
        return DistantEngine(self._process, self.find(name), cancelled)

    def close(self):
        self._process.close()

    def listed(self):
        return [{"name": "beach", "title": "Beach", "default": True}]


def say(text):
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    run_daemon(Library, DaemonOptions(), lambda *_: say("ready"))
