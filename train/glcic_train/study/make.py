"""Makes a study's folder from photographs, a model, and classical methods."""

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from glcic_backend.atomic_file import write_atomically
from glcic_backend.errors import InvalidInputError, OutputError
from glcic_backend.inpainter import Inpainter
from glcic_backend.model_files.library import resolve_model
from glcic_backend.model_files.model_file import load_model
from glcic_backend.network.devices import choose_device
from glcic_train.data.folder import Photographs, open_photographs
from glcic_train.data.manifest import dump_json
from glcic_train.evaluation.baselines import Method, baselines
from glcic_train.evaluation.cases import Case, CaseOptions, cases
from glcic_train.study.pictures import REAL
from glcic_train.training.pictures import encode_png

DESCRIPTION = "study.json"
_FORMAT = "glcic-train study 1"


@dataclasses.dataclass(frozen=True)
class NewStudy:
    """What to make.

    Attributes:
        model: name or path (`model_library.resolve_model`).
        name: of the model's folder in the study; "" = that of `model`, without folder and ending.
        data: shards or folders of shards, or one plain folder of photographs.
        split: shards that are used of a folder.
        options: photographs and holes. With several kinds of holes, photographs take turns: each appears once.
        baselines: classical methods to compare with.
        device: auto, cpu, cuda or mps.
        out: the study's folder. An older study there gets the methods added, if its photographs are the same.
    """

    model: str
    name: str
    data: tuple[str, ...]
    split: str
    options: CaseOptions
    baselines: tuple[str, ...]
    device: str
    out: Path


def make_study(new: NewStudy, progress: Callable[[int, int], None]) -> list[str]:
    """Write the photographs and their completions as PNG, named after their holes: `real/blob-0003.png`.

    Args:
        progress: told the finished and all photographs.

    Returns:
        The methods that were added.

    Raises:
        InvalidInputError: an option or the data cannot be used, or the folder holds another study or these methods.
        ModelFileError: the model cannot be used.
        OutputError: a picture cannot be written.
    """
    inpainter = Inpainter(load_model(resolve_model(new.model)), choose_device(new.device))
    info = inpainter.model.info
    name = _folder_name(new.name or Path(new.model).stem)
    methods: dict[str, Method] = {name: lambda image, hole: inpainter.complete(image, hole)}
    methods |= baselines(new.baselines, new.options.seed) if new.baselines else {}
    photos = open_photographs(new.data, new.split)
    photographs = {"shards": photos.origins, "options": dataclasses.asdict(new.options)}
    description = _description(new.out, json.loads(json.dumps(photographs)), methods)
    _make_folders(new.out, [REAL, *methods])
    count = min(new.options.count, len(photos))
    for number, case in enumerate(_one_hole_each(photos, new.options)):
        picture = f"{case.kind}-{number:04d}.png"
        versions = {REAL: case.truth}
        for method, complete in methods.items():
            # As in section 3.2: pixels outside the hole are restored.
            versions[method] = np.where(case.hole[..., None], complete(case.input, case.hole), case.truth)
        for method, version in versions.items():
            write_atomically(new.out / method / picture, encode_png(version))
        progress(number + 1, count)
    description["methods"] |= {method: {"baseline": method} for method in methods}
    description["methods"][name] = {"model": info.name, "sha256": info.sha256, "recipe": info.recipe}
    write_atomically(new.out / DESCRIPTION, dump_json(description))
    return list(methods)


def _one_hole_each(photos: Photographs, options: CaseOptions) -> Iterator[Case]:
    kinds = len(options.kinds)
    for number, case in enumerate(cases(photos, options)):
        if number // kinds % kinds == number % kinds:
            yield case


def _description(folder: Path, photographs: dict[str, Any], methods: dict[str, Method]) -> dict[str, Any]:
    """That of the study in the folder, or a new one."""
    path = folder / DESCRIPTION
    if not path.exists():
        return {"format": _FORMAT, "photographs": photographs, "methods": {}}
    try:
        description = json.loads(path.read_bytes())
        same, present = description["photographs"] == photographs, description["methods"].keys() & methods.keys()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInputError(f"{path} cannot be read ({error}). Give another folder as --out.") from error
    if not same:
        raise InvalidInputError(
            f"{folder} holds a study of other photographs or holes, so methods cannot be compared with it. "
            "Give the same options, or another folder as --out."
        )
    if present:
        raise InvalidInputError(
            f"{folder} has pictures of {', '.join(sorted(present))} already. Choose another --name, or another --out."
        )
    return dict(description)


def _make_folders(folder: Path, names: list[str]) -> None:
    try:
        for name in names:
            (folder / name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"The folder {folder} cannot be made: {error.strerror}. Choose another as --out.") from error


def _folder_name(name: str) -> str:
    """A name that is one folder, is not hidden, and is not that of the photographs."""
    cleaned = "".join(letter if letter.isalnum() or letter in "-_. " else "-" for letter in name).strip(". ")
    if not cleaned or cleaned.lower() == REAL:
        raise InvalidInputError(f"{name!r} cannot be the name of a method in a study. Choose another with --name.")
    return cleaned
