"""Fills the photographs of a folder by one program, for `sheet.py` to show beside those of another.

`python -m tests.removals.fill PHOTOGRAPHS RESULTS --seed 0 --seed 1`

PHOTOGRAPHS holds NAME.jpg (or .png, .webp) and NAME-mask.png, white where it is to be filled. RESULTS gets a folder
for each seed, of NAME.png. `--by patchmatch`, or another of the baselines of `glcic-train evaluate`, takes that
instead, `--checkout FOLDER` the program of another checkout.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from .cases import Case, cases_in

Program = Callable[[np.ndarray, np.ndarray, int], np.ndarray]
"""(uint8 [H, W, 3], bool [H, W], seed) -> uint8 [H, W, 3]."""


def engine(quality: str) -> Program:
    """The program of this project, in one of its qualities, with the model that ships."""
    from glcic_backend import Inpainter

    inpainter = Inpainter.load("shipped", device="cpu")
    return lambda image, hole, seed: inpainter.complete(image, hole, quality=quality, seed=seed)


def baseline(name: str) -> Program:
    """Another program, as `glcic-train evaluate` has it."""
    from glcic_train.evaluation.baselines import baselines

    return lambda image, hole, seed: baselines((name,), seed)[name](image, hole)


def fill(case: Case, program: Program, seed: int, result: Path) -> float:
    """Fill one case and write it. Returns processor seconds."""
    image, hole = case.read()
    begin = time.process_time()
    filled = program(image, hole, seed)
    spent = time.process_time() - begin
    result.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(filled).save(result, compress_level=1)
    return spent


def main() -> None:
    parser = argparse.ArgumentParser(description="Fill the photographs of a folder.")
    parser.add_argument("photographs", type=Path)
    parser.add_argument("results", type=Path)
    parser.add_argument("--by", default="best", help="best, fast, or a baseline: patchmatch, gmic-matchpatch, ...")
    parser.add_argument("--seed", type=int, action="append", dest="seeds")
    parser.add_argument("--only", action="append", metavar="NAME", help="may be repeated; default: all")
    parser.add_argument("--checkout", type=Path, help="of the program; default: this one")
    arguments = parser.parse_args()
    if arguments.checkout:
        sys.path[:0] = [str(arguments.checkout), str(arguments.checkout / "train")]
    program = engine(arguments.by) if arguments.by in ("best", "fast") else baseline(arguments.by)
    for seed in arguments.seeds or [0]:
        for case in cases_in(arguments.photographs, arguments.only):
            result = arguments.results / str(seed) / f"{case.name}.png"
            if not result.exists():
                print(f"{case.name} seed {seed}: {fill(case, program, seed, result):.2f} processor seconds", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
