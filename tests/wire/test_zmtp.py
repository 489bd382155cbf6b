"""The ZMTP client against the real libzmq, and against servers that do not behave."""

import contextlib
import os
import socket
import threading
import time

import pytest
import zmq

from glcic_backend.wire.errors import DaemonLostError, HandshakeError, MessageError
from glcic_backend.wire.zmtp import ZmtpConnection

from .proxy import Proxy

USER, PASSWORD = "glcic", "correct horse"
MEBIBYTE = 1 << 20


class Echo:
    """A libzmq ROUTER with PLAIN that sends every message back."""

    def __init__(self, endpoint="tcp://127.0.0.1:*", heartbeat=0):
        self._context = zmq.Context()
        zap = self._context.socket(zmq.REP)
        zap.bind("inproc://zeromq.zap.01")
        router = self._context.socket(zmq.ROUTER)
        router.plain_server = True
        router.zap_domain = b"test"
        router.linger = 0
        if heartbeat:
            router.heartbeat_ivl, router.heartbeat_timeout = heartbeat, heartbeat
        router.bind(endpoint)
        self.endpoint = router.last_endpoint.rstrip(b"\0").decode()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(zap, router))
        self._thread.start()

    def _run(self, zap, router):
        while not self._stop.is_set():
            if zap.poll(1):
                version, request, *_, user, password = zap.recv_multipart()
                allowed = (user, password) == (USER.encode(), PASSWORD.encode())
                zap.send_multipart([version, request, b"200" if allowed else b"400", b"", b"", b""])
            while router.poll(1):
                router.send_multipart(router.recv_multipart(copy=False), copy=False)
        zap.close(0)
        router.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        self._context.term()


@pytest.fixture(scope="module")
def echo():
    with Echo() as server:
        yield server


def open_to(endpoint, **options):
    return ZmtpConnection.open(endpoint, USER, options.pop("password", PASSWORD), timeout=5, **options)


def exchange(connection, frames, timeout=10):
    connection.send(frames, timeout)
    return connection.receive(timeout)


@pytest.fixture
def misbehave():
    """Starts a server that takes one connection, sends bytes, some of them later, and then waits or closes."""
    listeners = []

    def start(data, later=b"", close=False):
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def serve():
            connection, _ = listener.accept()
            listeners.append(connection)
            with contextlib.suppress(OSError):  # the test is over
                connection.sendall(data)
                time.sleep(0.3 if later else 0)
                connection.sendall(later)
                if close:
                    connection.shutdown(socket.SHUT_WR)  # what the client still sends must not break

        threading.Thread(target=serve, daemon=True).start()
        return f"tcp://127.0.0.1:{listener.getsockname()[1]}"

    yield start
    for listener in listeners:
        listener.close()


GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"PLAIN".ljust(20, b"\0") + b"\x01" + bytes(31)
WELCOMED = GREETING + b"\x04\x08\x07WELCOME" + b"\x04\x06\x05READY"


@pytest.mark.parametrize(
    "frames",
    [[b""], [b"x"], [bytes(255)], [bytes(256)], [b"head", b"", os.urandom(70_000), b"tail"], [b"f"] * 8],
    ids=lambda frames: "+".join(str(len(frame)) for frame in frames),
)
def test_libzmq_gives_back_what_it_was_sent(echo, frames):
    connection = open_to(echo.endpoint)

    received = exchange(connection, frames)

    assert received == frames
    connection.close()


def test_a_message_passes_over_a_unix_socket(tmp_path):
    with Echo(f"ipc://{os.path.relpath(tmp_path)}/s") as echo:
        connection = open_to(echo.endpoint)

        assert exchange(connection, [b"hello"]) == [b"hello"]
        connection.close()


def test_a_frame_of_200_mebibytes_passes_both_ways(echo):
    frame = os.urandom(MEBIBYTE) * 200
    connection = open_to(echo.endpoint)

    received = exchange(connection, [b"head", frame], timeout=60)

    assert received == [b"head", frame]
    connection.close()


