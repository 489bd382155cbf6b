"""Strangers, and programs that know the password but break the protocol."""

import contextlib
import json
import os
import random
import socket
from pathlib import Path

import numpy as np
import pytest

from glcic_backend.wire import credentials
from glcic_backend.wire.codec import PROTOCOL_VERSION, decode, encode
from glcic_backend.wire.errors import DaemonLostError, HandshakeError
from glcic_backend.wire.messages import REPLIES, Status
from glcic_backend.wire.zmtp import ZmtpConnection

from .conftest import as_request, complete_message, picture

MEBIBYTE = 1 << 20


def answer(connection, frames, timeout=5):
    """The daemon's answer to some frames."""
    connection.send(frames, timeout)
    return decode(connection.receive(timeout), REPLIES)


def header(**fields):
    return json.dumps({"protocol": PROTOCOL_VERSION, "id": 7, **fields}).encode()


@pytest.fixture
def raw(daemon):
    connection = daemon.raw_connection()
    yield connection
    connection.close()


def random_greetings(count):
    """Random bytes; half of them begin like the greetings of ZMTP 1, 2 and 3, to get further in."""
    generator = random.Random(1)
    beginnings = [
        b"",
        b"\x01\x00",
        b"\xff" + bytes(8) + b"\x7f\x00",
        b"\xff" + bytes(8) + b"\x7f\x01\x05\x00\x00",
        b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32),
        b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"PLAIN".ljust(20, b"\0") + bytes(32),
    ]
    return [beginnings[i % len(beginnings)] + generator.randbytes(generator.randrange(1, 300)) for i in range(count)]


def test_ten_thousand_random_payloads_of_strangers_never_reach_the_daemon(start_daemon, monkeypatch):
    daemon = start_daemon(tcp=True)
    port = int(daemon.info.endpoint.rpartition(":")[2])
    delivered = []
    deliver = daemon.server._mailbox._deliver
    spy = lambda client, letter: delivered.append(letter) or deliver(client, letter)  # noqa: E731
    monkeypatch.setattr(daemon.server._mailbox, "_deliver", spy)

    for data in random_greetings(10_000):
        with socket.create_connection(("127.0.0.1", port)) as stranger:
            stranger.sendall(data)
            # The daemon's greeting, or that it has hung up. Who is faster than it is turned away, and waits a second.
            with contextlib.suppress(ConnectionResetError):
                stranger.recv(1)

    assert delivered == []
    with daemon.client() as client:
        assert client.complete(**as_request(*picture()))
    assert len(delivered) == 2  # hello and complete: the spy does see messages


@pytest.mark.parametrize(
    "username, password",
    [("glcic", ""), ("glcic", "00" * 32), ("", "right"), ("admin", "right"), ("glcic", "secret")],
)
def test_only_the_right_name_with_the_right_password_is_let_in(daemon, username, password):
    secret = daemon.info.secret
    password = {"right": credentials.derive_password(secret), "secret": secret}.get(password, password)

    with pytest.raises(HandshakeError):
        ZmtpConnection.open(daemon.info.endpoint, username, password, timeout=5)


def test_the_daemon_listens_on_this_machine_only(start_daemon):
    endpoint = start_daemon(tcp=True).info.endpoint

    assert endpoint.startswith("tcp://127.0.0.1:")


@pytest.mark.parametrize(
    "frames, code, request_id",
    [
        ([b""], "malformed", 0),
        ([b"not json"], "malformed", 0),
        ([b"\x80\x04\x95pickle"], "malformed", 0),
        ([header(type="status", surplus=1)], "malformed", 7),
        ([header(type="status"), b"surplus frame"], "malformed", 7),
        ([header(type="dream")], "unknown_type", 7),
        ([header(type="status_reply")], "unknown_type", 7),
        ([header(type="status", protocol=PROTOCOL_VERSION + 1)], "protocol_mismatch", 7),
        ([header(type="complete")], "malformed", 7),
        ([b"x"] * 9, "too_large", 0),
        ([b"x"] * 1000, "too_large", 0),
    ],
)
def test_a_message_that_breaks_the_protocol_gets_an_error_with_its_code(raw, frames, code, request_id):
    reply = answer(raw, frames)

    assert (reply.TYPE, reply.code, reply.id) == ("error", code, request_id)
    assert answer(raw, encode(Status(8))).TYPE == "status_reply"


@pytest.mark.parametrize("pixels, mask", [(359, 120), (361, 120), (360, 119), (0, 0), (120, 360)])
def test_pixels_of_another_length_than_the_header_says_are_refused(raw, daemon, pixels, mask):
    image, coverage = picture()
    frames = encode(complete_message(image, coverage))

    reply = answer(raw, [frames[0], bytes(pixels), bytes(mask)])

    assert (reply.code, reply.id) == ("malformed", 1)
    assert daemon.engine.calls == []


def test_sizes_that_would_need_a_tebibyte_are_refused_by_their_header_alone(raw):
    fields = json.loads(encode(complete_message(*picture(channels=4, dtype=np.float32)))[0])
    fields |= {"width": 1 << 19, "height": 1 << 19}

    reply = answer(raw, [json.dumps(fields).encode(), b"pixels", b"mask", b""])

    assert "4398046511104 bytes" in reply.message


def test_a_second_job_under_the_same_number_is_refused_and_the_first_one_goes_on(raw, daemon):
    daemon.engine.hold()
    request = encode(complete_message(*picture()))
    raw.send(request, 5)
    raw.send(request, 5)

    def next_reply():
        while (reply := decode(raw.receive(5), REPLIES)).TYPE == "progress":
            pass
        return reply

    assert next_reply().code == "malformed"
    daemon.engine.gate.set()
    assert next_reply().TYPE == "complete_reply"


def test_a_message_of_more_bytes_than_the_limit_in_frames_below_it_is_refused(start_daemon):
    connection = start_daemon(max_bytes=MEBIBYTE).raw_connection()

    reply = answer(connection, [header(type="status"), bytes(600_000), bytes(600_000)])

    assert reply.code == "too_large"
    connection.close()


@pytest.mark.parametrize("size", [MEBIBYTE + 1, 1 << 40])
def test_a_frame_over_the_limit_ends_its_connection_and_no_other(start_daemon, size):
    daemon = start_daemon(max_bytes=MEBIBYTE)
    connection = daemon.raw_connection()

    connection._send_all(b"\x02" + size.to_bytes(8, "big") + bytes(100), 5)

    with pytest.raises(DaemonLostError):
        connection.receive(5)
    connection.close()
    with daemon.client() as client:
        assert client.status().state == "idle"


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads the process's memory from /proc")
def test_ten_thousand_malformed_messages_are_all_answered_and_leave_no_memory_behind(start_process):
    process = start_process().wait_until_ready()
    connection = process.raw_connection()
    generator = random.Random(2)

    def resident_bytes():
        pages = Path(f"/proc/{process.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    before = resident_bytes()
    codes = set()
    for _ in range(10_000):
        frames = [generator.randbytes(generator.randrange(2000)) for _ in range(generator.randrange(1, 12))]
        if generator.random() < 0.5:
            frames[0] = header(type=generator.choice(["complete", "hello", "cancel", "stop", "x"]), x=len(frames))
        codes.add(answer(connection, frames).code)
    connection.close()

    assert codes == {"malformed", "unknown_type", "too_large"}
    assert resident_bytes() - before < 50 * MEBIBYTE
    with process.client() as client:
        assert client.complete(**as_request(*picture()))
