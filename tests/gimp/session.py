"""A running GIMP, with or without a window, which executes snippets of Python that tests send."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
from pathlib import Path
from typing import Any

import psutil

SERVER = Path(__file__).with_name("inside") / "server.py"
_WITHOUT_WINDOW = ("gimp-console", "-id")
_WITH_WINDOW = ("gimp", "--no-splash")
_NUMBER = str(100 + os.getpid() % 50_000)
"""Of the screen: each GIMP has a /tmp of its own, but sees the abstract sockets of the screens beside it."""

_SCREEN = ("xvfb-run", "-a", "-n", _NUMBER, "-s", "-screen 0 1280x800x24", "sh", "-c", 'openbox & exec "$@"', "sh")
_START_SECONDS = 120
_ANSWER_SECONDS = 120


class InsideError(AssertionError):
    """A snippet failed; the text is its traceback."""


class Session:
    """One GIMP process.

    Args:
        inside: the beginning of a command line that runs a program where GIMP is.
        folder: for the socket and the log.
        name: of these two.
        window: show it on a screen that nobody sees.

    Attributes:
        process: of GIMP, or of the program that runs it in its root.
        log: the file with what it prints.
    """

    def __init__(self, inside: list[str], folder: Path, *, name: str = "gimp", window: bool = False) -> None:
        address = folder / f"{name}.sock"
        address.unlink(missing_ok=True)
        self.log = folder / f"{name}.log"
        with socket.socket(socket.AF_UNIX) as listening, open(self.log, "ab") as log:
            listening.bind(str(address))
            listening.listen()
            listening.settimeout(_START_SECONDS)
            program = [*_SCREEN, *_WITH_WINDOW] if window else _WITHOUT_WINDOW
            code = f"exec(compile(open({str(SERVER)!r}).read(), {str(SERVER)!r}, 'exec'))"
            variables = ["env", f"GLCIC_TEST_SOCKET={address}", f"GLCIC_TEST_SERVER={SERVER}"]
            self.process = subprocess.Popen(
                [*inside, *variables, *program, "--batch-interpreter=python-fu-eval", "-b", code, "--quit"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
            try:
                self._connection, _address = listening.accept()
            except TimeoutError:
                self.process.kill()
                raise AssertionError(f"GIMP has not started:\n{self.log.read_text()}") from None
        self._connection.settimeout(_ANSWER_SECONDS)
        self._stream = self._connection.makefile("rw", encoding="utf-8")
        self._unanswered = 0

    def run(self, code: str, **values: Any) -> Any:
        """Executes a snippet, see `inside/server.py`. Raises `InsideError`."""
        while self._unanswered:  # by a test that failed before it asked
            with contextlib.suppress(InsideError):
                self.receive()
        self.send(code, **values)
        return self.receive()

    def send(self, code: str, **values: Any) -> None:
        """Sends a snippet without waiting for its end."""
        self._stream.write(json.dumps({"code": code, "values": values}) + "\n")
        self._stream.flush()
        self._unanswered += 1

    def receive(self) -> Any:
        """Waits for the end of what was sent."""
        answer = json.loads(self._stream.readline())
        self._unanswered -= 1
        if "error" in answer:
            raise InsideError(answer["error"])
        return answer["result"]

    def plug_in(self) -> psutil.Process:
        """The plug-in's process, which there is while it runs."""
        below = psutil.Process(self.process.pid).children(recursive=True)
        (found,) = [each for each in below if any(word.endswith("/inpaint-selection.py") for word in each.cmdline())]
        return found

    def close(self) -> None:
        """Ends GIMP."""
        self._stream.close()
        self._connection.close()
        try:
            self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
