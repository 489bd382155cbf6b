"""The models that are loaded: on demand, a few at a time."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

from glcic_backend.daemon.engine import Engine, Library

MOST_LOADED = 2


class ModelRoom:
    """Engines by the name of their model; the least recently used one goes when there are too many.

    Attributes:
        library: where models come from.
        default: the engine of the default model as it was loaded first, for its description.
    """

    def __init__(self, library: Library) -> None:
        """Load the default model, so that one that cannot be used is told before anybody waits for it."""
        self.library = library
        self._lock = threading.Lock()
        self._loaded: OrderedDict[Hashable, Engine] = OrderedDict()
        self.default = self.engine("", lambda: None, lambda: False)

    def loaded(self, name: str) -> Engine | None:
        """The engine of a model if it is loaded. Never waits. Raises UnknownModelError."""
        identity = self.library.find(name)
        with self._lock:
            engine = self._loaded.get(identity)
            if engine is not None:
                self._loaded.move_to_end(identity)
            return engine

    def engine(self, name: str, loading: Callable[[], None], cancelled: Callable[[], bool]) -> Engine:
        """The engine of a model, loaded if need be; for the working thread only.

        Args:
            name: of the model, or nothing for the default.
            loading: called before it is loaded, which may take long.
            cancelled: polled meanwhile; True ends the wait for it.

        Raises:
            UnknownModelError: there is no such model, or it cannot be used.
            CancelledError: it was cancelled.
        """
        engine = self.loaded(name)
        if engine is not None:
            return engine
        loading()
        identity = self.library.find(name)
        engine = self.library.load(name, cancelled)
        with self._lock:
            self._loaded[identity] = engine
            while len(self._loaded) > MOST_LOADED:
                self._loaded.popitem(last=False)
        return engine
