"""A trial of the detail transfer changes what it says and nothing else."""

import click
import pytest

from glcic_backend.detail import FREE

from .trial import changed


def test_numbers_of_a_recipe_are_replaced():
    other = changed(FREE, ("fading=1.3", "rounds=(4, 6)"))

    assert (other.fading, other.rounds) == (1.3, (4, 6))
    assert changed(other, (f"fading={FREE.fading}", f"rounds={FREE.rounds}")) == FREE


def test_a_number_that_no_recipe_has_is_refused():
    with pytest.raises(click.BadParameter, match="fadding"):
        changed(FREE, ("fadding=1.3",))
