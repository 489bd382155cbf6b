"""The daemon comes and goes, and so does the plug-in."""

import json
import os
import signal
import statistics
import subprocess
import sys
import time

import psutil
import pytest

from glcic_backend.installer.plugin_files import DESCRIPTION, plugin_folder

from ..daemon.conftest import wait_until
from .pictures import HOLE, Picture, changed, photograph, stored
from .session import Session

LONG_RUN = "result = inpaint(image, [layer], context='all')"


@pytest.fixture
def shown(picture):
    """The photograph in 8 bits, with the hole selected."""
    made = picture(stored(photograph(), "U8_NON_LINEAR"))
    made.select()
    return made


@pytest.fixture
def slow(picture):
    """An image that takes some seconds to fill with `LONG_RUN`; the daemon runs."""
    made = picture(stored(photograph(700, 900), "U8_NON_LINEAR"))
    made.select(slice(10, 20), slice(10, 20))
    assert made.inpaint(quality="fast") == ""
    made.select(slice(100, 300), slice(100, 300))
    made.run("image.select_rectangle(Gimp.ChannelOps.ADD, 600, 400, 200, 200)")
    return made


@pytest.fixture
def description(machine):
    """The file that tells the plug-in of its daemon; put back as it was."""
    path = plugin_folder(machine.profile) / DESCRIPTION
    before = path.read_text()
    yield path
    path.write_text(before)


def wait_until_busy(machine):
    """Waits until the daemon computes."""

    def is_busy():
        with machine.daemon() as client:
            return client.status().state == "busy"

    wait_until(is_busy, 60)


def daemon_process(machine):
    with machine.daemon() as client:
        return psutil.Process(client.status().pid)


def test_a_daemon_is_started_where_none_runs_and_outlives_the_plugin(shown, machine):
    machine.stop_daemon()

    assert shown.inpaint() == ""

    daemon = daemon_process(machine)
    assert daemon.cmdline()[-4:] == ["--idle-exit", "15", "--log-file", str(machine.home / "run" / "daemon.log")]
    assert os.getsid(daemon.pid) == daemon.pid
    foreign = [name for name in daemon.environ() if name.startswith(("GI_", "GIMP", "GEGL", "BABL", "PYTHON", "GDK_"))]
    assert foreign == []
    assert daemon.environ()["GLCIC_HOME"] == str(machine.home)
    # It holds none of GIMP's files open, so GIMP's output can end before it.
    assert os.readlink(f"/proc/{daemon.pid}/fd/1") == str(machine.home / "run" / "start.log")
    assert changed(shown.before, shown.pixels())[HOLE].mean() > 0.9


def test_a_daemon_that_is_killed_in_mid_run_is_replaced_and_the_run_succeeds(slow, gimp, machine):
    first = daemon_process(machine)
    gimp.send(LONG_RUN)
    wait_until_busy(machine)

    first.kill()

    assert gimp.receive() == {"status": "success", "message": None}
    assert daemon_process(machine).pid != first.pid


def test_a_plugin_that_is_killed_in_mid_run_frees_the_daemon_within_a_second(slow, gimp, machine):
    before = slow.pixels()
    gimp.send(LONG_RUN)
    wait_until_busy(machine)
    time.sleep(0.3)

    gimp.plug_in().send_signal(signal.SIGKILL)  # what GIMP's Cancel button does

    def is_idle():
        with machine.daemon() as client:
            return client.status().state == "idle"

    assert wait_until(is_idle) < 1.0
    assert gimp.receive()["status"] != "success"
    assert not changed(before, slow.pixels()).any()
    with machine.daemon() as client:
        assert client.status().cancelled >= 1


def test_a_daemon_of_another_protocol_is_refused_with_the_command_to_end_it(shown, machine):
    shown.inpaint()
    path = machine.home / "run" / "daemon.json"
    content = path.read_text()
    path.write_text(json.dumps({**json.loads(content), "protocol": 99}))
    try:
        message = shown.inpaint()
    finally:
        path.write_text(content)

    assert "another version" in message
    command = next(line for line in message.splitlines() if line.endswith(" stop"))
    assert os.access(command.split()[0], os.X_OK)


def test_a_daemon_that_cannot_be_started_is_told_with_a_command_that_shows_more(shown, machine, description):
    machine.stop_daemon()
    description.write_text(json.dumps({**json.loads(description.read_text()), "command": ["/nowhere/glcic-backend"]}))
    before = shown.pixels()

    message = shown.inpaint()

    assert "could not be started: No such file or directory" in message
    assert "/nowhere/glcic-backend doctor" in message
    assert not changed(before, shown.pixels()).any()


def test_what_a_daemon_says_before_it_dies_is_told(shown, machine, description):
    machine.stop_daemon()
    command = ["/bin/sh", "-c", "echo The disk is full. >&2; exit 3"]
    description.write_text(json.dumps({**json.loads(description.read_text()), "command": command}))

    assert "could not be started: The disk is full." in shown.inpaint()


@pytest.mark.parametrize("content", [None, "{", "[]", '{"command": ["a"]}'])
def test_a_damaged_installation_is_told(shown, description, content):
    description.unlink()
    if content is not None:
        description.write_text(content)

    assert "Run install.py again" in shown.inpaint()


def test_a_folder_that_cannot_be_written_is_told(shown, machine, description):
    machine.stop_daemon()
    nowhere = "/proc/glcic"  # where nobody can make a folder, not even root
    description.write_text(json.dumps({**json.loads(description.read_text()), "home": nowhere}))

    message = shown.inpaint()

    assert f"“{nowhere}”, which cannot be made or written" in message
    assert "Something went wrong" not in message


def test_what_the_daemon_refuses_is_told_in_the_language_of_gimp(machine, shown):
    german = Session(machine.inside(LANGUAGE="de"), machine.folder, name="german")
    try:
        made = Picture(german, machine.folder, stored(photograph(), "U8_NON_LINEAR"))
        assert made.inpaint().startswith("Nichts ist ausgewählt.")
        made.select()
        message = made.inpaint(model="no-such-model")
    finally:
        german.close()

    assert message == (
        "Das Modell »no-such-model« ist nicht installiert, oder seine Datei ist beschädigt. Wählen Sie ein anderes."
    )


def test_with_other_programs_on_the_cores_a_fill_takes_at_most_three_times_as_long(shown):
    def seconds():
        begun = time.monotonic()
        assert shown.inpaint() == ""
        return time.monotonic() - begun

    shown.inpaint()  # the daemon is warm
    quiet = min(seconds() for _ in range(3))
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count() or 1)]
    try:
        busy = [seconds() for _ in range(3)]
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()

    assert statistics.median(busy) < 3 * quiet, (quiet, busy)


def test_a_python_without_gimp_first_on_the_path_does_not_hide_the_plugin(machine):
    elsewhere = machine.folder / "venv"
    elsewhere.mkdir()
    (elsewhere / "python3").write_text("#!/bin/sh\necho a python without gi\nexit 1\n")
    (elsewhere / "python3").chmod(0o755)
    main = plugin_folder(machine.profile) / "inpaint-selection.py"

    ended = subprocess.run(
        [*machine.inside(PATH=f"{elsewhere}:/usr/bin:/bin"), str(main)], capture_output=True, text=True, timeout=60
    )

    assert "must be run by GIMP" in ended.stdout + ended.stderr
