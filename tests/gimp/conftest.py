"""Real GIMPs with the plug-in installed, and the true daemon, which the plug-in starts itself.

Every test runs in each GIMP of `gimp_root.SUITES`, first all of them in the one, then all in the other.
"""

import os

import pytest

from . import gimp_root
from .machine import prepared_machine
from .pictures import Picture
from .session import Session


@pytest.fixture(scope="session", params=gimp_root.SUITES, ids=gimp_root.SUITES.get)
def machine(request):
    reason = gimp_root.why_not(request.param)
    if reason and os.environ.get("GLCIC_TEST_EVERYTHING"):
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)
    with prepared_machine(request.param) as made:
        yield made


@pytest.fixture(scope="session")
def gimp(machine):
    """A GIMP without a window, for all tests: its start takes seconds."""
    session = Session(machine.inside(), machine.folder)
    yield session
    session.close()


@pytest.fixture
def picture(gimp, machine):
    """Makes the image of a test in GIMP."""

    def make(before, **options):
        return Picture(gimp, machine.folder, before, **options)

    yield make
    gimp.run("for each in Gimp.get_images(): each.delete()")
