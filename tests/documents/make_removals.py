"""Makes docs/images/removals.jpg, the four photographs of the README before and after.

`python -m tests.documents.make_removals PHOTOGRAPHS`, PHOTOGRAPHS being the shard val-0000.tar of the training
photographs (docs/training-data.md). The network has not been trained on any of them. The masks are the polygons
below, drawn loosely by hand; everything else is as `glcic-backend complete` does it without options.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from glcic_backend import Inpainter

from ..removals.drawn import drawn_mask, read_photograph

PICTURE = Path(__file__).parents[2] / "docs" / "images" / "removals.jpg"
WIDTH, HEIGHT, GAP = 300, 225, 4

REMOVALS: list[tuple[str, tuple[int, int, int, int], list[tuple[int, int]]]] = [
    # Key in the shard, part that is shown (left, top, right, bottom), outline of what is removed.
    (
        "000099",
        (0, 40, 400, 340),
        [(150, 286), (160, 262), (176, 230), (186, 206), (200, 186), (222, 180), (240, 184), (252, 200), (264, 224),
         (276, 244), (286, 270), (282, 298), (240, 308), (190, 308), (158, 304)],
    ),
    (
        "000165",
        (0, 60, 400, 360),
        [(16, 252), (60, 238), (90, 218), (130, 194), (166, 172), (180, 140), (196, 130), (220, 134), (246, 168),
         (240, 178), (218, 176), (212, 200), (206, 224), (196, 248), (172, 266), (156, 274), (158, 300), (130, 300),
         (130, 274), (96, 268), (40, 266)],
    ),
    (
        "000005",
        (133, 60, 533, 360),
        [(366, 146), (376, 122), (392, 112), (410, 120), (420, 140), (420, 190), (424, 250), (436, 262), (438, 294),
         (366, 294), (364, 260), (376, 250), (374, 190)],
    ),
    (
        "000116",
        (240, 90, 640, 390),
        [(464, 208), (486, 208), (488, 290), (484, 350), (468, 350), (464, 290), (462, 252), (430, 276), (424, 286),
         (424, 304), (408, 304), (406, 286), (398, 284), (398, 278), (424, 266), (462, 240)],
    ),
]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the README's picture of four removals.")
    parser.add_argument("photographs", type=Path, help="the shard val-0000.tar")
    photographs = parser.parse_args().photographs
    engine = Inpainter.load("shipped", device="cpu")
    strip = Image.new("RGB", (len(REMOVALS) * (WIDTH + GAP) - GAP, 2 * HEIGHT + GAP), "white")
    for column, (key, shown, outline) in enumerate(REMOVALS):
        photograph = read_photograph([photographs], key)
        mask = drawn_mask(photograph.size, [outline])
        completed = Image.fromarray(engine.complete(np.asarray(photograph), np.asarray(mask)))
        for row, picture in enumerate((photograph, completed)):
            part = picture.crop(shown).resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
            strip.paste(part, (column * (WIDTH + GAP), row * (HEIGHT + GAP)))
    strip.save(PICTURE, quality=88, subsampling=0)


if __name__ == "__main__":
    main()
