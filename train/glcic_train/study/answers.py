"""The answers of a study: one JSON object a line, on the disk before the page is told."""

import json
import math
import os
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from glcic_backend.errors import InvalidInputError, OutputError

ANSWERS = "answers.jsonl"


@dataclass(frozen=True)
class Answer:
    """What one participant thought of one picture.

    Attributes:
        participant: their name.
        picture: name of the photograph.
        method: whose version they saw.
        judged_real: True = "real", False = "completed".
        seconds: from the picture's appearance on the screen to the answer.
        disturbed: the page was hidden in between, so the time says nothing.
        answered: when, in UTC, ISO 8601.
    """

    participant: str
    picture: str
    method: str
    judged_real: bool
    seconds: float
    disturbed: bool
    answered: str

    def __post_init__(self) -> None:
        texts = (self.participant, self.picture, self.method, self.answered)
        flags = (self.judged_real, self.disturbed)
        number = isinstance(self.seconds, int | float) and not isinstance(self.seconds, bool)
        if not all(isinstance(text, str) for text in texts) or not all(isinstance(flag, bool) for flag in flags):
            raise ValueError("a field has the wrong type")
        if not number or not math.isfinite(self.seconds) or self.seconds < 0:
            raise ValueError(f"{self.seconds!r} is no time")


class AnswerLog:
    """Appends answers to a study's file. Safe to use from several threads.

    Args:
        folder: the study's folder.

    Raises:
        OutputError: the file cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / ANSWERS
        self._lock = threading.Lock()
        try:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o644)
            self._end_line()
        except OSError as error:
            raise self._cannot_write(error) from error

    def append(self, answer: Answer) -> None:
        """Write an answer down; it is on the disk when this returns.

        Raises:
            OutputError: it could not be written.
        """
        line = (json.dumps(asdict(answer), ensure_ascii=False) + "\n").encode()
        with self._lock:
            try:
                if os.write(self._file, line) != len(line):
                    self._end_line()
                    raise OSError("the disk took only a part of it")
                os.fsync(self._file)
            except OSError as error:
                raise self._cannot_write(error) from error

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _end_line(self) -> None:
        """End a line that a kill or a full disk has cut off, so that the next answer stands on its own."""
        size = os.lseek(self._file, 0, os.SEEK_END)
        if size and (os.lseek(self._file, size - 1, os.SEEK_SET), os.read(self._file, 1))[1] != b"\n":
            os.write(self._file, b"\n")

    def _cannot_write(self, error: OSError) -> OutputError:
        return OutputError(
            f"{self._path} cannot be written: {error.strerror or error}. "
            "Free some space or change its permissions; the answers so far are safe."
        )


def read_answers(folder: Path) -> tuple[list[Answer], int]:
    """All answers of a study, and the number of lines that cannot be read (cut off by a kill, say).

    The first answer of a participant to a picture counts.

    Raises:
        InvalidInputError: the file cannot be opened.
    """
    path = folder / ANSWERS
    if not path.exists():
        return [], 0
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be read: {error.strerror}.") from error
    answers: dict[tuple[str, str], Answer] = {}
    damaged = 0
    for line in filter(None, lines):
        try:
            answer = Answer(**_object(line))
        except (ValueError, TypeError):
            damaged += 1
            continue
        answers.setdefault((answer.participant, answer.picture), answer)
    return list(answers.values()), damaged


def _object(line: bytes) -> dict[str, Any]:
    value = json.loads(line)
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value
