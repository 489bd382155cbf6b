"""What a check has found, and how it is told without giving away anything private."""

import re
from dataclasses import dataclass
from pathlib import Path

OK, WARNING, FAILED = "ok", "warning", "failed"

_SECRET = re.compile(r"\b[0-9a-f]{64}\b")


@dataclass(frozen=True)
class Finding:
    """The result of a check.

    Attributes:
        name: what was looked at.
        state: `OK`; `WARNING`, something may be missed; or `FAILED`, it will not work.
        text: what was found.
        advice: what to do about it; empty for `OK`.
    """

    name: str
    state: str
    text: str
    advice: str = ""


def redact(finding: Finding, home: Path | None = None) -> Finding:
    """The finding as it may be shown to others: on one line, without the daemon's secret and the user's name in paths.

    Args:
        finding: what was found.
        home: the user's home folder, that of this process unless given.
    """
    folder = Path.home() if home is None else home

    def cleaned(text: str) -> str:
        text = _SECRET.sub("(secret)", text.replace(str(folder), "~"))
        user = re.escape(folder.name)
        return " ".join(re.sub(rf"(?<=[/\\]){user}(?![\w.-])", "USER", text).split())

    return Finding(cleaned(finding.name), finding.state, cleaned(finding.text), cleaned(finding.advice))
