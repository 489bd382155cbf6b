"""Mixed requests to one daemon: whole ones, cancelled ones, malformed ones, and some of clients that are killed."""

import contextlib
import hashlib
import os
import random
import signal
import time
from collections import Counter
from functools import cache

import numpy as np
import psutil

from glcic_backend import Inpainter
from glcic_backend.daemon.engine_server import REST_SECONDS
from glcic_backend.wire.client import DaemonClient
from glcic_backend.wire.codec import decode, encode
from glcic_backend.wire.credentials import USERNAME, derive_password
from glcic_backend.wire.messages import CONTEXTS, QUALITIES, REPLIES
from glcic_backend.wire.zmtp import ZmtpConnection

from .conftest import DaemonProcess, RealDaemonProcess, as_request, complete_message, picture
from .fake_engine import negative

_THREADS = 2
DTYPES = [np.uint8, np.uint16, np.float32]


def soak(home, times):
    """With the fake engine: the daemon alone. See `_soak`."""

    def draw(chance, turn):
        width, height = _size(chance)
        image, mask = picture(width, height, chance.randint(1, 4), chance.choice(DTYPES), seed=turn)
        return image, mask, {}, lambda: negative(image)[2:6, 3:8].tobytes()

    return _soak(DaemonProcess(home), draw, times)


def real_soak(home, times, cases=100, rests=10):
    """With the model that ships: each answer is compared with that of an engine in this process. See `_soak`.

    Args:
        cases: so many different requests there are; what is right for each is computed here once, when it comes first.
    """
    # The last bits depend on the number of threads, which an earlier test in this process may have changed.
    engine = Inpainter.load("shipped", device="cpu", threads=_THREADS)

    @cache
    def expected(case):
        image, mask, options = _real_case(case)
        curve = options.pop("curve")
        completed = engine.complete(image, mask, linear=curve == "linear", **options)
        rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
        return _digest(completed[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].tobytes())

    def draw(chance, _turn):
        case = chance.randrange(cases)
        return *_real_case(case), lambda: expected(case)

    # A cancel or a kill then comes at any stage.
    return _soak(RealDaemonProcess(home, "--threads", str(_THREADS)), draw, times, rests, digest=_digest, patience=0.4)


def _digest(pixels):
    return hashlib.sha256(pixels).hexdigest()


def _real_case(case):
    """A picture of any size and kind, with a small hole or two, and the options of its completion."""
    chance = random.Random(case)
    width, height = _size(chance)
    channels, dtype = chance.randint(1, 4), chance.choice(DTYPES)
    blocks = np.random.default_rng(case).random((height // 8 + 1, width // 8 + 1, channels))
    image = np.repeat(np.repeat(blocks, 8, axis=0), 8, axis=1)[:height, :width].astype(np.float32)
    if dtype != np.float32:
        image = (image * np.iinfo(dtype).max).astype(dtype)
    if channels in (2, 4):
        image[: height // 16, :, -1] = 0  # transparent pixels, which are no context
    mask = np.zeros((height, width), np.uint8)
    for coverage in [255, 128][: chance.randint(1, 2)]:
        side_x, side_y = chance.randint(6, 24), chance.randint(6, 24)
        x, y = chance.randrange(width - side_x), chance.randrange(height - side_y)
        mask[y : y + side_y, x : x + side_x] = coverage
    options = {
        "quality": chance.choice(QUALITIES),
        "context": chance.choice(CONTEXTS),
        "seed": chance.randrange(2**32),
        "blend": chance.random() < 0.9,
        "curve": chance.choice(["perceptual", "linear"]),
    }
    return image, mask, options


def _size(chance):
    """Width and height: 64 to 4000, and a third of that but at least 64."""
    side = min(int(2 ** chance.uniform(6, 12)), 4000)
    return side, max(64, side // 3)


def _soak(process, draw, times, rests=10, seed=0, digest=bytes, patience=0.0):
    """Mixed requests to one daemon: a tenth cancelled, a twentieth malformed, a twentieth of clients killed.

    Every well-formed one must be answered right.

    Args:
        process: of the daemon; ended here.
        draw: gives image, mask, options and a function for the right answer, from a `Random` and the turn.
        rests: how often the daemon is left alone, to see what it keeps.
        digest: what of the pixels of an answer is compared.
        patience: seconds that at most pass between a request and its cancel or the kill of its client.

    Returns:
        The counts, and what `_usage_at_rest` gives at each rest, the first one at the start, and at the end.
    """
    chance = random.Random(seed)
    counts, usage = Counter(), []
    try:
        process.wait_until_ready()
        for turn in range(times):
            if turn % (times // rests) == 0:
                usage.append(_usage_at_rest(process))
            image, mask, options, expected = draw(chance, turn)
            request = as_request(image, mask) | options
            what = chance.choices(["whole", "cancelled", "malformed", "killed"], [80, 10, 5, 5])[0]
            pause = chance.uniform(0, patience)
            counts[what] += 1
            with process.client() as client:
                if what == "killed":
                    _killed_client(process.home, request, pause)
                elif what == "malformed":
                    assert _answer_to_half_a_message(client.info, image, mask).code == "malformed"
                elif what == "cancelled":
                    job = client.submit(**request)
                    time.sleep(pause)
                    client.cancel(job)
                else:
                    answer = digest(client.complete(**request).pixels)
                    assert answer == expected(), f"request {turn}: {image.shape} {image.dtype} {options}"
        usage.append(_usage_at_rest(process))
    finally:
        process.process.terminate()
        assert process.end()[0] == 0
    return counts, usage


def _usage_at_rest(process):
    """Memory of the daemon and of its engine in MiB, and descriptors, when the jobs of gone clients are dropped."""
    with process.client() as client:
        while client.status().state != "idle":
            time.sleep(0.05)
    daemon = psutil.Process(process.process.pid)
    engines = daemon.children()  # none where the engine is a fake one
    # Connections that have ended are closed by another thread, and the engine gives back what is free.
    time.sleep(0.3 if not engines else REST_SECONDS + 0.5)
    memory = [daemon.memory_info().rss, sum(engine.memory_info().rss for engine in engines)]
    return *(round(size / 2**20, 1) for size in memory), sum(one.num_fds() for one in [daemon, *engines])


def _answer_to_half_a_message(info, image, mask):
    connection = ZmtpConnection.open(info.endpoint, USERNAME, derive_password(info.secret), timeout=20)
    header, *buffers = encode(complete_message(image, mask))
    connection.send([header[:-1], *buffers], timeout=20)
    try:
        return decode(connection.receive(20), REPLIES)
    finally:
        connection.close()


def _killed_client(home, request, pause):
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            DaemonClient.connect(home, software="killed").submit(**request)
            time.sleep(pause)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
