"""An impostor holds up no client beyond its deadline, whatever it says, and nothing of it is shown raw."""

import contextlib
import json
import os
import socket
import threading
import time

import pytest

from glcic_backend.wire import connection
from glcic_backend.wire.client import DaemonClient
from glcic_backend.wire.connection import ConnectionInfo
from glcic_backend.wire.errors import DaemonLostError, ImpostorError, WireError
from glcic_backend.wire.frames import command, frame_header, greeting, metadata

SECONDS = 1.0


@pytest.fixture
def impostor(tmp_path):
    """Starts one that shakes hands as a daemon does and then behaves as it is told. Gives the home folder."""
    listener = socket.create_server(("127.0.0.1", 0))

    def start(behave):
        connection.prepare_run_folder(tmp_path)
        endpoint = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        info = ConnectionInfo(endpoint, "5a" * 32, os.getpid(), 1.0, connection_protocol(), "x")
        connection.write_connection(info, tmp_path)

        def serve():
            accepted, _ = listener.accept()
            with contextlib.suppress(OSError), accepted:
                accepted.recv(64)
                accepted.sendall(greeting(as_server=True))
                accepted.recv(500)
                accepted.sendall(command(b"WELCOME"))
                accepted.recv(500)
                accepted.sendall(command(b"READY", metadata(b"Socket-Type", b"ROUTER")))
                accepted.recv(1000)
                behave(accepted)

        threading.Thread(target=serve, daemon=True).start()
        return tmp_path

    yield start
    listener.close()


def connection_protocol():
    from glcic_backend.wire.codec import PROTOCOL_VERSION

    return PROTOCOL_VERSION


def message(**fields):
    header = json.dumps({"protocol": connection_protocol(), "id": 1, **fields}).encode()
    return frame_header(len(header), 0) + header


def for_ever(data, pause=0.0):
    def behave(accepted):
        while True:
            accepted.sendall(data)
            time.sleep(pause)

    return behave


def once(data):
    def behave(accepted):
        accepted.sendall(data)
        time.sleep(3 * SECONDS)

    return behave


PROGRESS = {"type": "progress", "stage": "x", "fraction": 0.5}


@pytest.mark.parametrize(
    "behave",
    [
        for_ever(command(b"PING", b"\0\0") * 2000),
        for_ever(command(b"X") * 20_000),
        for_ever(message(**{**PROGRESS, "id": 999}), pause=0.2),
        for_ever(message(**PROGRESS) * 500),
        for_ever(b"\x00", pause=0.1),
        once(b""),
    ],
    ids=["pings", "commands", "progress of nobody", "endless progress", "a message drop by drop", "silence"],
)
def test_connecting_ends_at_its_deadline(impostor, behave):
    home = impostor(behave)
    begun = time.monotonic()

    with pytest.raises((DaemonLostError, ImpostorError)):
        DaemonClient.connect(home, software="test", timeout=SECONDS)

    assert time.monotonic() - begun < 2 * SECONDS


@pytest.mark.parametrize(
    "data",
    [
        message(type="progress", stage="x", fraction=10**400),
        message(type="progress", stage="x", fraction=-1),
        message(type="hello_reply", status="ok", max_bytes=10**400, proof="00" * 32, software="x"),
        message(type="hello_reply", status="ok", max_bytes=100, proof="00" * 32, software="x"),
        b"\x02" + (60_000).to_bytes(8, "big") + b"[" * 60_000,
        b"\x02" + (1 << 63).to_bytes(8, "big"),
        b"\x01\x00" * 20,
    ],
    ids=["huge fraction", "negative fraction", "huge number", "wrong proof", "deep", "huge frame", "endless frames"],
)
def test_whatever_it_says_is_an_impostor_and_no_defect(impostor, data):
    home = impostor(once(data))

    with pytest.raises(ImpostorError):
        DaemonClient.connect(home, software="test", timeout=SECONDS)


def test_nothing_that_moves_the_cursor_of_a_terminal_is_shown(impostor):
    text = "\x1b]0;pwned\x07\x1b[2J\u202eevil\ud800\x9b2J"
    home = impostor(once(message(type="error", status="error", code="x", message=text)))

    with pytest.raises(WireError) as caught:
        DaemonClient.connect(home, software="test", timeout=SECONDS)

    assert "pwned" in str(caught.value) and "evil" in str(caught.value)
    assert str(caught.value).isprintable()
