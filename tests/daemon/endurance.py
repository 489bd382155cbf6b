"""Many starts and ends of daemons, and many requests: `python -m tests.daemon.endurance WHAT --times N`.

A slice of each runs in the suite (test_endurance.py). The engine is a fake one, but for `real-soak`.
"""

import argparse
import contextlib
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from glcic_backend.wire.connection import read_connection, run_folder
from glcic_backend.wire.errors import DaemonNotRunningError, WireError

from .conftest import DaemonProcess, as_request, picture
from .fake_engine import negative
from .soak import real_soak, soak


def check_ready(process):
    """A daemon that is ready completes a picture."""
    image, mask = picture()
    with process.client() as client:
        reply = client.complete(**as_request(image, mask))
    assert bytes(reply.pixels) == negative(image)[2:6, 3:8].tobytes()


def check_no_half_file(home):
    """The connection file is whole or not there, and nothing lies beside it that the next daemon would not replace."""
    with contextlib.suppress(DaemonNotRunningError):
        read_connection(home)
        return
    assert not (run_folder(home) / "daemon.json").exists(), "the connection file is damaged"


def start_pairs(home, times):
    """Two daemons at once: one serves, the other one names it and ends. Returns how often which one came first."""
    firsts = Counter()
    for _ in range(times):
        pair = [DaemonProcess(home), DaemonProcess(home)]
        try:
            lines = [process.process.stderr.readline() for process in pair]
            ready = [line.startswith("ready") for line in lines]
            assert sorted(ready) == [False, True], lines
            winner, loser = pair if ready[0] else reversed(pair)
            said = lines[ready.index(False)]
            assert loser.end()[0] == 4 and f"process {winner.process.pid} at" in said, said
            check_ready(winner)
            winner.process.terminate()
            assert winner.end()[0] == 0
            assert os.listdir(run_folder(home)) == ["daemon.lock"]
            firsts[ready.index(True)] += 1
        finally:
            for process in pair:
                process.process.kill()
                process.process.communicate()
    return firsts


def end_anywhere(home, times, seed=0):
    """SIGTERM and SIGKILL at random points between the start and the midst of completions; then the next one starts.

    Returns:
        How often which signal found a daemon that was ready or not ready.
    """
    chance = random.Random(seed)
    found = Counter()
    for _ in range(times):
        number = chance.choice([signal.SIGTERM, signal.SIGKILL])
        process = DaemonProcess(home)
        ends = time.monotonic() + chance.uniform(0.0, 2.0)
        requests = 0
        while time.monotonic() < ends:
            with contextlib.suppress(WireError), process.client() as client:
                client.complete(**as_request(*picture()))
                requests += 1
            time.sleep(0.01)
        process.process.send_signal(number)
        code, said = process.end()
        # Before its own handling begins, SIGTERM ends it as any process; there is nothing to be tidied up then.
        assert code in ((0, -signal.SIGTERM) if number == signal.SIGTERM else (-signal.SIGKILL,)), (code, said)
        check_no_half_file(home)
        found[signal.Signals(number).name, "serving" if requests else "starting"] += 1
    last = DaemonProcess(home).wait_until_ready()
    check_ready(last)
    last.process.terminate()
    assert last.end()[0] == 0
    return found


def main():
    actions = {"pairs": start_pairs, "signals": end_anywhere, "soak": soak, "real-soak": real_soak}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=actions)
    parser.add_argument("--times", type=int, required=True)
    given = parser.parse_args()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="glcic") as home:
        result = actions[given.what](Path(home), given.times)
    sys.stdout.write(f"{given.what}: {given.times} times in {time.monotonic() - begun:.0f} s: {result}\n")


if __name__ == "__main__":
    main()
