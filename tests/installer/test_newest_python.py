"""The installer and the wire on the newest Python that can be had here: that of Debian's coming release.

PyTorch's CPU build for it lies on an index of its own and its other build needs 2.9 GB, so the engine is not run there.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.gimp import gimp_root

REPOSITORY = Path(__file__).resolve().parents[2]
SUITE = "forky"

PURE = ("pytest", "_pytest", "py", "pluggy", "iniconfig", "packaging", "pygments", "pytest_timeout", "psutil")
"""What the tests need besides the standard library, and is the same for each Python; psutil for all from 3.6 on."""

COMPILED = ("installer/test_wheel.py", "installer/test_newest_python.py", "wire/test_zmtp.py", "wire/test_messages.py")
"""Tests that need packages made for one Python: hatchling's, libzmq, hypothesis."""

WITH_PIP = "installs or in_its_middle or is_installed_in_place or lists_each_gimp or lies_below_its_prefix"
"""Tests that make an environment, for which the root lacks Debian's python3-venv."""


@pytest.mark.slow
def test_the_installer_and_the_wire_pass_their_tests_on_the_newest_python(tmp_path):
    reason = gimp_root.why_not(SUITE)
    if reason and not os.environ.get("GLCIC_TEST_EVERYTHING"):
        pytest.skip(reason)
    assert reason == ""
    site = tmp_path / "site"
    site.mkdir()
    for name in PURE:
        place = Path(importlib.util.find_spec(name).origin)
        place = place.parent if place.name == "__init__.py" else place
        (site / place.name).symlink_to(place)
    readable = [REPOSITORY, Path(sys.prefix), Path(sys.base_prefix)]
    variables = {"HOME": str(tmp_path), "PYTHONPATH": f"{REPOSITORY}:{site}", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [*gimp_root.inside(gimp_root.make_root(SUITE), tmp_path, readable, variables), "--chdir", str(REPOSITORY)]
    command += ["python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "pytest_timeout", "--tb=short"]
    command += [f"--ignore={REPOSITORY / 'tests' / name}" for name in COMPILED]
    command += ["-k", f"not ({WITH_PIP})", "tests/installer", "tests/wire"]

    done = subprocess.run(command, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert int(done.stdout.rpartition(" passed")[0].split()[-1].strip("=")) > 200, done.stdout[-2000:]
