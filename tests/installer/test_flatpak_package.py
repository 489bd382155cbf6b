"""The manifest of the plug-in for Flatpak: what of it can be checked without Flatpak."""

import json
import os
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from glcic_backend import __version__
from glcic_backend.installer.plugin_files import plugin_folder

REPOSITORY = Path(__file__).parents[2]
NAME = "org.gimp.GIMP.Plugin.InpaintSelection"
FOLDER = REPOSITORY / "packaging" / "flatpak"
MANIFEST = json.loads((FOLDER / f"{NAME}.json").read_text(encoding="utf-8"))
DESCRIPTION = FOLDER / f"{NAME}.metainfo.xml"


def test_it_is_an_extension_of_gimps_point_for_plugins():
    assert MANIFEST["id"] == NAME
    assert (MANIFEST["runtime"], MANIFEST["branch"], MANIFEST["build-extension"]) == ("org.gimp.GIMP", "3", True)
    # Below the extension point's own folder, by the last part of the name.
    assert MANIFEST["build-options"]["prefix"] == f"/app/extensions/{NAME.rpartition('.')[2]}"


def test_its_commands_lay_out_a_whole_plugin(tmp_path):
    (module,) = MANIFEST["modules"]
    assert (FOLDER / module["sources"][0]["path"]).resolve() == REPOSITORY

    for command in module["build-commands"]:
        subprocess.run(
            ["/bin/sh", "-ec", command], cwd=REPOSITORY, env={**os.environ, "FLATPAK_DEST": str(tmp_path)}, check=True
        )

    plugin = plugin_folder(tmp_path)
    assert os.access(plugin / "inpaint-selection.py", os.X_OK)
    assert (plugin / "wire" / "client.py").is_file()
    assert json.loads((plugin / "installation.json").read_text())["command"] == ["glcic-backend"]
    assert (tmp_path / "share" / "metainfo" / DESCRIPTION.name).read_bytes() == DESCRIPTION.read_bytes()
    assert (tmp_path / "share" / "licenses" / "inpaint-selection" / "LICENSE").is_file()


def test_its_description_has_the_same_name_and_the_version_of_the_package():
    root = ElementTree.parse(DESCRIPTION).getroot()

    assert (root.get("type"), root.findtext("id"), root.findtext("extends")) == ("addon", NAME, MANIFEST["runtime"])
    assert root.find("releases/release").get("version") == __version__


def test_its_description_is_valid():
    if not shutil.which("appstreamcli"):
        reason = "appstreamcli is missing, of Debian's package appstream"
        pytest.fail(reason) if os.environ.get("GLCIC_TEST_EVERYTHING") else pytest.skip(reason)

    checked = subprocess.run(
        ["appstreamcli", "validate", "--no-net", "--pedantic", DESCRIPTION], capture_output=True, text=True
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr
