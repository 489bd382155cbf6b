"""docs/workshop/reliability.md: one row a promise, for every requirement, each with a test that exists."""

import re

from ..test_code_style import REPOSITORY

DOCUMENT = (REPOSITORY / "docs" / "workshop" / "reliability.md").read_text(encoding="utf-8")
LONGEST_CELL = 200


def rows() -> list[list[str]]:
    """The cells of every row of every table, headings left out."""
    lines = [line for line in DOCUMENT.splitlines() if line.startswith("| ") and not line.startswith("|---")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def promises() -> list[list[str]]:
    return [row for row in rows() if len(row) > 2 and "::test_" in row[2]]


def test_every_requirement_has_a_row_with_a_test() -> None:
    numbers = {int(match[1]) for row in promises() if (match := re.match(r"R(\d+)", row[0]))}

    assert numbers == set(range(1, 21))
    assert [row[0] for row in rows() if re.match(r"R\d", row[0]) and row not in promises()] == []


def test_a_row_is_one_promise_of_one_sentence_with_one_test() -> None:
    for row in promises():
        assert ". " not in row[1], row[1]
        assert re.fullmatch(r"`[\w/]+\.py::\w+`", row[2]), row[2]


def test_no_cell_is_long() -> None:
    assert [cell for row in rows() for cell in row if len(cell) > LONGEST_CELL] == []


def test_every_test_that_is_named_exists() -> None:
    named = re.findall(r"`([\w/]+\.py)(?:::(\w+))?`", DOCUMENT)
    files = {
        file: REPOSITORY / "tests" / file for file, test in named if test or file.rpartition("/")[2][:5] == "test_"
    }
    missing = {file for file, path in files.items() if not path.is_file()}
    missing |= {
        f"{file}::{test}"
        for file, test in named
        if test and file not in missing and f"def {test}(" not in files[file].read_text(encoding="utf-8")
    }
    assert len(named) > 90
    assert missing == set()
