"""Results side by side, as one picture."""

import cv2
import numpy as np

from glcic_train.evaluation.cases import Case
from glcic_train.training.pictures import joined

_CELL = 256
_HEADING = 24
_WHITE, _BLACK = 255, (0, 0, 0)


class Sheet:
    """Collects the first cases of each kind of hole: truth, input, and the result of every method.

    Args:
        rows: cases shown of each kind.
    """

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._cases: dict[str, list[np.ndarray]] = {}

    def add(self, case: Case, results: dict[str, np.ndarray]) -> None:
        """Take a case, unless there are enough of its kind. Shown is the square of 256 pixels around the hole."""
        rows = self._cases.setdefault(case.kind, [])
        if len(rows) < self._rows:
            window = case.window(_CELL)
            shown = {"truth": case.truth, "input": case.input} | results
            cells = [image[window] for image in shown.values()]
            if not rows:
                headings = [_heading(name, cell.shape[1]) for name, cell in zip(shown, cells, strict=True)]
                cells = [np.concatenate(pair) for pair in zip(headings, cells, strict=True)]
            rows.append(joined(cells, axis=1))

    def pictures(self) -> dict[str, np.ndarray]:
        """Kind of hole -> sheet, uint8 [H, W, 3], RGB."""
        return {kind: joined(rows, axis=0) for kind, rows in self._cases.items() if rows}


def _heading(name: str, width: int) -> np.ndarray:
    strip = np.full((_HEADING, width, 3), _WHITE, np.uint8)
    cv2.putText(strip, name, (0, _HEADING - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.5, _BLACK, 1, cv2.LINE_AA)
    return strip