@pytest.mark.parametrize("chunk, size", [(1, 3000), (7, 20_000)])
def test_fragments_are_put_together_on_both_sides(echo, chunk, size):
    frames = [b"head", os.urandom(size)]
    with Proxy(echo.endpoint, chunk) as proxy:
        connection = open_to(proxy.endpoint)

        assert exchange(connection, frames) == frames
        connection.close()


def test_a_message_that_is_not_complete_in_time_is_completed_by_the_next_call(misbehave):
    connection = open_to(misbehave(WELCOMED + b"\x01\x02ab" + b"\x00\x04cd", later=b"ef"))

    assert connection.receive(0.0) is None
    assert connection.receive(5) == [b"ab", b"cdef"]
    connection.close()


def test_messages_that_arrive_together_are_told_apart(misbehave):
    connection = open_to(misbehave(WELCOMED + b"\x00\x01a\x01\x01b\x00\x01c"))

    assert [connection.receive(2), connection.receive(2)] == [[b"a"], [b"b", b"c"]]
    connection.close()


def test_a_server_that_sends_heartbeats_stays_connected():
    with Echo(heartbeat=100) as echo:
        connection = open_to(echo.endpoint)

        assert connection.receive(0.6) is None
        assert exchange(connection, [b"still here"]) == [b"still here"]
        connection.close()


def test_a_wrong_password_is_refused(echo):
    with pytest.raises(HandshakeError, match="refuses the password"):
        open_to(echo.endpoint, password="wrong")


def test_a_socket_without_passwords_is_refused_before_the_password_is_sent(misbehave):
    with Proxy(misbehave(GREETING.replace(b"PLAIN", b"NULL\0"))) as proxy:
        with pytest.raises(HandshakeError, match="does not ask for a password"):
            open_to(proxy.endpoint)

        assert PASSWORD.encode() not in proxy.from_client


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 400 Bad Request\r\n".ljust(64),
        GREETING.replace(b"\x7f\x03", b"\x7f\x01"),
        GREETING + b"\x04\x06\x05READY",
        GREETING + b"\x00\x08\x07WELCOME",
    ],
    ids=["http", "zmtp 1", "no welcome", "a message for a command"],
)
def test_a_server_that_breaks_the_handshake_is_refused(misbehave, data):
    with pytest.raises(HandshakeError):
        open_to(misbehave(data))


def test_a_silent_server_is_given_up_after_the_timeout(misbehave):
    begun = time.monotonic()

    with pytest.raises(DaemonLostError, match="not answered in time"):
        ZmtpConnection.open(misbehave(b""), USER, PASSWORD, timeout=0.3)

    assert 0.3 <= time.monotonic() - begun < 3


def test_a_server_that_takes_no_data_is_given_up_after_the_timeout(misbehave):
    connection = open_to(misbehave(WELCOMED))

    with pytest.raises(DaemonLostError, match="taken no data"):
        connection.send([bytes(64 * MEBIBYTE)], timeout=0.3)
    connection.close()


def test_a_connection_that_ends_in_mid_message_is_lost(misbehave):
    connection = open_to(misbehave(WELCOMED + b"\x00\x10half", close=True))

    with pytest.raises(DaemonLostError):
        connection.receive(2)
    connection.close()


@pytest.mark.parametrize(
    "data",
    [b"\x02" + (1 << 40).to_bytes(8, "big"), b"\x01\xff" + bytes(255) + b"\x00\xff", b"\x01\x01a" * 9],
    ids=["a frame of a tebibyte", "two frames", "nine frames"],
)
def test_a_message_over_the_limit_is_refused_before_room_is_made_for_it(misbehave, data):
    connection = open_to(misbehave(WELCOMED + data), max_bytes=500)

    with pytest.raises(MessageError) as caught:
        connection.receive(2)

    assert caught.value.code == "too_large"
    connection.close()


@pytest.mark.parametrize("endpoint", ["tcp://192.0.2.1:5555", "tcp://localhost:5555", "udp://x", "tcp://127.0.0.1:x"])
def test_the_password_goes_to_this_machine_only(endpoint):
    with pytest.raises(HandshakeError, match="neither"):
        open_to(endpoint)


def test_an_endpoint_where_nobody_listens_is_refused_by_the_system():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    with pytest.raises(ConnectionRefusedError):
        open_to(f"tcp://127.0.0.1:{port}")
