"""The plug-in as it is installed, its parts importable by the names that they have there."""

import sys
from pathlib import Path

import pytest

from glcic_backend.installer.plugin_files import install_plugin, plugin_folder

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session", autouse=True)
def installed(tmp_path_factory):
    """Folder of an installed plug-in, on the path of imports."""
    profile = tmp_path_factory.mktemp("profile")
    install_plugin(REPOSITORY, profile, ["/opt/glcic/bin/glcic-backend"], None)
    folder = plugin_folder(profile)
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))
