"""Other programs that an installation runs."""

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from glcic_backend.errors import GlcicError
from glcic_backend.installer.console import Console, Event

_FOREIGN_VARIABLES = {"PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", "PIP_PREFIX", "PIP_ROOT", "PIP_TARGET", "PIP_USER"}
"""Settings that would lead a private environment to packages or folders of another one."""

_ADVICE = {
    "No space left on device": "The disk is full: free some space.",
    "ensurepip": "This Python lacks its venv part. On Debian and Ubuntu: sudo apt install python3-venv",
    "CERTIFICATE_VERIFY_FAILED": "This Python does not trust the package index: see pip's setting `cert`.",
    "NewConnectionError": "The package index cannot be reached: check the network, or pip's setting `proxy`.",
    "Read timed out": "The package index is too slow or cannot be reached: check the network.",
    "No matching distribution": "pip finds nothing that fits this system and Python: check pip's settings.",
    "Permission denied": "A file cannot be written: do all files below the prefix belong to you?",
}


class StepError(GlcicError):
    """A step of an installation that failed. Running install.py again resumes with it."""

    exit_code = 1


def private_variables(prefix: Path) -> dict[str, str]:
    """Environment variables for a program that shall write nothing outside the prefix."""
    variables = {name: value for name, value in os.environ.items() if name not in _FOREIGN_VARIABLES}
    temporary, cache = str(prefix / "tmp"), str(prefix / "cache")
    variables.update(TMPDIR=temporary, TEMP=temporary, TMP=temporary, GLCIC_HOME=temporary)
    variables.update(PIP_CACHE_DIR=cache, XDG_CACHE_HOME=cache, PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_NO_INPUT="1")
    variables.update(PYTHONNOUSERSITE="1", PYTHONUNBUFFERED="1")
    return variables


def works(command: Sequence[str], prefix: Path) -> bool:
    """Whether a program can be started and ends well."""
    try:
        return subprocess.run(command, capture_output=True, env=private_variables(prefix)).returncode == 0
    except OSError:
        return False


def run(
    command: Sequence[str],
    prefix: Path,
    console: Console,
    read: Callable[[str], Event | None],
    keep_open: Sequence[int],
) -> None:
    """Run a program, all its output to the log, what `read` makes of its lines to the user.

    Args:
        command: program and arguments.
        prefix: below which it may write.
        console: shows and logs.
        read: the event that a line of its output tells.
        keep_open: file descriptors that it inherits.

    Raises:
        StepError: it ended with another code than 0.
    """
    console.log("$ " + shlex.join(command))
    variables = private_variables(prefix)
    Path(variables["TMPDIR"]).mkdir(exist_ok=True)
    child = subprocess.Popen(
        command,
        cwd=prefix,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        pass_fds=keep_open,
        # A group of its own, so that what it starts itself (such as pip's build tools) can be ended with it.
        process_group=0 if os.name == "posix" else None,
    )
    lines: list[str] = []
    unseen: list[str] = []
    with child:
        try:
            for line in child.stdout or ():
                lines.append(line.rstrip())
                console.log(lines[-1])
                event = read(lines[-1])
                if event:
                    console.tell(event)
                if lines[-1] and not (event and event.notable):
                    unseen.append(lines[-1])
            child.wait()
        finally:
            if child.poll() is None:
                _end(child)
    if child.returncode:
        raise StepError(_failure(command, child.returncode, lines, unseen))


def _end(child: "subprocess.Popen[str]") -> None:
    if sys.platform == "win32":
        child.kill()
    else:
        os.killpg(child.pid, signal.SIGTERM)
        try:
            child.wait(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _failure(command: Sequence[str], code: int, lines: list[str], unseen: list[str]) -> str:
    last = ["Its last lines were:", *("    " + line for line in unseen[-8:])] if unseen else []
    advice = [advice for sign, advice in _ADVICE.items() if any(sign in line for line in lines)][:1]
    return "\n".join([f"{Path(command[0]).name} ended with code {code}.", *last, *advice])
