"""The installed models as the daemon's library."""

import contextlib
import logging
from collections.abc import Callable
from pathlib import Path

from glcic_backend.daemon.distant_engine import DistantEngine, FileIdentity
from glcic_backend.daemon.engine import UnknownModelError
from glcic_backend.daemon.engine_process import EngineProcess
from glcic_backend.errors import ModelFileError
from glcic_backend.model_files import library as model_library
from glcic_backend.model_files.model_file import read_info
from glcic_backend.wire.checked import MAX_MODELS, MAX_TITLE, ListedModel

log = logging.getLogger(__name__)


class InstalledModels:
    """The models of this user, by the names that `glcic-backend models list` shows; clients cannot name paths.

    Args:
        model: name or path of the default; None for the one in use.
        process: where they are loaded and run.

    Raises:
        ModelFileError: no such model is installed.
    """

    def __init__(self, model: str | None, process: EngineProcess) -> None:
        self._default = model_library.resolve_model(model)
        self._process = process

    @property
    def is_dead(self) -> bool:
        """Whether the engine's process has died too often."""
        return self._process.is_dead

    def close(self) -> None:
        """End the engine's process."""
        self._process.close()

    def find(self, name: str) -> FileIdentity:
        """The file of a model with the time and size that it has now. Raises UnknownModelError."""
        path = self._path(name)
        try:
            status = path.stat()
        except OSError as error:
            raise UnknownModelError(f"The model file {path} cannot be read: {error.strerror}. {_SEE}") from None
        return path, status.st_mtime_ns, status.st_size

    def load(self, name: str, cancelled: Callable[[], bool]) -> DistantEngine:
        """Load a model, unless `cancelled`, which is polled, returns True.

        Raises:
            UnknownModelError: it is not there, or its file cannot be used.
            InvalidInputError: the device is not there.
            EngineError: the engine's process died.
            CancelledError: it was cancelled.
        """
        try:
            return DistantEngine(self._process, self.find(name), cancelled)
        except ModelFileError as error:
            raise UnknownModelError(f"The model cannot be used. {error} {_SEE}") from error

    def listed(self) -> list[ListedModel]:
        """The shipped model and the installed ones whose description can be read, the default among them.

        A default that was given as a path has the empty name.
        """
        names = [model_library.SHIPPED, *model_library.installed_names()]
        listed: list[ListedModel] = []
        has_default = False
        for name in names:
            if len(listed) == MAX_MODELS - 1:
                log.warning("only %d of %d models are listed", len(listed), len(names))
                break
            try:
                path = model_library.resolve_model(name)
                title = read_info(path).name
            except ModelFileError as error:
                log.warning("a model is left out of the list: %s", error)
                continue
            listed.append(ListedModel(name=name, title=title[:MAX_TITLE], default=path == self._default))
            has_default = has_default or path == self._default
        if not has_default:
            with contextlib.suppress(ModelFileError):
                title = read_info(self._default).name
                listed.insert(0, ListedModel(name="", title=title[:MAX_TITLE], default=True))
        return listed

    def _path(self, name: str) -> Path:
        if not name:
            return self._default
        names = [model_library.SHIPPED, *model_library.installed_names()]
        if name not in names:
            raise UnknownModelError(
                f"No model of the name {name!r} is installed; {len(names)} are: {', '.join(names[:5])}"
                f"{', ...' * (len(names) > 5)}. {_SEE}"
            )
        try:
            return model_library.resolve_model(name)
        except ModelFileError as error:
            raise UnknownModelError(f"The model cannot be used. {error} {_SEE}") from None


_SEE = "Choose one of those that `glcic-backend models list` shows."
