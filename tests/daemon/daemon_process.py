"""Program: the daemon with a fake engine.

Arguments: `hold` (completions do not end), `deaf` (nor can be cancelled), `idle=SECONDS` (ends after so long without a
request), `patience=SECONDS` (for another daemon that starts or ends), `load=SECONDS` (until it is ready), `tcp`,
`files=N` (that it may open at once), `check=SECONDS` (between two looks whether it can be found).
"""

import resource
import sys
import time
from collections import deque
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from fake_engine import FakeEngine, FakeLibrary

from glcic_backend.daemon import server
from glcic_backend.daemon.lifecycle import DaemonOptions, run_daemon
from glcic_backend.errors import GlcicError
from glcic_backend.wire.errors import WireError


def say(text):
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def main():
    engine = FakeEngine(deaf="deaf" in sys.argv)
    engine.calls = deque(maxlen=0)  # what it kept would look like a leak
    if {"hold", "deaf"} & set(sys.argv):
        engine.hold()
    given = dict(argument.split("=") for argument in sys.argv if "=" in argument)
    server.CHECK_SECONDS = float(given.get("check", server.CHECK_SECONDS))
    if "files" in given:
        resource.setrlimit(resource.RLIMIT_NOFILE, (int(given["files"]), int(given["files"])))
    options = DaemonOptions(
        idle_exit=float(given.get("idle", 0)) / 60, patience=float(given.get("patience", 120)), tcp="tcp" in sys.argv
    )

    def library():
        time.sleep(float(given.get("load", 0)))
        return FakeLibrary(engine)

    try:
        run_daemon(library, options, lambda *_: say("ready"))
    except (GlcicError, WireError) as error:
        say(error)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
