"""Photographs of the data set and outlines drawn round things in them in; a folder of removals for `fill.py` out.

`python -m tests.removals.drawn CASES val-0000.tar train-0004.tar train-0005.tar`

`outlines.json` has the photographs by key, and for each the polygons of its mask, in pixels: things that a photographer
would want gone, outlined loosely before anything was filled.
"""

import argparse
import io
import json
import tarfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

OUTLINES = Path(__file__).with_name("outlines.json")

Polygon = Sequence[Sequence[float]]
"""The x and y of its corners, pixels."""


def read_photograph(shards: Sequence[Path], key: str) -> Image.Image:
    """One photograph of some shards, RGB, by its key.

    Raises:
        KeyError: none of them has it.
    """
    for path in shards:
        with tarfile.open(path) as shard:
            if f"{key}.webp" in shard.getnames():
                member = shard.extractfile(f"{key}.webp")
                assert member is not None
                return Image.open(io.BytesIO(member.read())).convert("RGB")
    raise KeyError(f"No shard holds the photograph {key}.")


def drawn_mask(size: tuple[int, int], polygons: Sequence[Polygon]) -> Image.Image:
    """A mask, grey, 255 in the polygons.

    Args:
        size: width and height.
    """
    mask = Image.new("L", size)
    for polygon in polygons:
        ImageDraw.Draw(mask).polygon([(x, y) for x, y in polygon], fill=255)
    return mask


def write_cases(folder: Path, shards: Sequence[Path], outlines: dict[str, list[Polygon]]) -> None:
    """Write KEY.png and KEY-mask.png of each outline."""
    folder.mkdir(parents=True, exist_ok=True)
    for key, polygons in outlines.items():
        photograph = read_photograph(shards, key)
        photograph.save(folder / f"{key}.png", compress_level=1)
        drawn_mask(photograph.size, polygons).save(folder / f"{key}-mask.png")


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the removals that were drawn into photographs of the data set.")
    parser.add_argument("cases", type=Path)
    parser.add_argument("shards", type=Path, nargs="+", help="val-0000.tar train-0004.tar train-0005.tar")
    arguments = parser.parse_args()
    write_cases(arguments.cases, arguments.shards, json.loads(OUTLINES.read_text(encoding="utf-8")))


if __name__ == "__main__":
    main()
