"""Sheets of removals for a judge who must not know whose they are.

`python -m tests.removals.sheet PHOTOGRAPHS SHEETS ours=RESULTS/0 patchmatch=OTHERS/0 --shuffle 1`

Each case becomes SHEETS/NAME.png: the photograph with the outline of its hole, then the results at full size, in an
order drawn anew for each case. Only SHEETS-key.json, beside that folder, tells the order: it is opened when the
judgement is written down. A NAME that a folder of results lacks is left out.
"""

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from .cases import Case, cases_in, find, read, windows

_GAP = 6


def outlined(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """A photograph with a thin line round its hole."""
    line = cv2.dilate(hole.astype(np.uint8), np.ones((3, 3), np.uint8)) > hole
    return np.where(line[..., None], np.uint8([255, 0, 255]), image)


def sheet(case: Case, results: list[np.ndarray], side: int, count: int) -> np.ndarray:
    """The photograph and the results side by side, a row for each window."""
    image, hole = case.read()
    rows = []
    for window in windows(hole, side, side // 8, count):
        columns = [picture[window] for picture in (outlined(image, hole), *results)]
        padded = [np.pad(column, ((0, 0), (0, _GAP), (0, 0)), constant_values=255) for column in columns]
        rows.append(np.concatenate(padded, axis=1))
    width = max(row.shape[1] for row in rows)
    return np.concatenate(
        [np.pad(row, ((0, _GAP), (0, width - row.shape[1]), (0, 0)), constant_values=255) for row in rows]
    )


def write_sheets(
    cases: list[Case], folders: dict[str, Path], out: Path, seed: int, side: int, count: int
) -> dict[str, list[str]]:
    """Write the sheets of all cases that every folder of results has, and the key beside them.

    Returns:
        The key: for each case the names of its columns after the photograph.
    """
    random, key = np.random.default_rng(seed), {}
    out.mkdir(parents=True, exist_ok=True)
    for case in cases:
        order = [list(folders)[place] for place in random.permutation(len(folders))]
        try:
            results = [read(find(folders[name], case.name)) for name in order]
        except FileNotFoundError:
            continue
        Image.fromarray(sheet(case, results, side, count)).save(out / f"{case.name}.png")
        key[case.name] = order
    out.with_name(f"{out.name}-key.json").write_text(json.dumps(key, indent=1) + "\n", encoding="utf-8")
    return key


def main() -> None:
    parser = argparse.ArgumentParser(description="Write sheets with shuffled columns.")
    parser.add_argument("photographs", type=Path)
    parser.add_argument("sheets", type=Path)
    parser.add_argument("results", nargs="+", metavar="NAME=FOLDER")
    parser.add_argument("--shuffle", type=int, default=0, help="seed of the order of the columns")
    parser.add_argument("--only", action="append", metavar="NAME", help="may be repeated; default: all")
    parser.add_argument("--side", type=int, default=480, help="of what is shown, pixels at most")
    parser.add_argument("--count", type=int, default=2, help="of places that are shown of a case, at most")
    arguments = parser.parse_args()
    folders = {name: Path(folder) for name, _, folder in (text.partition("=") for text in arguments.results)}
    cases = cases_in(arguments.photographs, arguments.only)
    write_sheets(cases, folders, arguments.sheets, arguments.shuffle, arguments.side, arguments.count)


if __name__ == "__main__":
    main()
