"""What a run writes down: lines of JSON always, TensorBoard where it is installed."""

import importlib.util
import json
import time
from pathlib import Path
from typing import Any

import numpy as np


class RunLog:
    """Appends to `log.jsonl` in the run's folder, and to TensorBoard files in `tensorboard/`.

    Every line is one JSON object with `event` and `step`; the line is on the file when the method returns.

    Args:
        folder: the run's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._file = (folder / "log.jsonl").open("a", encoding="utf-8")
        self._board: Any = None
        if importlib.util.find_spec("tensorboard") is not None:
            from torch.utils.tensorboard import SummaryWriter  # slow to import, and optional

            self._board = SummaryWriter(str(folder / "tensorboard"))

    def event(self, event: str, step: int, **values: Any) -> None:
        """Write one line, such as `{"event": "losses", "step": 50, "mse": 0.03, ...}`."""
        line = {"event": event, "step": step, "time": round(time.time(), 3), **values}
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
        if self._board is not None:
            for name, value in values.items():
                if isinstance(value, float):
                    self._board.add_scalar(f"{event}/{name}", value, step)

    def picture(self, name: str, step: int, picture: np.ndarray) -> None:
        """Show a picture, uint8 [H, W, 3], RGB, in TensorBoard."""
        if self._board is not None:
            self._board.add_image(name, picture, step, dataformats="HWC")
            self._board.flush()

    def close(self) -> None:
        """Write out what is buffered."""
        self._file.close()
        if self._board is not None:
            self._board.close()
