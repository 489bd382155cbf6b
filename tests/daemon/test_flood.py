"""Floods of connections, half-open handshakes, unread replies, unfinished messages cost the flooder only (R4, R15)."""

import contextlib
import os
import resource
import socket
import sys
import time
from pathlib import Path

import psutil
import pytest

from glcic_backend.daemon import mailbox
from glcic_backend.daemon.limits import MOST_PEERS
from glcic_backend.daemon.mailbox import MOST_UNREAD_BYTES
from glcic_backend.wire import credentials
from glcic_backend.wire.codec import decode, encode
from glcic_backend.wire.connection import connection_file, read_connection
from glcic_backend.wire.errors import BusyError, DaemonLostError, WireError
from glcic_backend.wire.frames import command, frame_header, greeting, short
from glcic_backend.wire.messages import REPLIES, Models, Status

from .conftest import as_request, complete_message, picture, wait_until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="limits of Unix")

MEBIBYTE = 1 << 20
BOTH = pytest.mark.parametrize("tcp", [False, True], ids=["unix socket", "tcp"])


def connect_raw(endpoint):
    """A connection that has said nothing yet."""
    scheme, address = endpoint.split("://")
    if scheme == "tcp":
        host, port = address.split(":")
        return socket.create_connection((host, int(port)))
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(address)
    return connection


def half_open(endpoint, password):
    """A handshake that stops after its second step."""
    connection = connect_raw(endpoint)
    hello = short(credentials.USERNAME.encode()) + short(password.encode())
    connection.sendall(greeting(as_server=False) + command(b"HELLO", hello))
    return connection


@BOTH
@pytest.mark.parametrize("kind", ["silent", "half open"])
def test_a_thousand_connections_at_a_limit_of_1024_files_cost_neither_the_running_job_nor_the_next_client(
    start_process, home, tcp, kind
):
    process = start_process("hold", "files=1024", *["tcp"] * tcp)
    info = read_connection(process.wait_until_ready().home)
    password = credentials.derive_password(info.secret)
    with process.client() as client, contextlib.ExitStack() as flood:
        job = client.submit(**as_request(*picture()))
        client.status()
        for _ in range(1200):
            # The daemon may end what is too many while it is being made.
            with contextlib.suppress(OSError):
                make = connect_raw(info.endpoint) if kind == "silent" else half_open(info.endpoint, password)
                # Its greeting: who is faster than the daemon is turned away by the system, and waits a second.
                flood.enter_context(make).recv(1)

        assert client.status().state == "busy"
        with process.client() as other:
            assert other.status().waiting == 0
        assert client.cancel(job)
        assert psutil.Process(process.process.pid).num_fds() < MOST_PEERS + 50
    process.process.terminate()
    assert process.end() == (0, "")
    assert not connection_file(home).exists()


def test_the_soft_limit_of_open_files_is_raised_as_far_as_connections_need_it(start_process):
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, before[1]))
    try:
        process = start_process()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    process.wait_until_ready()

    soft, _ = resource.prlimit(process.process.pid, resource.RLIMIT_NOFILE)

    assert soft >= MOST_PEERS


def test_a_daemon_that_may_open_too_few_files_says_so_before_it_starts(start_process):
    process = start_process("files=12")
    code, said = process.end()

    assert code == 2
    assert "open 12 files" in said and "ulimit -n" in said


def test_who_has_given_the_password_keeps_the_place_and_strangers_make_room_for_each_other(start_daemon):
    daemon = start_daemon(most_peers=4)
    clients = [daemon.client() for _ in range(3)]
    strangers = [connect_raw(daemon.info.endpoint) for _ in range(20)]

    assert all(client.status() for client in clients)
    with daemon.client() as fourth:  # the last place, from the youngest stranger
        assert fourth.status().state == "idle"
        with pytest.raises(WireError):
            daemon.client(timeout=1.0)
    for connection in (*clients, *strangers):
        connection.close()


def test_a_handshake_that_does_not_end_is_ended(start_daemon, monkeypatch):
    monkeypatch.setattr(mailbox, "HANDSHAKE_SECONDS", 0.3)
    daemon = start_daemon()
    connection = connect_raw(daemon.info.endpoint)
    connection.sendall(greeting(as_server=False)[:10])
    connection.settimeout(5)

    begun = time.monotonic()
    while connection.recv(100):
        pass

    assert time.monotonic() - begun < 3
    connection.close()


def test_a_message_that_stands_still_is_given_up(start_daemon, monkeypatch):
    monkeypatch.setattr(mailbox, "STALL_SECONDS", 0.3)
    daemon = start_daemon()
    connection = daemon.raw_connection()
    connection._send_all(frame_header(1000, 0) + b"{", 5)

    with pytest.raises(DaemonLostError):
        connection.receive(5)
    connection.close()


