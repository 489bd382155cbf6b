"""Daemon, engine and clients killed, stopped, slowed and flooded at random while clients check every answer.

`python -m tests.daemon.chaos --seconds 300 --seed 1` is the whole; a slice runs in the suite (test_chaos.py).
"""

import argparse
import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
import psutil

from glcic_backend.wire.client import DaemonClient
from glcic_backend.wire.connection import read_connection, run_folder
from glcic_backend.wire.errors import DaemonLostError, DaemonNotRunningError, RequestError, WireError

from .conftest import DaemonProcess, as_request, picture
from .fake_engine import negative

CLIENTS = 8
LONGEST_SECONDS = 20.0
"""So long a call may take at most, whatever is done to the daemon: a stop, its end, the deadline, a busy machine."""

_TIMEOUT = 6.0
_PROGRAM = (sys.executable, str(Path(__file__).with_name("chaos_daemon.py")))


class ChaosDaemon(DaemonProcess):
    """A daemon whose fake engine is in a process of its own."""

    command = _PROGRAM


class Chaos:
    """The whole: one daemon at a time, eight clients, and what happens to them."""

    def __init__(self, home, seed):
        self.home, self.chance = home, random.Random(seed)
        self.counts, self.wrong = Counter(), []
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._seen = set()  # process ids of daemons and engines
        self.daemon = self._start()

    def run(self, seconds):
        """Let it happen for so long. Returns what was counted, and what was wrong."""
        clients = [threading.Thread(target=self._work, args=(number,)) for number in range(CLIENTS)]
        for client in clients:
            client.start()
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self.wrong:
            time.sleep(self.chance.uniform(0.1, 0.8))
            self._strike()
        self._over.set()
        for client in clients:
            client.join(2 * LONGEST_SECONDS)
            if client.is_alive():
                self.wrong.append("a client hangs")
        self._check_the_end()
        return self.counts, self.wrong

    def _start(self):
        daemon = ChaosDaemon(self.home)
        line = daemon.process.stderr.readline()
        if line != "ready\n":
            self.wrong.append(f"no daemon starts: {line}{daemon.process.stderr.read()}")
        threading.Thread(target=_drain, args=(daemon.process.stderr,), daemon=True).start()
        self._seen |= {daemon.process.pid, *self._engines(daemon)}
        return daemon

    def _engines(self, daemon):
        with contextlib.suppress(psutil.NoSuchProcess):
            return [child.pid for child in psutil.Process(daemon.process.pid).children()]
        return []

    # What clients do.

    def _work(self, number):
        chance = random.Random(number)
        while not self._over.is_set():
            begun = time.monotonic()
            what = self._ask(chance)
            took = time.monotonic() - begun
            with self._lock:
                self.counts[what] += 1
                if took > LONGEST_SECONDS:
                    self.wrong.append(f"{what} took {took:.1f} s")
            if what in ("no daemon", "lost"):
                time.sleep(0.1)

    def _ask(self, chance):
        side = chance.choice([12, 40, 200, 600])
        dtype = chance.choice([np.uint8, np.uint16])
        image, mask = picture(side, side, chance.randint(1, 4), dtype, chance.randrange(1000))
        stop_at = time.monotonic() + chance.uniform(0, 0.3) if chance.random() < 0.2 else float("inf")
        try:
            with DaemonClient.connect(self.home, software="chaos", timeout=_TIMEOUT) as client:
                reply = client.complete(**as_request(image, mask), cancelled=lambda: time.monotonic() > stop_at)
        except DaemonNotRunningError:
            return "no daemon"
        except DaemonLostError:
            return "lost"
        except RequestError as error:
            return error.code
        except WireError as error:
            self.wrong.append(f"{type(error).__name__}: {error}")
            return "wrong"
        if bytes(reply.pixels) != negative(image)[2:6, 3:8].tobytes():
            self.wrong.append(f"wrong pixels of {image.shape} {image.dtype}")
        return "right"

    # What happens to them.

    def _strike(self):
        strikes = [self._kill_engine, self._stop_engine, self._crash_engine, self._kill_daemon, self._end_daemon]
        strikes += [self._stop_daemon, self._flood, self._half_messages, self._killed_client]
        strike = self.chance.choices(strikes, [8, 5, 5, 1, 1, 5, 5, 5, 5])[0]
        with self._lock:
            self.counts[strike.__name__] += 1
        with contextlib.suppress(ProcessLookupError, OSError):
            strike()
        self._seen |= set(self._engines(self.daemon))
        if self.daemon.process.poll() is not None:
            self.daemon.process.wait()
            self.daemon = self._start()

    def _signal_engine(self, number):
        for pid in self._engines(self.daemon):
            os.kill(pid, number)

    def _kill_engine(self):
        self._signal_engine(signal.SIGKILL)

    def _crash_engine(self):
        self._signal_engine(signal.SIGSEGV)

    def _stop_engine(self):
        engines = self._engines(self.daemon)
        self._signal_engine(signal.SIGSTOP)
        time.sleep(self.chance.uniform(0, 1.5))
        for pid in engines:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def _kill_daemon(self):
        if self.chance.random() < 0.5:
            self._signal_engine(signal.SIGSTOP)
        self.daemon.process.kill()
        self.daemon.process.wait()

    def _end_daemon(self):
        self.daemon.process.terminate()
        begun = time.monotonic()
        try:
            code = self.daemon.process.wait(LONGEST_SECONDS)
        except subprocess.TimeoutExpired:
            self.wrong.append("the daemon does not end")
            self.daemon.process.kill()
            return
        if code != 0 or time.monotonic() - begun > LONGEST_SECONDS:
            self.wrong.append(f"SIGTERM: code {code} after {time.monotonic() - begun:.1f} s")

    def _stop_daemon(self):
        self.daemon.process.send_signal(signal.SIGSTOP)
        time.sleep(self.chance.uniform(0, 1.0))
        self.daemon.process.send_signal(signal.SIGCONT)

    def _flood(self):
        path = read_connection(self.home).endpoint.removeprefix("ipc://")
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for _ in range(self.chance.randint(50, 400)):
                connection = stack.enter_context(socket.socket(socket.AF_UNIX))
                connection.settimeout(1)
                connection.connect(path)
                connection.sendall(self.chance.randbytes(self.chance.randint(0, 80)))

    def _half_messages(self):
        with contextlib.suppress(WireError), DaemonClient.connect(self.home, software="half", timeout=2) as client:
            client._transport._send_all(b"\x03" + (1 << 20).to_bytes(8, "big") + bytes(self.chance.randint(0, 9999)), 2)

    def _killed_client(self):
        script = (
            "import sys; sys.path[:0] = sys.argv[2:]; from pathlib import Path\n"
            "from glcic_backend.wire.client import DaemonClient\n"
            "client = DaemonClient.connect(Path(sys.argv[1]), software='killed')\n"
            "client.submit(bytes(3 * 10**6), b'\\xff' * 10**6, width=1000, height=1000, channels=3, dtype='u8')\n"
            "print('sent', flush=True); sys.stdin.read()"
        )
        child = subprocess.Popen(
            [sys.executable, "-c", script, str(self.home), *sys.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        with child:
            child.stdout.readline()
            child.kill()

    # What is left.

    def _check_the_end(self):
        if self.wrong:
            self.daemon.process.kill()
            self.daemon.process.wait()
            return
        image, mask = picture()
        with DaemonClient.connect(self.home, software="chaos") as client:
            if bytes(client.complete(**as_request(image, mask)).pixels) != negative(image)[2:6, 3:8].tobytes():
                self.wrong.append("wrong pixels at the end")
        self._end_daemon()
        left = os.listdir(run_folder(self.home))
        if left != ["daemon.lock"]:
            self.wrong.append(f"left behind: {left}")
        time.sleep(1)
        alive = [pid for pid in self._seen if psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie"]
        if alive:
            self.wrong.append(f"processes left behind: {alive}")


def _drain(stream):
    with stream:
        stream.read()


def run(seconds, seed):
    """Returns what was counted, and what was wrong."""
    with tempfile.TemporaryDirectory(prefix="glcic") as home:
        return Chaos(Path(home), seed).run(seconds)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    counts, wrong = run(given.seconds, given.seed)
    sys.stdout.write(f"seed {given.seed}, {given.seconds:.0f} s: {dict(sorted(counts.items()))}; wrong: {wrong}\n")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
