"""Keys and windows, for snippets in a GIMP with a window; runs in GIMP's own Python."""

import os
import subprocess
import time
from pathlib import Path

from gi.repository import Gimp

DIALOG = "^Inpaint Selection$"
MESSAGE = "^GIMP Message$"
_IMAGE = "GIMP$"
_SECONDS = 30


def wait_until(condition):
    """Waits until a condition holds. Returns what it returned."""
    end = time.monotonic() + _SECONDS
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"it did not come true in {_SECONDS} s")


def wait_for_run(condition):
    """Waits until a condition holds and the plug-in has ended, which writes pixels first and its report last."""
    wait_until(condition)
    wait_until(lambda: not _plug_in_runs())


def _plug_in_runs():
    # Other tests may have a GIMP beside this one: only this one's children count.
    for process in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
            command = (process / "cmdline").read_text()
        except OSError:
            continue  # it has ended just now
        if parent == os.getppid() and "/inpaint-selection.py" in command:
            return True
    return False


def xdotool(*words):
    return subprocess.run(["xdotool", *words], capture_output=True, text=True).stdout.split()


def windows(name):
    """The visible windows whose title matches."""
    return xdotool("search", "--onlyvisible", "--name", name)


def size_of(name):
    """Width and height of the window whose title matches, pixels."""
    lines = xdotool("getwindowgeometry", "--shell", wait_until(lambda: windows(name))[0])
    values = dict(line.split("=") for line in lines)
    return int(values["WIDTH"]), int(values["HEIGHT"])


def show(image):
    """Opens a window for the image and waits until it is there. Returns the display."""
    display = Gimp.Display.new(image)
    Gimp.displays_flush()
    wait_until(lambda: windows(_IMAGE))
    time.sleep(1)
    return display


def press(name, *keys):
    """Presses keys in the window whose title matches."""
    window = wait_until(lambda: windows(name))[0]
    xdotool("windowactivate", "--sync", window)
    time.sleep(0.3)
    for key in keys:
        xdotool("key", key)
        time.sleep(0.3)


def close(name):
    """Closes the windows whose title matches. On a busy machine a key may come too soon, so it is pressed again."""

    def are_gone():
        for window in windows(name):
            xdotool("windowactivate", "--sync", window)
            time.sleep(0.3)
            xdotool("key", "Escape")
            time.sleep(0.3)
        return not windows(name)

    wait_until(are_gone)


def in_image(*keys):
    """Presses keys in the image's window."""
    press(_IMAGE, *keys)


def open_dialog():
    """Chooses the menu entry by the letters that are underlined, and waits for the dialog."""
    in_image("alt+r", "s")
    wait_until(lambda: windows(DIALOG))
    xdotool("mousemove", "2", "700")
    time.sleep(0.5)


def screenshot(path):
    """The whole screen as a picture."""
    time.sleep(0.5)
    subprocess.run(["import", "-window", "root", path], check=True)
