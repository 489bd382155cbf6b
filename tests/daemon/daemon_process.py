"""Program: the daemon with a fake engine.

Arguments: `hold` (completions do not end), `deaf` (nor can be cancelled), `idle=SECONDS` (ends after so long without a
request).
"""

import sys
from collections import deque
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from fake_engine import FakeEngine, FakeLibrary

from glcic_backend.daemon.lifecycle import DaemonOptions, run_daemon
from glcic_backend.errors import GlcicError


def say(text):
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def main():
    engine = FakeEngine(deaf="deaf" in sys.argv)
    engine.calls = deque(maxlen=0)  # what it kept would look like a leak
    if {"hold", "deaf"} & set(sys.argv):
        engine.hold()
    idle = [float(argument.removeprefix("idle=")) for argument in sys.argv if argument.startswith("idle=")]
    options = DaemonOptions(idle_exit=sum(idle) / 60)
    try:
        run_daemon(lambda: FakeLibrary(engine), options, lambda *_: say("ready"))
    except GlcicError as error:
        say(error)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
