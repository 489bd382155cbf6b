"""What updates leave of the plug-in, what the manifest lists of it, and the unit of the daemon."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from glcic_backend.installer.gimp_steps import install_unit
from glcic_backend.installer.manifest import FILE, FOLDER, TREE, Manifest
from glcic_backend.installer.systemd_unit import UNIT, unit_file, unit_text

from .installed import Installed
from .tiny_project import REPOSITORY

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links and owners as Unix has them")


def test_a_file_that_the_new_version_no_longer_has_goes_when_the_plugin_is_updated(
    installed: Installed, tmp_path: Path
) -> None:
    old = tmp_path / "old"
    for part in ("gimp_plugin", "glcic_backend/wire"):
        shutil.copytree(REPOSITORY / part, old / part, ignore=shutil.ignore_patterns("__pycache__"))
    (old / "docs" / "manual").mkdir(parents=True)
    shutil.copy(REPOSITORY / "docs" / "manual" / "gimp.md", old / "docs" / "manual")
    shutil.copytree(REPOSITORY / "docs" / "images", old / "docs" / "images")
    (old / "gimp_plugin" / "inpaint-selection" / "old_part.py").touch()
    installed.install_plugin(old)
    (installed.plugin / "notes.txt").write_text("mine")
    assert (installed.plugin / "old_part.py").exists()

    installed.install_plugin()

    assert not (installed.plugin / "old_part.py").exists()
    assert (installed.plugin / "notes.txt").exists()
    listed = {entry.path for entry in installed.manifest.entries()}
    assert str(installed.plugin / "old_part.py") not in listed
    assert str(installed.plugin / "inpaint-selection.py") in listed


def test_the_manifest_lists_every_file_and_folder_that_was_made(installed: Installed) -> None:
    listed = {entry.path for entry in Manifest(installed.prefix).below(installed.plugin)}

    made = {str(installed.plugin), *(str(path) for path in installed.plugin.rglob("*"))}
    assert listed == made


def test_the_unit_is_written_listed_and_goes_with_the_rest(
    installed: Installed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = tmp_path / "calls"
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "systemctl").write_text(f'#!/bin/sh\necho "$@" >> {calls}\n')
    (tmp_path / "bin" / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin:/usr/bin")

    path = install_unit(Path("/x/glcic-backend"), installed.manifest)

    assert path == tmp_path / "home" / ".config" / "systemd" / "user" / UNIT == unit_file()
    assert 'ExecStart="/x/glcic-backend" serve' in path.read_text()
    assert f'Environment="GLCIC_HOME={installed.prefix}"' in path.read_text()
    installed.remove()
    assert calls.read_text() == f"--user disable --now {UNIT}\n"
    assert not (tmp_path / "home" / ".config" / "systemd").exists()


def test_a_unit_names_strange_paths_as_systemd_reads_them() -> None:
    text = unit_text(Path('/my %s "files"/x\\y'), None)

    assert 'ExecStart="/my %%s \\"files\\"/x\\\\y" serve\n' in text
    assert "Environment" not in text


def test_the_manifest_is_plain_json(installed: Installed) -> None:
    entries = json.loads(installed.manifest.path.read_text())["entries"]

    assert {"path", "kind", "sha256"} == set(entries[0])
    assert all(len(entry["sha256"]) == 64 for entry in entries if entry["kind"] == FILE)
    assert {entry["kind"] for entry in entries} >= {FILE, FOLDER, TREE}
