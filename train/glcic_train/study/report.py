"""Table, JSON and plots of a study."""

import dataclasses
from html import escape
from pathlib import Path
from typing import Any

from glcic_backend.atomic_file import write_atomically
from glcic_backend.errors import InvalidInputError
from glcic_train.data.manifest import dump_json
from glcic_train.study.answers import read_answers
from glcic_train.study.figures import MethodFigures, figures
from glcic_train.study.pictures import StudyPictures
from glcic_train.study.plots import detected_svg, naturalness_svg

_TIMES = (1, 2, 4, 8, 16)
"""Seconds for which the table gives the share detected."""

_HEADINGS = (
    "method", "answers", "naturalness", "95 % interval", "median of participants", "seconds",
    *(f"detected in {time} s" for time in _TIMES),
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class StudyReport:
    """What a study says: as text, and as plain values for JSON."""

    text: str
    values: dict[str, Any]


def write_report(folder: Path, pictures: str = "*") -> StudyReport:
    """Count the answers of a study, and write report.json, naturalness.svg and detected.svg into its folder.

    Args:
        pictures: pattern of the names of the pictures that count.

    Raises:
        InvalidInputError: the folder is no study, or no answer counts.
        OutputError: a file cannot be written.
    """
    answers, damaged = read_answers(folder)
    methods = figures(answers, StudyPictures(folder).methods, pictures)
    if not methods:
        raise InvalidInputError(
            f"{folder} has no answer to a picture named {pictures}. "
            f"Let people take part: glcic-train study serve {folder}"
        )
    participants = sorted({name for one in methods.values() for name in one.by_participant})
    disturbed = sum(answer.disturbed for answer in answers)
    values = {
        "format": "glcic-train study report 1",
        "pictures": pictures,
        "participants": participants,
        "disturbed": disturbed,
        "damaged_lines": damaged,
        "methods": {name: {**dataclasses.asdict(one), "median": one.median} for name, one in methods.items()},
    }
    write_atomically(folder / "report.json", dump_json(values))
    write_atomically(folder / "naturalness.svg", naturalness_svg(methods).encode())
    write_atomically(folder / "detected.svg", detected_svg(methods).encode())
    text = [_said_by(len(participants)), "", _text_table(_rows(methods))]
    if disturbed:
        text.append(f"Left out: {disturbed} answers during which the page was hidden.")
    if damaged:
        text.append(f"Left out: {damaged} lines of answers.jsonl that cannot be read.")
    return StudyReport("\n".join(text), values)


def results_page(pictures: StudyPictures) -> bytes:
    """The results so far as a web page, also while the study goes on."""
    answers, _ = read_answers(pictures.folder)
    methods = figures(answers, pictures.methods)
    if methods:
        header, *rows = _rows(methods)
        cells = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
        table = f"<table><tr>{''.join(f'<th>{escape(cell)}</th>' for cell in header)}</tr>{cells}</table>"
        participants = len({name for one in methods.values() for name in one.by_participant})
        body = f"<p>{_said_by(participants)}</p>{naturalness_svg(methods)}{detected_svg(methods)}{table}"
    else:
        body = "<p>No answers yet.</p>"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Results of the study</title>'
        '<link rel="stylesheet" href="/study.css"></head>'
        f'<body class="results"><main><h1>Results</h1>{body}</main></body></html>'
    ).encode()


def _said_by(participants: int) -> str:
    people = "1 person" if participants == 1 else f"{participants} people"
    return f"Answers of {people}. Detected: judged completed by then."


def _rows(methods: dict[str, MethodFigures]) -> list[list[str]]:
    rows = [list(_HEADINGS)]
    for name, one in methods.items():
        low, high = one.interval
        rows.append(
            [
                name,
                str(one.answers),
                f"{one.naturalness:.1%}",
                f"{low:.1%} to {high:.1%}",
                f"{one.median:.1%}",
                f"{one.seconds:.1f}",
                *(f"{one.detected_within(time):.1%}" for time in _TIMES),
            ]
        )
    return rows


def _text_table(rows: list[list[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.rjust(width) if column else cell.ljust(width) for column, (cell, width) in enumerate(pairs))
        for pairs in (list(zip(row, widths, strict=True)) for row in rows)
    )
