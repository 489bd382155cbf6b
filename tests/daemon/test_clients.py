"""What clients hear of the daemon, and what happens when one side goes away or is not what it seems."""

import contextlib
import dataclasses
import os
import signal
import sys
import threading
import time

import pytest

from glcic_backend.wire import connection
from glcic_backend.wire.codec import PROTOCOL_VERSION
from glcic_backend.wire.errors import DaemonLostError, DaemonNotRunningError, ImpostorError, ProtocolMismatchError
from glcic_backend.wire.geometry import Rectangle

from ..wire.proxy import Proxy
from .conftest import as_request, picture, wait_until


def rewrite_connection_file(daemon, **changes):
    connection.write_connection(dataclasses.replace(daemon.info, **changes), daemon.home)


def test_status_is_answered_within_200_milliseconds_while_the_engine_works(client, daemon):
    daemon.engine.hold()
    client.submit(**as_request(*picture()))
    client.submit(**as_request(*picture()))
    daemon.engine.started.wait(5)
    times = []

    for _ in range(50):
        begun = time.monotonic()
        status = client.status()
        times.append(time.monotonic() - begun)

    assert (status.state, status.waiting, status.capacity) == ("busy", 1, 8)
    assert sorted(times)[-5] < 0.2  # nine of ten, because the machine may pause for reasons of its own


def test_status_says_what_runs_where_and_since_when(client):
    status = client.status()

    assert (status.state, status.model, status.device, status.pid) == ("idle", "negative", "cpu", os.getpid())
    assert (status.software, status.model_sha256) == ("glcic-backend 0.0", "ab" * 32)
    assert 0 <= status.uptime_seconds < 60


def test_status_counts_what_has_been_done(client):
    for _ in range(3):
        client.complete(**as_request(*picture()))

    status = client.status()

    assert (status.completed, status.failed, status.cancelled, status.refused) == (3, 0, 0, 0)


def test_the_context_of_a_hole_is_the_part_of_the_image_that_the_engine_needs(client):
    hole = Rectangle(1000, 700, 90, 60)

    assert client.context(3000, 2000, hole) == Rectangle(998, 698, 94, 64)
    assert client.context(3000, 2000, hole, quality="fast") == Rectangle(999, 699, 92, 62)
    assert client.context(3000, 2000, hole, context="all") == Rectangle(0, 0, 3000, 2000)


def test_many_clients_are_served_at_once(daemon):
    done = []

    def work(seed):
        with daemon.client() as client:
            for _ in range(5):
                client.status()
            done.append(client.complete(**as_request(*picture(seed=seed))))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(done) == 8


def test_a_client_that_is_gone_loses_its_running_and_its_waiting_jobs_within_a_second(daemon):
    daemon.engine.hold()
    with daemon.client() as witness:
        leaving = daemon.client()
        for _ in range(3):
            leaving.submit(**as_request(*picture()))
        wait_until(lambda: witness.status().waiting == 2)

        leaving.close()

        assert wait_until(lambda: witness.status().state == "idle") < 1.5
        assert witness.status().waiting == 0
        assert witness.status().cancelled == 3


def test_a_client_that_leaves_in_the_middle_of_a_message_leaves_no_trace(daemon):
    leaving = daemon.raw_connection()
    leaving._send_all(b"\x03" + (1 << 20).to_bytes(8, "big") + bytes(1000), 1)

    leaving.close()

    with daemon.client() as client:
        assert client.complete(**as_request(*picture()))


def test_without_a_daemon_the_client_says_how_to_start_one(home):
    from glcic_backend.wire.client import DaemonClient

    with pytest.raises(DaemonNotRunningError, match="glcic-backend serve"):
        DaemonClient.connect(home, software="test")


