"""Are details worth it on specks? `python -m tests.backend.scene.specks_trial SHARD`: docs/workshop/speed.md.

Specks of some diameters are strewn over squares of 256 pixels from the photographs of a shard, filled in both
qualities, and scored against the truth.
"""

import argparse
import io
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image

from glcic_backend import Inpainter
from glcic_train.evaluation.judges import Judges
from glcic_train.scores import metrics

SIDE = 256


def squares(shard: Path) -> Iterator[np.ndarray]:
    """The middles of a shard's photographs, uint8 [256, 256, 3]."""
    with tarfile.open(shard) as archive:
        for member in archive:
            if member.name.endswith(".webp"):
                photograph = Image.open(io.BytesIO(archive.extractfile(member).read())).convert("RGB")
                shrink = SIDE / min(photograph.size)
                small = photograph.resize([round(side * shrink) for side in photograph.size], Image.Resampling.LANCZOS)
                left, top = (small.width - SIDE) // 2, (small.height - SIDE) // 2
                yield np.asarray(small)[top : top + SIDE, left : left + SIDE]


def specks(diameter: int, seed: int) -> np.ndarray:
    """A mask of specks, bool [256, 256]."""
    random, mask, step = np.random.default_rng(seed), np.zeros((SIDE, SIDE), np.uint8), max(24, 3 * diameter)
    for y in range(step // 2, SIDE - diameter, step):
        for x in range(step // 2, SIDE - diameter, step):
            place = x + int(random.integers(-3, 4)), y + int(random.integers(-3, 4))
            axes = max(1, diameter // 2), max(1, int(diameter * random.uniform(0.35, 0.5)))
            cv2.ellipse(mask, place, axes, float(random.uniform(0, 180)), 0, 360, 1, -1)
    return mask > 0


def main() -> None:
    """Print a row for each diameter."""
    parser = argparse.ArgumentParser(description="Score both qualities on specks.")
    parser.add_argument("shard", type=Path)
    parser.add_argument("--count", type=int, default=10, help="photographs")
    parser.add_argument("--diameters", type=int, nargs="+", default=[9, 17, 25])
    options = parser.parse_args()
    judges, engine = Judges.load(torch.device("cpu")), Inpainter.load(device="cpu", threads=1)
    photographs = [square for square, _ in zip(squares(options.shard), range(options.count), strict=False)]

    def seen(picture: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float() / 255

    for diameter in options.diameters:
        scores: dict[str, list[list[float]]] = {"fast": [], "best": []}
        for number, truth in enumerate(photographs):
            mask = specks(diameter, number)
            for quality, rows in scores.items():
                filled = engine.complete(truth, mask, quality=quality)
                with torch.inference_mode():
                    distances = [float(values[0]) for values in judges.distances(seen(filled), seen(truth)).values()]
                rows.append([metrics.l1(filled, truth, mask), metrics.sharpness(filled, truth, mask), *distances])
        fast, best = np.array(scores["fast"]), np.array(scores["best"])
        change = (best - fast)[:, 2:]
        error = change.std(axis=0) / np.sqrt(len(change))
        for name, rows in (("fast", fast), ("best", best)):
            distances = " ".join(f"{value:.4f}" for value in rows[:, 2:].mean(axis=0))
            line = f"L1 {rows[:, 0].mean():.2f}  sharpness {np.median(rows[:, 1]):.2f}  perceptual {distances}"
            sys.stdout.write(f"{diameter:3} pixels  {name}  {line}\n")
        for value, spread in zip(change.mean(axis=0), error, strict=True):
            sys.stdout.write(f"     best minus fast, perceptual: {value:+.4f} +- {spread:.4f}\n")


if __name__ == "__main__":
    main()
