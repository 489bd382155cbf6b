"""docs/workshop/reliability.md names tests that exist, and has a row for each requirement."""

import re

from ..test_code_style import REPOSITORY

DOCUMENT = (REPOSITORY / "docs" / "workshop" / "reliability.md").read_text(encoding="utf-8")


def test_every_requirement_has_a_row_with_a_test() -> None:
    rows = dict(re.findall(r"^\| (R\d+) \|(.*)$", DOCUMENT, re.MULTILINE))

    assert list(rows) == [f"R{number}" for number in range(1, 21)]
    assert [name for name, row in rows.items() if "::test_" not in row] == []


def test_every_test_that_is_named_exists() -> None:
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", DOCUMENT)

    missing = []
    for file, test in named:
        path = REPOSITORY / "tests" / file
        if not path.is_file() or f"def {test}(" not in path.read_text(encoding="utf-8"):
            missing.append(f"{file}::{test}")
    assert len(named) > 30
    assert missing == []
