"""Finding the completion daemon, and starting one where none runs."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from wire.client import DaemonClient
from wire.connection import START_SECONDS, home_folder, prepare_run_folder
from wire.errors import ALREADY_RUNS, DaemonLostError, DaemonNotRunningError, ProtocolMismatchError, UnusableFolderError

from .installation import Installation
from .refusals import Refusal
from .texts import _

IDLE_MINUTES = 15
"""After this time without a request a daemon that was started here ends."""

_POLL_SECONDS = 0.1
_FLATPAK_MARK = Path("/.flatpak-info")

# What GIMP and its bundles set for themselves would lead the daemon's Python astray.
_FOREIGN = ("PYTHON", "GI_", "GIO_", "GDK_", "GTK_", "GEGL_", "BABL_", "GIMP", "GST_", "FONTCONFIG_", "LD_", "DYLD_")


class DaemonStart:
    """A daemon that is being started by this process, or None of it when one runs already."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self._process: subprocess.Popen[bytes] | None = None
        self._said = Path()

    def connect_now(self) -> DaemonClient | None:
        """A connection to the running daemon, None if none runs.

        Raises:
            Refusal: it speaks another version of the protocol.
            WireError: it cannot be trusted.
        """
        try:
            return DaemonClient.connect(self.installation.home, software=self.installation.software)
        except (DaemonNotRunningError, DaemonLostError):
            # The latter is met while a daemon that was killed is being cleared away.
            return None
        except ProtocolMismatchError:
            raise Refusal(
                _(
                    "The completion daemon that is running has another version than this plug-in. End it with this "
                    "command in a terminal, then try again:\n{stop}\nIf that does not help, run install.py again."
                ).format(stop=self.installation.shell_command("stop"))
            ) from None

    def begin(self) -> None:
        """Starts a daemon that outlives this process, without waiting for it. One that runs already stays the one.

        Raises:
            Refusal: it cannot be started.
        """
        if self._process is not None and self._process.poll() is None:
            return
        if _FLATPAK_MARK.exists():
            raise Refusal(
                _(
                    "GIMP runs in Flatpak and cannot start the completion daemon. Run install.py --systemd once, or "
                    "keep this command running in a terminal, then try again:\n{serve}"
                ).format(serve=self.installation.shell_command("serve"))
            )
        try:
            folder = prepare_run_folder(self.installation.home)
        except UnusableFolderError:
            raise Refusal(
                _(
                    "The completion daemon needs the folder “{folder}”, which cannot be made or written. Make it "
                    "writable for you, then try again."
                ).format(folder=self.installation.home or home_folder())
            ) from None
        self._said = folder / "start.log"
        arguments = ["serve", "--idle-exit", str(IDLE_MINUTES), "--log-file", str(folder / "daemon.log")]
        try:
            # No stream of GIMP's stays open in it, and no signal to GIMP's group reaches it.
            with open(self._said, "wb") as said:
                self._process = subprocess.Popen(
                    [*self.installation.command, *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=said,
                    stderr=said,
                    cwd=folder,
                    env=clean_environment(dict(os.environ), self.installation.home),
                    **_detached(),
                )
        except OSError as error:
            raise self._failed(error.strerror or str(error)) from None

    def connect(self, waiting: Callable[[], None]) -> DaemonClient:
        """A connection to the running daemon, or to one that is started for it.

        Args:
            waiting: called several times a second until the daemon is ready.

        Raises:
            Refusal: it cannot be started, or speaks another version of the protocol.
            WireError: it cannot be trusted.
        """
        client = self.connect_now()
        if client is not None:
            return client
        self.begin()
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            waiting()
            client = self.connect_now()
            if client is not None:
                return client
            if self._process is not None and self._process.poll() is not None:
                if self._process.returncode != ALREADY_RUNS:
                    raise self._failed(self._last_words())
                # Somebody else's is there, and ready. Should it have ended since, another one takes its place.
                client = self.connect_now()
                if client is not None:
                    return client
                self.begin()
            time.sleep(_POLL_SECONDS)
        raise self._failed(_("it was not ready after {seconds} seconds").format(seconds=int(START_SECONDS)))

    def _last_words(self) -> str:
        try:
            lines = self._said.read_text(encoding="utf-8", errors="replace").split("\n")
        except OSError:
            lines = []
        code = self._process.returncode if self._process is not None else 0
        return next(
            (line.strip() for line in reversed(lines) if line.strip()), _("it ended with code {code}").format(code=code)
        )

    def _failed(self, why: str) -> Refusal:
        return Refusal(
            _(
                "The completion daemon could not be started: {why}\nThis command in a terminal shows more:\n{doctor}\n"
                "If it is not there, run install.py again."
            ).format(why=why, doctor=self.installation.shell_command("doctor"))
        )


def clean_environment(variables: dict[str, str], home: Path | None) -> dict[str, str]:
    """Environment variables for the daemon: those of GIMP without what GIMP has set for its own libraries."""
    kept = {name: value for name, value in variables.items() if not name.startswith(_FOREIGN)}
    kept["GLCIC_HOME"] = str(home or home_folder())
    return kept


def _detached() -> dict[str, object]:
    if sys.platform == "win32":
        return {"creationflags": subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}
