"""Copying the plug-in into a profile of GIMP."""

import json
import stat
import subprocess
import sys

import pytest

import glcic_backend
from glcic_backend.installer.plugin_files import choose_first_line, install_plugin, plugin_folder
from glcic_backend.installer.prefix import InstallError
from glcic_backend.wire.codec import PROTOCOL_VERSION

from .conftest import REPOSITORY

COMMAND = ["/opt/glcic/bin/glcic-backend"]


def test_the_main_file_has_the_name_of_its_folder_and_can_be_executed(installed):
    main = installed / f"{installed.name}.py"

    assert installed.name == "inpaint-selection"
    assert main.stat().st_mode & stat.S_IXUSR
    assert main.read_bytes().startswith(b"#!/usr/bin/")
    assert b"\r" not in main.read_bytes()


def test_the_wire_package_lies_beside_it_as_it_is_in_the_backend(installed):
    ours = {path.name: path.read_bytes() for path in (REPOSITORY / "glcic_backend" / "wire").glob("*.py")}

    assert {path.name: path.read_bytes() for path in (installed / "wire").glob("*.py")} == ours


@pytest.mark.parametrize("home", [None, "/srv/glcic"])
def test_the_daemon_that_belongs_to_it_is_described(tmp_path, home):
    install_plugin(REPOSITORY, tmp_path, [*COMMAND, "-v"], home)

    assert json.loads((plugin_folder(tmp_path) / "installation.json").read_text()) == {
        "version": glcic_backend.__version__,
        "protocol": PROTOCOL_VERSION,
        "command": [*COMMAND, "-v"],
        "home": home,
    }


def test_every_path_written_is_returned_each_folder_after_its_content(tmp_path):
    written = install_plugin(REPOSITORY, tmp_path / "profile", COMMAND, None)

    assert set(written) == {tmp_path / "profile", *(tmp_path / "profile").rglob("*")}
    for path in written:
        assert path.is_file() or path.is_dir()
    for path in written:  # as an uninstaller would
        path.rmdir() if path.is_dir() else path.unlink()
    assert list(tmp_path.iterdir()) == []


def test_folders_that_were_there_are_not_claimed(tmp_path):
    (tmp_path / "plug-ins").mkdir()

    written = install_plugin(REPOSITORY, tmp_path, COMMAND, None)

    assert tmp_path not in written
    assert tmp_path / "plug-ins" not in written


def test_an_older_one_is_replaced(tmp_path):
    install_plugin(REPOSITORY, tmp_path, ["/old"], None)
    install_plugin(REPOSITORY, tmp_path, COMMAND, None)

    assert json.loads((plugin_folder(tmp_path) / "installation.json").read_text())["command"] == COMMAND


def test_a_plugin_of_somebody_else_is_left_alone(tmp_path):
    plugin_folder(tmp_path).mkdir(parents=True)
    (plugin_folder(tmp_path) / "inpaint-selection.py").write_text("theirs")

    with pytest.raises(InstallError, match="did not make"):
        install_plugin(REPOSITORY, tmp_path, COMMAND, None)

    assert (plugin_folder(tmp_path) / "inpaint-selection.py").read_text() == "theirs"


def test_a_link_is_left_alone(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    plugin_folder(tmp_path).parent.mkdir()
    plugin_folder(tmp_path).symlink_to(tmp_path / "elsewhere")

    with pytest.raises(InstallError, match="link"):
        install_plugin(REPOSITORY, tmp_path, COMMAND, None)

    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_an_incomplete_source_is_refused(tmp_path):
    with pytest.raises(InstallError, match="complete checkout"):
        install_plugin(tmp_path, tmp_path / "profile", COMMAND, None)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("#!/bin/sh\nexit 0\n", "#!{python}"),
        ("#!/bin/sh\nexit 1\n", "#!/usr/bin/env python3"),
        (None, "#!/usr/bin/env python3"),
    ],
    ids=["has gi", "lacks gi", "missing"],
)
def test_the_first_line_names_the_systems_python_if_that_has_gimps_modules(tmp_path, content, line):
    python = tmp_path / "python3"
    if content is not None:
        python.write_text(content)
        python.chmod(0o755)

    assert choose_first_line(str(python)) == line.format(python=python)


def test_it_can_be_copied_before_anything_is_installed(tmp_path):
    code = (
        f"import sys; from pathlib import Path; sys.path.insert(0, {str(REPOSITORY)!r})\n"
        "from glcic_backend.installer.plugin_files import install_plugin\n"
        f"install_plugin(Path({str(REPOSITORY)!r}), Path({str(tmp_path)!r}), ['x'], None)"
    )

    subprocess.run([sys.executable, "-I", "-S", "-B", "-c", code], check=True)

    assert (plugin_folder(tmp_path) / "wire" / "client.py").is_file()
