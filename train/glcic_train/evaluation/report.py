"""One run of `glcic-train evaluate`: from its options to the table, results.json and the sheets."""

import dataclasses
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from glcic_backend import __version__
from glcic_backend.atomic_file import write_atomically
from glcic_backend.errors import OutputError
from glcic_backend.inpainter import Inpainter
from glcic_backend.model_files.library import resolve_model
from glcic_backend.model_files.model_file import ModelInfo, load_model
from glcic_backend.network.devices import choose_device
from glcic_train.data.folder import Photographs, open_photographs
from glcic_train.data.manifest import dump_json
from glcic_train.evaluation.baselines import Method, baselines
from glcic_train.evaluation.cases import Case, CaseOptions, cases
from glcic_train.evaluation.evaluate import Measured, evaluate, model_methods
from glcic_train.evaluation.judges import Judges
from glcic_train.evaluation.sheet import Sheet
from glcic_train.evaluation.summary import as_json, summarise, table
from glcic_train.training.pictures import encode_png

_NO_PATCHMATCH = "PatchMatch was not run: it is not installed. Run `pip install pypatchmatch` to compare with it."


@dataclasses.dataclass(frozen=True)
class Run:
    """Options of one evaluation.

    Attributes:
        model: name or path (`model_library.resolve_model`).
        data: shards or folders of shards, or one plain folder of photographs.
        split: shards that are used of a folder.
        options: which photographs and holes.
        baselines: their names; None for all that are installed.
        sheet: photographs on a picture sheet.
        device: auto, cpu, cuda or mps.
        inception: file with weights for FID and KID, if wanted.
        lpips: one or two files with weights for LPIPS, if wanted.
        out: folder for results.json and the sheets; None writes nothing.
    """

    model: str
    data: tuple[str, ...]
    split: str
    options: CaseOptions
    baselines: tuple[str, ...] | None
    sheet: int
    device: str
    inception: Path | None
    lpips: tuple[Path, ...]
    out: Path | None


@dataclasses.dataclass(frozen=True)
class Report:
    """What an evaluation says: as text, and as plain values for JSON."""

    text: str
    values: dict[str, Any]


def run_evaluation(run: Run, progress: Callable[[int, int], None]) -> Report:
    """Evaluate, and write the files.

    Args:
        progress: told the finished and all cases.

    Raises:
        ModelFileError: the model, or the user's weights of another network, cannot be used.
        InvalidInputError: an option, the data or a named baseline cannot be used.
        OutputError: a result could not be written.
    """
    device = choose_device(run.device)
    inpainter = Inpainter(load_model(resolve_model(run.model)), device)
    photos = open_photographs(run.data, run.split)
    methods = model_methods(inpainter) | baselines(run.baselines, run.options.seed)
    info = inpainter.model.info
    judges = Judges.load(device, run.inception, run.lpips, info.feature_networks)
    heading = f"Model {info.name} ({info.sha256[:12]})"
    about = {"model": described_model(info)}
    report = score(methods, photos, run.options, judges, device, run.sheet, run.out, heading, about, progress)
    if run.baselines is None and "patchmatch" not in methods:
        return dataclasses.replace(report, text=f"{report.text}\n\n{_NO_PATCHMATCH}")
    return report


def described_model(info: ModelInfo) -> dict[str, str]:
    """What tells a model from others in a report."""
    return {"name": info.name, "sha256": info.sha256, "recipe": info.recipe}


def score(
    methods: dict[str, Method],
    photos: Photographs,
    options: CaseOptions,
    judges: Judges,
    device: torch.device,
    rows: int,
    out: Path | None,
    heading: str,
    about: dict[str, Any],
    progress: Callable[[int, int], None],
) -> Report:
    """Score methods on photographs, and write results.json and the picture sheets.

    Args:
        rows: photographs on a picture sheet.
        out: folder, made here; None writes nothing.
        heading: what is scored, for the text.
        about: what is scored, for the JSON.
        progress: told the finished and all cases.

    Raises:
        OutputError: a result could not be written.
    """
    if out is not None:
        _make_folder(out)
    sheet = Sheet(rows)
    keys: dict[str, list[str]] = {}
    count = min(options.count, len(photos))
    total = count * options.cases_each

    def seen(case: Case, results: dict[str, np.ndarray]) -> None:
        sheet.add(case, results)
        keys.setdefault(case.kind, []).append(case.key)
        progress(sum(map(len, keys.values())), total)

    measured = evaluate(methods, cases(photos, options), judges, device, seen)
    scores = summarise(measured)
    notes = [f"{name.replace('_', ' ').capitalize()}: {text}." for name, text in judges.described.items()]
    values = {
        "format": "glcic-train evaluation 1",
        **about,
        "photographs": {"shards": photos.origins, "count": count},
        "options": dataclasses.asdict(options),
        **judges.described,
        "software": _software(device),
        "scores": as_json(scores),
        "cases": _case_values(measured, keys),
    }
    if out is not None:
        write_atomically(out / "results.json", dump_json(values))
        for kind, picture in sheet.pictures().items():
            write_atomically(out / f"sheet-{kind}.png", encode_png(picture))
    heading = f"{heading} on {count} photographs, {device}; value +- standard error"
    text = "\n\n".join([heading, table(scores, {kind: count for kind in scores}), *notes])
    return Report(text, values)


def _make_folder(folder: Path) -> None:
    """Before the work begins, so that hours are not lost for a folder that cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"The folder {folder} cannot be made: {error.strerror}. Choose another with --out."
        ) from error


def _software(device: torch.device) -> dict[str, str]:
    return {
        "glcic": __version__,
        "torch": torch.__version__,
        "opencv": cv2.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "device": str(device),
    }


def _case_values(measured: dict[str, dict[str, Measured]], keys: dict[str, list[str]]) -> dict[str, Any]:
    """Every single value, so that runs can be compared case by case; NaN, which JSON lacks, becomes None."""
    return {
        kind: {
            "photographs": keys[kind],
            "methods": {
                name: {score: [None if v != v else v for v in column] for score, column in one.values.items()}
                for name, one in by_method.items()
            },
        }
        for kind, by_method in measured.items()
    }
