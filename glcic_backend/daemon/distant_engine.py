"""An engine that runs in another process."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glcic_backend.context import context_rectangle
from glcic_backend.daemon.engine_process import EngineProcess
from glcic_backend.model_files.model_file import ModelInfo
from glcic_backend.wire.geometry import Rectangle

FileIdentity = tuple[Path, int, int]
"""Path, time and size of a model file."""


@dataclass(frozen=True)
class DistantModel:
    """What is known here of a model that is loaded there."""

    info: ModelInfo


class DistantEngine:
    """One model in the engine's process. Loads it, which may take long.

    Should that process be replaced, the next completion has the model loaded again.

    Raises:
        ModelFileError: the model cannot be used.
        InvalidInputError: the device is not there.
        EngineError: the process died.
        CancelledError: `cancelled`, which is polled, returned True.
    """

    def __init__(
        self, process: EngineProcess, file: FileIdentity, cancelled: Callable[[], bool] = lambda: False
    ) -> None:
        self._process = process
        self._file = [str(file[0]), *file[1:]]
        answer, _ = process.ask({"do": "load", "file": self._file}, cancelled=cancelled)
        self.model = DistantModel(ModelInfo(**answer["info"]))
        self.device: str = answer["device"]
        self.used = self.device

    def context(
        self, width: int, height: int, hole: Rectangle, *, quality: str, context: str, distance: int
    ) -> Rectangle:
        """As `glcic_backend.Inpainter.context`, without asking the other process, which may be busy."""
        largest = self.model.info.hole_range[1]
        return context_rectangle(
            width, height, hole, largest, details=quality == "best", context=context, distance=distance
        )

    def complete(
        self,
        image: NDArray[Any],
        mask: NDArray[Any],
        *,
        sources: NDArray[Any] | None,
        progress: Callable[[str, float], None],
        cancelled: Callable[[], bool],
        **options: Any,
    ) -> NDArray[Any]:
        """As `glcic_backend.Inpainter.complete`, for an image [H, W, C]. Raises also EngineError."""
        request = {
            "do": "complete",
            "file": self._file,
            "shape": image.shape,
            "dtype": image.dtype.str,
            "options": options,
        }
        buffers = [image.data, mask.data, *([] if sources is None else [sources.data])]
        answer, (changed,) = self._process.ask(request, buffers, progress, cancelled)
        self.used = answer["used"]
        rows = np.frombuffer(changed, image.dtype).reshape(-1, *image.shape[1:])
        completed = image.copy()
        completed[answer["first"] : answer["first"] + len(rows)] = rows
        return completed
