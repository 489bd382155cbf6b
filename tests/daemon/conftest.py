"""Daemons for tests: in a thread with a fake engine, or as a process."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from glcic_backend.daemon.lifecycle import choose_endpoint
from glcic_backend.daemon.model_room import ModelRoom
from glcic_backend.daemon.server import Server
from glcic_backend.wire import connection, credentials
from glcic_backend.wire.client import DaemonClient
from glcic_backend.wire.codec import DEFAULT_MAX_BYTES, PROTOCOL_VERSION
from glcic_backend.wire.connection import ConnectionInfo
from glcic_backend.wire.messages import Complete
from glcic_backend.wire.zmtp import ZmtpConnection

from .fake_engine import FakeEngine, FakeLibrary

SOFTWARE = "test 1.0"


@pytest.fixture
def home():
    """A home folder with a path short enough for a Unix socket."""
    folder = Path(tempfile.mkdtemp(prefix="glcic"))
    yield folder
    shutil.rmtree(folder)


class Reachable:
    """A daemon that tests connect to."""

    def __init__(self, home):
        self.home = home
        self._raw = contextlib.ExitStack()

    def client(self, **options):
        return DaemonClient.connect(self.home, software=SOFTWARE, **options)

    def raw_connection(self):
        """A connection that may send what a client never would."""
        info = connection.read_connection(self.home)
        password = credentials.derive_password(info.secret)
        opened = ZmtpConnection.open(info.endpoint, credentials.USERNAME, password, timeout=5)
        return self._raw.enter_context(contextlib.closing(opened))

    def hang_up(self):
        """Closes the raw connections, also those of a test that has failed."""
        self._raw.close()


class Daemon(Reachable):
    """The daemon's server in a thread of this process."""

    def __init__(self, home, tcp=False, capacity=8, max_bytes=DEFAULT_MAX_BYTES, engine=None, others=(), **options):
        super().__init__(home)
        self.engine = engine or FakeEngine()
        self.library = FakeLibrary(self.engine, *others)
        secret = credentials.new_secret()
        wanted = choose_endpoint(connection.prepare_run_folder(home), tcp)
        self.server = Server(ModelRoom(self.library), secret, "glcic-backend 0.0", capacity, max_bytes, **options)
        endpoint = self.server.bind(wanted)
        self.info = ConnectionInfo(endpoint, secret, os.getpid(), time.time(), PROTOCOL_VERSION, "glcic-backend 0.0")
        connection.write_connection(self.info, home)
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        self.server.run()
        self.server.close()

    def stop(self):
        for gate in (self.library.gate, *(engine.gate for engine in self.library.engines.values())):
            gate.set()
        if self.thread.is_alive():
            self.server.request_stop()
        self.thread.join()
        self.hang_up()


@pytest.fixture
def start_daemon(home):
    """Starts a daemon with the given options in a thread."""
    daemons = []

    def start(**options):
        daemons.append(Daemon(home, **options))
        return daemons[-1]

    yield start
    for daemon in daemons:
        daemon.stop()


@pytest.fixture
def daemon(start_daemon):
    return start_daemon()


@pytest.fixture
def client(daemon):
    with daemon.client() as connected:
        yield connected


def picture(width=12, height=10, channels=3, dtype=np.uint8, seed=0):
    """A random image [height, width, channels] and a mask with one rectangular hole (3, 2, 5, 4)."""
    random = np.random.default_rng(seed)
    image = random.random((height, width, channels), np.float32)
    if dtype != np.float32:
        image = (image * np.iinfo(dtype).max).astype(dtype)
    mask = np.zeros((height, width), np.uint8)
    mask[2:6, 3:8] = 255
    return image, mask


def as_request(image, mask):
    """The arguments of `DaemonClient.complete` for an image and a mask."""
    height, width, channels = image.shape
    dtype = {"uint8": "u8", "uint16": "u16", "float32": "f32"}[image.dtype.name]
    return {"pixels": image, "mask": mask, "width": width, "height": height, "channels": channels, "dtype": dtype}


def complete_message(image, mask, request=1):
    """The request that `DaemonClient.complete` makes of an image and a mask."""
    options = {"curve": "perceptual", "blend": True, "quality": "best", "context": "automatic", "seed": 0, "model": ""}
    options |= {"sample_from": "automatic", "distance": 0, "lines": [], "sources": b""}
    return Complete(id=request, **as_request(image, mask), **options)


def wait_until(condition, seconds=10.0):
    """Waits until a condition holds; fails if it does not within `seconds`. Returns the seconds that it took."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < seconds, "the condition did not come true in time"
        time.sleep(0.005)
    return time.monotonic() - begun


class DaemonProcess(Reachable):
    """A daemon in a process of its own, with a fake engine."""

    command = (sys.executable, str(Path(__file__).with_name("daemon_process.py")))

    def __init__(self, home, *arguments, **environment):
        super().__init__(home)
        self.process = subprocess.Popen(
            [*self.command, *arguments],
            env={**os.environ, "GLCIC_HOME": str(home), **environment},
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_until_ready(self):
        line = self.process.stderr.readline()
        assert "ready" in line, line + self.process.stderr.read()
        return self

    def end(self):
        """Waits for the end of the process. Returns its exit code and the rest of what it said."""
        try:
            said = self.process.communicate(timeout=20)[1]
        finally:
            self.process.kill()
        return self.process.returncode, said


class RealDaemonProcess(DaemonProcess):
    """The command `glcic-backend serve` with the model that ships, on the CPU."""

    command = (sys.executable, "-c", "from glcic_backend.cli import main; main()", "serve", "--device", "cpu")


@pytest.fixture
def start_process(home):
    """Starts a daemon process; see daemon_process.py for its arguments. Keywords are environment variables."""
    started = []

    def start(*arguments, **environment):
        started.append(DaemonProcess(home, *arguments, **environment))
        return started[-1]

    yield start
    for process in started:
        process.process.kill()
        process.process.communicate()
        process.hang_up()
