"""Makes the pictures of docs/workshop/results.md and of the model card from the sheets of evaluations.

`python -m tests.documents.make_sheets SMALL LARGE`, SMALL and LARGE being the folders (`--out`) of the two evaluations
of 200 photographs in docs/workshop/results.md. The first photographs are shown, none is chosen. The column of the mean
colour is left out, since everybody can imagine it.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

IMAGES = Path(__file__).parents[2] / "docs" / "images"
HEADING, CELL, GAP, ROWS = 24, 256, 4, 6  # of the sheets, pixels; photographs that are shown
MEAN_COLOUR = 5  # its column
SMALL_COLUMNS = 9
WIDTH, QUALITY = 1280, 80


def without_mean_colour(sheet: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A sheet, uint8 [h, w, 3], without one column."""
    left, right = MEAN_COLOUR * (CELL + GAP), (MEAN_COLOUR + 1) * (CELL + GAP)
    return np.concatenate([sheet[:, :left], sheet[:, right:]], axis=1)


def main() -> None:
    """Write the three pictures."""
    parser = argparse.ArgumentParser(description="Make the pictures of the results from the sheets of evaluations.")
    parser.add_argument("small", type=Path, metavar="SMALL", help="folder of the evaluation of small holes")
    parser.add_argument("large", type=Path, metavar="LARGE", help="folder of the evaluation of large holes")
    arguments = parser.parse_args()
    for sheet, name in (
        (arguments.small / "sheet-rectangle.png", "results-small-holes"),
        (arguments.small / "sheet-blob.png", "model-sheet"),
        (arguments.large / "sheet-rectangle.png", "results-large-holes"),
    ):
        pixels = np.asarray(Image.open(sheet).convert("RGB"))[: HEADING + ROWS * (CELL + GAP) - GAP]
        if pixels.shape[1] == SMALL_COLUMNS * (CELL + GAP) - GAP:
            pixels = without_mean_colour(pixels)
        height = round(pixels.shape[0] * WIDTH / pixels.shape[1])
        picture = Image.fromarray(pixels).resize((WIDTH, height), Image.Resampling.LANCZOS)
        picture.save(IMAGES / f"{name}.jpg", quality=QUALITY)


if __name__ == "__main__":
    main()
