"""Completions through the real socket."""

import time

import numpy as np
import pytest

from glcic_backend.errors import InvalidInputError, OutOfMemoryError
from glcic_backend.wire import credentials
from glcic_backend.wire.codec import decode, encode
from glcic_backend.wire.errors import BusyError, CancelledError, RequestError
from glcic_backend.wire.geometry import Rectangle
from glcic_backend.wire.messages import REPLIES
from glcic_backend.wire.zmtp import ZmtpConnection

from ..wire.proxy import Proxy
from .conftest import as_request, complete_message, picture, wait_until
from .fake_engine import FakeEngine, negative


@pytest.mark.parametrize("tcp", [False, True], ids=["unix socket", "tcp"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_only_the_bounding_rectangle_of_the_mask_comes_back_completed(start_daemon, tcp, dtype, channels):
    image, mask = picture(channels=channels, dtype=dtype)
    mask[3, 4] = 0  # known, but inside the rectangle
    with start_daemon(tcp=tcp).client() as client:
        reply = client.complete(**as_request(image, mask))

    expected = np.where(mask[..., None] > 0, negative(image), image)[2:6, 3:8]
    assert reply.rectangle == Rectangle(3, 2, 5, 4)
    assert bytes(reply.pixels) == expected.tobytes()


def test_the_engine_gets_the_options_of_the_request(client, daemon):
    image, mask = picture()

    near = np.full_like(mask, 9)
    where = {"sample_from": "sides", "distance": 70, "lines": [[0.5, 1.0, 7.0, 2.25]]}
    how = {"blend": False, "quality": "fast", "context": "all", "seed": 4294967295}
    client.complete(**as_request(image, mask), curve="linear", sources=near.tobytes(), **where, **how)
    client.complete(**as_request(image, mask))

    first, second = daemon.engine.calls
    assert np.array_equal(first.pop("image"), image) and np.array_equal(first.pop("mask"), mask)
    assert np.array_equal(first.pop("sources"), near)
    assert first == {"linear": True, **where, **how}
    del second["image"], second["mask"]
    anywhere = {"sources": None, "sample_from": "automatic", "distance": 0, "lines": []}
    assert second == {"linear": False, "blend": True, "quality": "best", "context": "automatic", "seed": 0, **anywhere}


def test_the_reply_says_what_ran_and_how_long_each_stage_took(client):
    reply = client.complete(**as_request(*picture()))

    assert (reply.model, reply.device) == ("negative", "cpu")
    assert list(reply.milliseconds) == ["queued", "start", "plan", "network", "blend"]


def test_the_reply_names_the_devices_that_a_lack_of_memory_led_to(client, daemon):
    daemon.engine.used = "cuda and cpu"

    assert client.complete(**as_request(*picture())).device == "cuda and cpu"


def test_a_lack_of_memory_everywhere_is_told_as_the_engine_says_it_and_the_daemon_goes_on(client, daemon):
    daemon.engine.failure = OutOfMemoryError("The memory of cpu does not suffice.")
    with pytest.raises(RequestError, match=r"^The memory of cpu does not suffice\.$") as caught:
        client.complete(**as_request(*picture()))
    daemon.engine.failure = None

    assert caught.value.code == "engine_failed"
    assert client.complete(**as_request(*picture()))


def test_a_dead_engine_shows_in_the_status(client, daemon):
    daemon.library.is_dead = True

    assert client.status().state == "dead"


def test_the_client_hears_of_each_stage_while_it_waits(client, daemon):
    daemon.engine.hold()
    heard = []

    def listen(stage, fraction):
        heard.append((stage, fraction))
        if stage == "network":
            daemon.engine.gate.set()

    client.complete(**as_request(*picture()), progress=listen)

    assert ("network", 0.5) in heard


def test_a_completion_passes_in_fragments_of_one_byte(daemon):
    image, mask = picture()
    password = credentials.derive_password(daemon.info.secret)
    request = complete_message(image, mask)
    with Proxy(daemon.info.endpoint, chunk=1) as proxy:
        connection = ZmtpConnection.open(proxy.endpoint, credentials.USERNAME, password, timeout=20)
        connection.send(encode(request), timeout=20)
        reply = next(message for message in messages_from(connection) if message.TYPE != "progress")
        connection.close()

    assert bytes(reply.pixels) == negative(image)[2:6, 3:8].tobytes()


def messages_from(connection):
    """What the daemon says, message by message."""
    while True:
        yield decode(connection.receive(20), REPLIES)


def test_an_image_of_200_mebibytes_is_completed(daemon):
    width, height = 10_240, 5_120
    image = np.zeros((height, width, 4), np.uint8)
    mask = np.zeros((height, width), np.uint8)
    mask[-1, -1] = 255
    daemon.engine.complete = lambda image, mask, **_: image  # this test is about the way there
    with daemon.client() as client:
        reply = client.complete(**as_request(image, mask))

    assert reply.rectangle == Rectangle(width - 1, height - 1, 1, 1)


def test_jobs_run_one_at_a_time_in_the_order_of_their_requests(client, daemon):
    images = [picture(seed=seed) for seed in range(4)]
    jobs = [client.submit(**as_request(image, mask)) for image, mask in images]

    replies = [client.wait(job) for job in reversed(jobs)]

    assert [bytes(reply.pixels) for reply in reversed(replies)] == [
        negative(image)[2:6, 3:8].tobytes() for image, _ in images
    ]
    assert [call["image"].tobytes() for call in daemon.engine.calls] == [image.tobytes() for image, _ in images]


def test_the_ninth_request_is_told_at_once_that_the_daemon_is_busy(client, daemon):
    daemon.engine.hold()
    accepted = [client.submit(**as_request(*picture())) for _ in range(8)]

    begun = time.monotonic()
    with pytest.raises(BusyError, match="8 completions run or wait"):
        client.complete(**as_request(*picture()))
    assert time.monotonic() - begun < 0.1

    daemon.engine.gate.set()
    assert all(client.wait(job) for job in accepted)
    assert client.status().refused == 1


def test_the_queue_is_bounded_in_bytes_as_well(start_daemon):
    daemon = start_daemon(max_bytes=170_000)
    daemon.engine.hold()
    large = picture(150, 150)
    with daemon.client() as client:
        first = client.submit(**as_request(*large))
        with pytest.raises(BusyError, match="180000 bytes"):
            client.complete(**as_request(*large))

        daemon.engine.gate.set()
        assert client.wait(first)


def test_an_image_over_the_limit_is_refused_with_both_numbers_before_it_is_sent(start_daemon):
    with start_daemon(max_bytes=100_000).client() as client:
        with pytest.raises(RequestError, match=r"160000 bytes.*100000") as caught:
            client.complete(**as_request(*picture(200, 200)))

        assert caught.value.code == "too_large"
        assert client.status().completed == 0


def test_a_running_completion_is_cancelled_within_a_second_and_the_next_one_is_right(client, daemon):
    daemon.engine.hold()
    image, mask = picture()

    with pytest.raises(CancelledError):
        client.complete(**as_request(image, mask), cancelled=daemon.engine.started.is_set)
    assert wait_until(lambda: client.status().state == "idle") < 1

    daemon.engine.gate.set()
    assert bytes(client.complete(**as_request(image, mask)).pixels) == negative(image)[2:6, 3:8].tobytes()
    assert client.status().cancelled == 1


def test_a_queued_completion_is_cancelled_without_disturbing_the_running_one(client, daemon):
    daemon.engine.hold()
    running, queued = (client.submit(**as_request(*picture())) for _ in range(2))

    assert client.cancel(queued)
    with pytest.raises(CancelledError):
        client.wait(queued)

    daemon.engine.gate.set()
    assert client.wait(running)
    assert len(daemon.engine.calls) == 1


def test_cancelling_what_has_ended_or_is_somebody_elses_finds_nothing(client, daemon):
    daemon.engine.hold()
    with daemon.client() as other:
        theirs = other.submit(**as_request(*picture()))
        other.status()

        assert not client.cancel(theirs)
        daemon.engine.gate.set()
        assert other.wait(theirs)
        assert not other.cancel(theirs)


def test_what_the_user_did_wrong_comes_back_as_the_engine_said_it(client):
    image, mask = picture()

    with pytest.raises(RequestError, match="0 pixels are above 0") as caught:
        client.complete(**as_request(image, np.zeros_like(mask)))

    assert caught.value.code == "invalid_input"


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (RuntimeError("a defect"), "RuntimeError: a defect"),
        (MemoryError(), "memory does not suffice"),
        (InvalidInputError("x" * 5000), "x{1900}"),
    ],
)
def test_the_daemon_outlives_a_failing_engine(start_daemon, failure, told):
    engine = FakeEngine(failure)
    with start_daemon(engine=engine).client() as client:
        with pytest.raises(RequestError, match=told):
            client.complete(**as_request(*picture()))

        engine.failure = None
        assert client.complete(**as_request(*picture()))
        assert client.status().failed == 1
