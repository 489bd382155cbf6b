"""The daemon as a service of the user's systemd, for GIMPs that cannot start it themselves, such as Flatpak's."""

import os
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

from glcic_backend.atomic_file import write_atomically

UNIT = "glcic-backend.service"


def unit_file() -> Path:
    """Where the user's own units lie."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "systemd" / "user" / UNIT


def unit_text(program: Path, home: Path | None) -> str:
    """The unit.

    Args:
        program: path of `glcic-backend`.
        home: GLCIC_HOME of the daemon; None for the customary folder.
    """
    environment = f"Environment={_quoted(f'GLCIC_HOME={home}')}\n" if home else ""
    return f"""[Unit]
Description=Completion daemon of GLCIC for GIMP

[Service]
ExecStart={_quoted(str(program))} serve
{environment}Restart=on-failure
# Another daemon runs already, or the model cannot be used: trying again would not help.
RestartPreventExitStatus=2

[Install]
WantedBy=default.target
"""


def write_unit(program: Path, home: Path | None) -> list[Path]:
    """Write the unit. Returns the file, then the folders that were made for it, the deepest first."""
    path = Path(os.path.realpath(unit_file()))
    made: list[Path] = []
    for folder in path.parents:
        if folder.exists():
            break
        made.append(folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, unit_text(program, home).encode())
    return [path, *made]


def start_unit() -> str:
    """Have systemd start the daemon now and at every login. Returns what failed and what to do, or nothing."""
    commands = ["daemon-reload"], ["enable", UNIT], ["restart", UNIT]
    failure = _systemctl(*commands)
    lines = " && ".join(shlex.join(["systemctl", "--user", *command]) for command in commands)
    return f"{failure} When you are logged in, run: {lines}" if failure else ""


def stop_unit() -> str:
    """End the daemon and have systemd forget it, before the unit is removed. Returns what failed, or nothing."""
    return _systemctl(["disable", "--now", UNIT])


def _systemctl(*commands: Sequence[str]) -> str:
    for command in commands:
        words = ["systemctl", "--user", *command]
        try:
            done = subprocess.run(words, capture_output=True, text=True, timeout=60)
            failure = done.stderr.strip() if done.returncode else ""
        except (OSError, subprocess.TimeoutExpired) as error:
            failure = str(error)
        if failure:
            return f"`{shlex.join(words)}` failed: {failure}."
    return ""


def _quoted(text: str) -> str:
    """A word of a unit file: systemd expands %, and takes quotes and backslashes as C does."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'
