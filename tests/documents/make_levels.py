"""Makes docs/images/detail-levels.jpg: one hole on its way through the scales of the detail transfer.

`python -m tests.documents.make_levels PHOTOGRAPHS`, PHOTOGRAPHS being the shard val-0000.tar. From left to right: the
photograph with its hole, the completion of quality fast, the best vote after each scale's search, and the end.
"""

import argparse
from pathlib import Path
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from glcic_backend import Inpainter
from glcic_backend.detail.pyramid import RADIUS
from glcic_backend.detail.search import Search, logarithm
from glcic_backend.detail.voting import best_vote

from ..removals.drawn import drawn_mask, read_photograph
from .make_removals import REMOVALS

PICTURE = Path(__file__).parents[2] / "docs" / "images" / "detail-levels.jpg"
SHOWN = (10, 120, 260, 320)
SIDE, GAP = 230, 4


def searched_pictures(engine: Inpainter, image: NDArray[np.uint8], mask: NDArray[np.uint8]) -> list[Image.Image]:
    """The whole picture after the search at each scale, the coarsest first, at full size; then the end."""
    pictures = []
    begin = Search.begun

    def watched(search, found, in_step=True):
        field = begin(search, found, in_step)
        # The second beginning is not shown, nor the third, with one piece for the whole hole.
        if in_step and (found is not None or not pictures):
            level = field.level
            picture = level.pixels.reshape(-1, level.stride, 3)[RADIUS:-RADIUS, RADIUS:-RADIUS].copy()
            rows, columns = level.rows_and_columns(level.filled)
            votes = best_vote(level, field.found, logarithm(field.cost), lambda: None)
            picture[rows, columns] = level.pixels[votes]
            small = Image.fromarray((255 * picture.clip(0, 1)).astype(np.uint8))
            pictures.append(small.resize((image.shape[1], image.shape[0]), Image.Resampling.NEAREST))
        return field

    with patch.object(Search, "begun", watched):
        completed = engine.complete(image, mask, context="all")
    return [*pictures, Image.fromarray(completed)]


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the picture of the detail transfer's scales.")
    parser.add_argument("photographs", type=Path, help="the shard val-0000.tar")
    key, _, outline = REMOVALS[1]
    photograph = read_photograph([parser.parse_args().photographs], key)
    mask = drawn_mask(photograph.size, [outline])
    engine = Inpainter.load("shipped", device="cpu")
    image, marked = np.asarray(photograph), np.asarray(mask)
    with_hole = Image.composite(Image.new("RGB", photograph.size, (128, 128, 128)), photograph, mask)
    fast = Image.fromarray(engine.complete(image, marked, quality="fast"))
    steps = [with_hole, fast, *searched_pictures(engine, image, marked)]
    height = SIDE * (SHOWN[3] - SHOWN[1]) // (SHOWN[2] - SHOWN[0])
    strip = Image.new("RGB", (len(steps) * (SIDE + GAP) - GAP, height), "white")
    for number, step in enumerate(steps):
        strip.paste(step.crop(SHOWN).resize((SIDE, height), Image.Resampling.LANCZOS), (number * (SIDE + GAP), 0))
    strip.save(PICTURE, quality=88, subsampling=0)


if __name__ == "__main__":
    main()