@pytest.mark.parametrize("tcp", [False, True], ids=["unix socket", "tcp"])
def test_a_connection_file_that_was_left_behind_is_recognised(start_daemon, tcp):
    daemon = start_daemon(tcp=tcp)
    daemon.stop()

    with pytest.raises(DaemonNotRunningError, match=f"process {os.getpid()}.*glcic-backend serve"):
        daemon.client()


def test_a_daemon_that_ends_in_mid_run_is_reported_as_lost(start_process):
    process = start_process("hold").wait_until_ready()
    with process.client() as client:
        job = client.submit(**as_request(*picture()))
        client.status()

        process.process.kill()

        with pytest.raises(DaemonLostError, match="has ended"):
            client.wait(job)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot pause a process by a signal")
def test_a_daemon_that_falls_silent_is_given_up_after_the_timeout(start_process):
    process = start_process("hold").wait_until_ready()
    with process.client(timeout=1.0) as client:
        job = client.submit(**as_request(*picture()))
        process.process.send_signal(signal.SIGSTOP)

        with pytest.raises(DaemonLostError, match=f"process {process.process.pid}.*nothing for 1 s"):
            client.wait(job)


def test_a_client_with_another_secret_is_not_let_in(daemon):
    rewrite_connection_file(daemon, secret="00" * 32)

    with pytest.raises(ImpostorError, match="refuses the password"):
        daemon.client()


def test_an_impostor_that_passes_everything_on_to_the_daemon_is_found_out_before_any_image_is_sent(daemon):
    with Proxy(daemon.info.endpoint) as impostor:
        rewrite_connection_file(daemon, endpoint=impostor.endpoint)

        with pytest.raises(ImpostorError, match="no image was sent"):
            daemon.client()

        assert b"hello" in impostor.from_client
        assert daemon.info.secret.encode() not in impostor.from_client
        assert bytes.fromhex(daemon.info.secret) not in impostor.from_client


def test_an_impostor_that_accepts_every_password_cannot_prove_itself(daemon, monkeypatch):
    # It knows the password, having caught it, but not the secret.
    monkeypatch.setattr(daemon.server, "_secret", "00" * 32)

    with pytest.raises(ImpostorError, match="proof is wrong"):
        daemon.client()

    assert daemon.engine.calls == []


def test_a_daemon_of_another_protocol_is_named_with_both_versions_and_the_command_to_run(daemon):
    rewrite_connection_file(daemon, protocol=PROTOCOL_VERSION + 1, software="glcic-backend 9.9")

    with pytest.raises(ProtocolMismatchError) as caught:
        daemon.client()

    versions = (f"speaks protocol {PROTOCOL_VERSION + 1},", f"speaks protocol {PROTOCOL_VERSION}.")
    for part in (*versions, "glcic-backend 9.9", "test 1.0", "glcic-backend stop", "install.py"):
        assert part in str(caught.value)


def test_a_daemon_of_another_protocol_can_still_be_stopped(daemon, monkeypatch):
    # The client is made the newer one: it must talk in the daemon's version.
    from glcic_backend.wire import client as client_module

    monkeypatch.setattr(client_module, "PROTOCOL_VERSION", PROTOCOL_VERSION + 1)

    with daemon.client(any_protocol=True) as client:
        client.stop()

    daemon.thread.join(timeout=5)
    assert not daemon.thread.is_alive()


def test_stop_lets_the_running_completion_finish_and_refuses_what_waits(client, daemon):
    daemon.engine.hold()
    running, waiting = (client.submit(**as_request(*picture())) for _ in range(2))
    with daemon.client() as other, contextlib.ExitStack() as stack:
        stopper = threading.Thread(target=other.stop)
        stopper.start()
        stack.callback(stopper.join)

        from glcic_backend.wire.errors import CancelledError

        with pytest.raises(CancelledError, match="stopping"):
            client.wait(waiting)
        with pytest.raises(CancelledError, match="stopping"):
            client.complete(**as_request(*picture()))
        assert client.status().state == "stopping"
        daemon.engine.gate.set()
        assert client.wait(running).model == "negative"
