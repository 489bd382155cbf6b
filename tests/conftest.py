"""What holds for every test."""

import shutil
import tempfile

import pytest

from glcic_backend.threads import wait_without_spinning

wait_without_spinning()


@pytest.fixture(scope="session", autouse=True)
def private_home():
    """No test reads or changes the models and the daemon of the user who runs it."""
    # A short path: the daemon's Unix socket lies below it.
    folder = tempfile.mkdtemp(prefix="glcic-")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GLCIC_HOME", folder)
        yield
    shutil.rmtree(folder, ignore_errors=True)
