"""A minute of fuzzing, and all inputs that once broke a promise."""

import random

import pytest

from .mutation import damage
from .run import CRASHES, BrokenPromiseError, fuzz, run_one
from .targets import TARGETS

SECONDS = 60.0 / len(TARGETS)


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_input_is_refused_in_the_promised_way(name):
    assert fuzz(name, seconds=SECONDS) > 100


@pytest.mark.parametrize("path", sorted(CRASHES.glob("*-*")), ids=lambda path: path.name)
def test_an_input_that_once_broke_a_promise_does_not_any_more(path):
    run_one(path.name.rpartition("-")[0], path.read_bytes())


def test_a_broken_promise_is_told_and_its_input_kept(monkeypatch, tmp_path):
    def fail(data):
        raise ZeroDivisionError(len(data))

    monkeypatch.setattr("tests.fuzz.run.CRASHES", tmp_path)
    monkeypatch.setitem(TARGETS, "mask", TARGETS["mask"].__class__(list, fail, (ValueError,)))

    with pytest.raises(BrokenPromiseError, match="ZeroDivisionError"):
        run_one("mask", b"input")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"input"]


def test_damage_changes_most_inputs_and_is_the_same_for_the_same_seed():
    seeds = [b"a valid input of some length"]
    damaged = [damage(random.Random(number), seeds) for number in range(200)]

    assert sum(data not in seeds for data in damaged) > 190
    assert damaged == [damage(random.Random(number), seeds) for number in range(200)]
