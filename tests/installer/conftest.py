"""An installation of its own for each test."""

from pathlib import Path

import pytest

from .installed import Installed


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installed:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GLCIC_HOME", str(tmp_path / "home" / ".local" / "share" / "glcic"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    return Installed(tmp_path)
