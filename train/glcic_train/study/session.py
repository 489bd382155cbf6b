"""A study under way: who is to see what next, and what they answered."""

import datetime
import threading
from pathlib import Path
from typing import Any

from glcic_backend.errors import InvalidInputError
from glcic_train.study.answers import Answer, AnswerLog, read_answers
from glcic_train.study.pictures import StudyPictures
from glcic_train.study.plan import Trial, plan

_LONGEST_NAME = 60


class Session:
    """Serves the trials of all participants and keeps their answers. Safe to use from several threads.

    Args:
        folder: the study's folder.
        seed: of the orders and of the choice of versions.
        count: pictures for each participant, at most; None = all.

    Raises:
        InvalidInputError, OutputError: the folder is no study, or its answers cannot be written.
    """

    def __init__(self, folder: Path, seed: int = 0, count: int | None = None) -> None:
        self.pictures = StudyPictures(folder)
        self._seed, self._count = seed, count
        self._log = AnswerLog(folder)
        self._lock = threading.Lock()
        self._plans: dict[str, list[Trial]] = {}
        self._answered: dict[str, set[str]] = {}
        for answer in read_answers(folder)[0]:
            self._answered.setdefault(answer.participant, set()).add(answer.picture)

    def state(self, participant: str) -> dict[str, Any]:
        """Where a participant stands.

        Args:
            participant: their name; whoever gives the same name again goes on where they stopped.

        Returns:
            `participant`; `total` and `answered` (numbers of pictures); `trial` and `following`: numbers of the next
            two pictures, None where there is none.

        Raises:
            InvalidInputError: the name is empty or too long.
        """
        participant = " ".join(participant.split())
        if not 1 <= len(participant) <= _LONGEST_NAME or not participant.isprintable():
            raise InvalidInputError(f"Give a name of 1 to {_LONGEST_NAME} letters.")
        trials = self._plan(participant)
        answered = self._answered.get(participant, set())
        left = [number for number, trial in enumerate(trials) if trial.picture not in answered]
        trial, following = [*left, None, None][:2]
        progress = {"total": len(trials), "answered": len(trials) - len(left)}
        return {"participant": participant, **progress, "trial": trial, "following": following}

    def picture(self, participant: str, number: int) -> tuple[bytes, str]:
        """Content and media type of the picture of a trial."""
        trial = self._trial(participant, number)
        return self.pictures.read(trial.method, trial.picture)

    def answer(
        self, participant: str, number: int, *, judged_real: bool, seconds: float, disturbed: bool
    ) -> dict[str, Any]:
        """Take an answer and tell the new state. An answer that comes twice counts once.

        Raises:
            InvalidInputError: there is no such trial, or the values make no sense.
            OutputError: it could not be written down; it does not count.
        """
        trial = self._trial(participant, number)
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        try:
            answer = Answer(participant, trial.picture, trial.method, judged_real, seconds, disturbed, now)
        except ValueError as error:
            raise InvalidInputError(f"The answer cannot be used: {error}.") from error
        with self._lock:
            answered = self._answered.setdefault(participant, set())
            if trial.picture not in answered:
                self._log.append(answer)
                answered.add(trial.picture)
        return self.state(participant)

    def close(self) -> None:
        """Close the file of the answers."""
        self._log.close()

    def _plan(self, participant: str) -> list[Trial]:
        if participant not in self._plans:
            self._plans[participant] = plan(self.pictures, self._seed, participant, self._count)
        return self._plans[participant]

    def _trial(self, participant: str, number: int) -> Trial:
        trials = self._plan(participant)
        if not 0 <= number < len(trials):
            raise InvalidInputError(f"There is no picture {number}; {participant} has {len(trials)}.")
        return trials[number]
