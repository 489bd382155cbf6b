"""Which daemon belongs to this plug-in: what install.py has written beside it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import NamedTuple

from .refusals import Refusal
from .texts import _

_FILE = Path(__file__).resolve().parents[1] / "installation.json"


class Installation(NamedTuple):
    """The installed daemon.

    Attributes:
        version: of the plug-in.
        command: what starts `glcic-backend`.
        home: its home folder, None for the customary one.
    """

    version: str
    command: list[str]
    home: Path | None

    def shell_command(self, *arguments: str) -> str:
        """A command for the user to type."""
        return shlex.join([*self.command, *arguments])

    @property
    def software(self) -> str:
        """Name and version of this program, for the daemon's log and messages."""
        return f"GIMP plug-in {self.version}"


def read_installation(path: Path = _FILE) -> Installation:
    """Reads the file.

    Raises:
        Refusal: it is not there or damaged.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        command = [str(word) for word in content["command"]]
        home = Path(content["home"]) if content["home"] else None
        return Installation(str(content["version"]), command, home)
    except (OSError, ValueError, KeyError, TypeError):
        raise Refusal(
            _(
                "{file}, which says where the completion program is, is missing or damaged. Run install.py again."
            ).format(file=path)
        ) from None


def manual_page() -> Path | None:
    """The page of the manual that install.py has put beside the plug-in; None if it is not there."""
    page = _FILE.with_name("manual") / "gimp.html"
    return page if page.is_file() else None
