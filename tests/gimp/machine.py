"""Where GIMP is, with the plug-in installed in a profile that belongs to the tests alone."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from glcic_backend.wire.client import DaemonClient
from glcic_backend.wire.errors import DaemonNotRunningError

from . import gimp_root

REPOSITORY = Path(__file__).resolve().parents[2]

_GIMPRC = """\
(color-profile-policy keep)
(show-welcome-dialog no)
(check-updates no)
(config-version "{version}")
(last-known-release "{version}")
"""


@dataclass
class Machine:
    """Where GIMP is, with the plug-in in its profile.

    Attributes:
        folder: everything that is written lies here; the same path inside and outside.
        root: of `gimp_root`.
    """

    folder: Path
    root: Path

    @property
    def home(self) -> Path:
        """GLCIC_HOME of the daemon."""
        return self.folder / "home"

    @property
    def profile(self) -> Path:
        """GIMP's folder of the user."""
        return self.folder / "profile"

    def inside(self, **variables: str) -> list[str]:
        """The beginning of a command line that runs a program where GIMP is."""
        readable = [REPOSITORY, Path(sys.prefix), Path(sys.base_prefix)]
        variables = {"HOME": str(self.folder), "GIMP3_DIRECTORY": str(self.profile), **variables}
        return gimp_root.inside(self.root, self.folder, readable, variables)

    def gimp_version(self) -> str:
        """Such as 3.0.4."""
        said = subprocess.run([*self.inside(), "gimp-console", "--version"], capture_output=True, text=True).stdout
        return re.findall(r"version (\d+\.\d+\.\d+)", said)[0]

    def install(self) -> None:
        """Installs the plug-in with the Python that is there, as install.py would."""
        program = Path(sys.executable).with_name("glcic-backend")
        code = (
            "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1]); sys.dont_write_bytecode = True\n"
            "from glcic_backend.installer.plugin_files import install_plugin\n"
            "install_plugin(Path(sys.argv[1]), Path(sys.argv[2]), [sys.argv[3]], Path(sys.argv[4]))"
        )
        places = [str(path) for path in (REPOSITORY, self.profile, program, self.home)]
        subprocess.run([*self.inside(), "python3", "-c", code, *places], check=True)

    def daemon(self) -> DaemonClient:
        """A connection to the daemon that runs."""
        return DaemonClient.connect(self.home, software="test 1.0")

    def stop_daemon(self) -> None:
        """Ends the daemon, if one runs."""
        try:
            client = self.daemon()
        except DaemonNotRunningError:
            return
        client.stop()


@contextlib.contextmanager
def prepared_machine(suite: str) -> Iterator[Machine]:
    """A machine with the GIMP of one of `gimp_root.SUITES` that leaves nothing behind."""
    # A short path: the daemon's Unix socket lies below it.
    made = Machine(Path(tempfile.mkdtemp(prefix="glcic-gimp-")), gimp_root.make_root(suite))
    try:
        made.home.mkdir()
        made.profile.mkdir()
        (made.profile / "gimprc").write_text(_GIMPRC.format(version=made.gimp_version()))
        made.install()
        yield made
        made.stop_daemon()
    finally:
        shutil.rmtree(made.folder)
