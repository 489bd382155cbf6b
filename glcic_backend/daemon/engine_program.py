"""Program: the engine, in a process of its own, so that what kills it does not kill the daemon.

Started by `engine_process` as `python -m glcic_backend.daemon.engine_program DEVICE THREADS`.
"""

import sys
from functools import lru_cache
from pathlib import Path

from glcic_backend.daemon.engine_server import serve
from glcic_backend.daemon.model_room import MOST_LOADED
from glcic_backend.inpainter import Inpainter


def main() -> None:
    """The program."""
    device, threads = sys.argv[1], int(sys.argv[2]) if sys.argv[2] else None

    @lru_cache(MOST_LOADED)
    def load(path: str, *_version: int) -> Inpainter:
        return Inpainter.load(Path(path), device=device, threads=threads)

    serve(load)


if __name__ == "__main__":
    main()