def test_a_client_that_never_reads_is_dropped_and_its_jobs_with_it(start_process):
    process = start_process().wait_until_ready()
    memory = psutil.Process(process.process.pid).memory_info
    before = memory().rss
    deaf = process.raw_connection()
    image, mask = picture(2000, 1500)
    mask[:] = 255
    mask[0, 0] = 0
    with process.client() as client, pytest.raises(DaemonLostError):
        for number in range(280):
            wait_until(lambda: client.status().waiting < 4)
            deaf.send(encode(complete_message(image, mask, number + 1)), 5)
    deaf.close()

    assert memory().rss - before < MOST_UNREAD_BYTES + 150 * MEBIBYTE
    wait_until(lambda: memory().rss - before < 60 * MEBIBYTE, 5)  # nothing is kept for who has gone
    with process.client() as client:
        assert client.complete(**as_request(*picture()))


def test_small_replies_that_nobody_reads_are_bounded_as_well(start_daemon, monkeypatch):
    monkeypatch.setattr(mailbox, "MOST_UNREAD_BYTES", 50_000)
    daemon = start_daemon()
    deaf = daemon.raw_connection()

    with pytest.raises(DaemonLostError):
        for number in range(1, 60_000):
            deaf.send(encode(Models(number)), 5)
    deaf.close()

    with daemon.client() as client:
        assert client.models()


def test_a_reply_larger_than_what_is_kept_reaches_a_client_that_reads(start_daemon, monkeypatch):
    monkeypatch.setattr(mailbox, "MOST_UNREAD_BYTES", 1000)
    image, mask = picture(1200, 900)
    mask[10:800, 10:1000] = 255
    with start_daemon().client() as client:
        assert len(client.complete(**as_request(image, mask)).pixels) > 2_000_000


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads the process's memory from /proc")
def test_memory_follows_what_has_arrived_and_not_what_a_header_claims(start_process):
    process = start_process().wait_until_ready()
    memory = psutil.Process(process.process.pid).memory_info
    before = memory().rss
    claims = [process.raw_connection() for _ in range(8)]
    for claim in claims:
        claim._send_all(frame_header(1 << 30, 0) + bytes(1000), 5)

    with process.client() as client:
        assert client.complete(**as_request(*picture()))
    assert memory().rss - before < 30 * MEBIBYTE


def test_unfinished_messages_together_hold_no_more_than_one_may(start_daemon):
    daemon = start_daemon(max_bytes=MEBIBYTE)
    hoarder = daemon.raw_connection()
    hoarder._send_all(frame_header(900_000, 0) + bytes(899_000), 5)
    wait_until(lambda: daemon.server._mailbox._intake.held > 890_000)

    with daemon.client() as client:
        with pytest.raises(BusyError, match="no memory for this message"):
            client.complete(**as_request(*picture(400, 300)))
        assert client.complete(**as_request(*picture()))  # a small one is always taken
        hoarder.close()
        wait_until(lambda: daemon.server._mailbox._intake.held == 0)
        assert client.complete(**as_request(*picture(400, 300)))


def test_a_flood_of_requests_does_not_keep_the_others_waiting(start_process):
    process = start_process().wait_until_ready()
    floods = [process.raw_connection() for _ in range(4)]
    request = b"".join(frame_header(len(frame), 0) + frame for frame in encode(Status(1)))
    for flood in floods:
        flood._send_all(request * 5000, 5)
    times = []
    with process.client() as client:
        for _ in range(50):
            begun = time.monotonic()
            client.status()
            times.append(time.monotonic() - begun)

    assert sorted(times)[-6] < 0.2  # nine of ten


def test_every_connection_that_ends_gives_its_place_and_its_file_back(start_process):
    process = start_process().wait_until_ready()
    info = read_connection(process.home)
    files = psutil.Process(process.process.pid).num_fds
    with process.client() as client:
        client.status()
        before = files()
        for number in range(600):
            connection = connect_raw(info.endpoint)
            connection.sendall(os.urandom(number))
            connection.close()
        client.status()

        assert wait_until(lambda: files() <= before, 5) < 5


def test_libzmq_is_served_as_the_clients_of_this_project_are(start_daemon):
    zmq = pytest.importorskip("zmq")
    daemon = start_daemon()
    image, mask = picture(700, 500)
    context = zmq.Context()
    dealer = context.socket(zmq.DEALER)
    dealer.plain_username = credentials.USERNAME.encode()
    dealer.plain_password = credentials.derive_password(daemon.info.secret).encode()
    dealer.heartbeat_ivl = dealer.heartbeat_timeout = 200
    dealer.connect(daemon.info.endpoint)
    try:
        dealer.send_multipart(encode(complete_message(image, mask, 1)))
        replies = []
        while not replies or replies[-1].TYPE == "progress":
            assert dealer.poll(5000)
            replies.append(decode(dealer.recv_multipart(), REPLIES))
        assert replies[-1].TYPE == "complete_reply"

        assert not dealer.poll(600)  # while heartbeats pass
        dealer.send_multipart(encode(Status(2)))
        assert dealer.poll(5000)
        assert decode(dealer.recv_multipart(), REPLIES).completed == 1
    finally:
        dealer.close(0)
        context.term()
