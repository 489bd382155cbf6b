"""A trial of the detail transfer changes what it says and nothing else."""

import math

import click
import pytest

from glcic_backend.detail import FREE

from .pairs import differences
from .trial import changed


def test_numbers_of_a_recipe_are_replaced():
    other = changed(FREE, ("fading=1.3", "rounds=(4, 6)"))

    assert (other.fading, other.rounds) == (1.3, (4, 6))
    assert changed(other, (f"fading={FREE.fading}", f"rounds={FREE.rounds}")) == FREE


def test_a_number_that_no_recipe_has_is_refused():
    with pytest.raises(click.BadParameter, match="fadding"):
        changed(FREE, ("fadding=1.3",))


def results(l1, photographs=("a", "b", "c")):
    case = {"photographs": list(photographs), "methods": {"best": {"l1": l1, "sharpness": [1.0, 1.0, 1.0]}}}
    return {"cases": {"blob": case}}


def test_two_results_are_compared_case_by_case():
    found = differences(results([10.0, 20.0, 30.0]), results([11.0, 22.0, 33.0]))

    assert found == {"blob": {"l1": (2.0, pytest.approx(1 / math.sqrt(3)))}}


def test_results_of_other_photographs_are_not_compared():
    with pytest.raises(ValueError, match="same photographs"):
        differences(results([1.0, 2.0, 3.0]), results([1.0, 2.0, 3.0], photographs=("a", "b", "d")))
    with pytest.raises(ValueError, match="no pairs"):
        differences(results([1.0, 2.0, 3.0]), results([1.0, 2.0]))
