"""A stand-in for an installation: what install.py leaves, with things of the user around it."""

import io
import sys
from pathlib import Path

from glcic_backend.installer.console import Console
from glcic_backend.installer.gimp_steps import install_plugins
from glcic_backend.installer.manifest import Manifest, everything_below
from glcic_backend.installer.plugin_files import plugin_folder
from glcic_backend.installer.prefix import Marker
from glcic_backend.installer.uninstall import own_entries, read_installation, uninstall

from .tiny_project import REPOSITORY, everything_in


class Installed:
    """What install.py leaves, with a stand-in for the environment, and things of the user around it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.prefix = folder / "home" / ".local" / "share" / "glcic"
        self.profile = folder / "home" / ".config" / "GIMP" / "3.0"
        self.plugin = plugin_folder(self.profile)
        other = self.profile / "plug-ins" / "other" / "other.py"
        for path in (other, folder / "photos" / "holiday.jpg", self.prefix / "models" / "mine.safetensors"):
            path.parent.mkdir(parents=True)
            path.write_text("dear")
        self.foreign = everything_in(folder)
        Marker(self.prefix).begin()
        self.manifest = Manifest(self.prefix)
        self.manifest.add(own_entries(self.prefix))
        (self.prefix / "venv" / "bin").mkdir(parents=True)
        (self.prefix / "venv" / "bin" / "python").symlink_to(sys.executable)
        (self.prefix / "venv" / "photos").symlink_to(folder / "photos")
        (self.prefix / "venv" / "module.py").touch()
        (self.prefix / "selftest").mkdir()
        (self.prefix / "selftest" / "before-after.png").write_text("made by us")
        for name in ("venv", "selftest"):
            self.manifest.replace_below(self.prefix / name, everything_below(self.prefix / name))
        (self.prefix / "install.log").touch()
        (self.prefix / "install.lock").touch()
        (self.prefix / "run").mkdir(mode=0o700)
        (self.prefix / "run" / "daemon.lock").touch()
        self.install_plugin()

    def install_plugin(self, source: Path = REPOSITORY) -> None:
        install_plugins(source, [self.profile], ["/x/glcic-backend"], self.manifest)

    def remove(self) -> str:
        said = io.StringIO()
        uninstall(read_installation(self.prefix), Console(said))
        return said.getvalue()
