"""What each experiment trains, and what it scores beside what."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from glcic_backend.blending import blend
from glcic_backend.inpainter import Inpainter
from glcic_backend.model_files.library import resolve_model
from glcic_backend.model_files.model_file import load_model
from glcic_backend.network.devices import choose_device
from glcic_train.config import load_config
from glcic_train.config.schema import Config
from glcic_train.data.folder import open_photographs
from glcic_train.evaluation.baselines import Method, baselines
from glcic_train.evaluation.cases import CaseOptions
from glcic_train.evaluation.judges import Judges
from glcic_train.evaluation.report import Report, described_model, score
from glcic_train.experiments.budget import Budget
from glcic_train.experiments.training import trained_model

ABLATIONS = ("ablation-mse", "ablation-global", "ablation-local", "ablation-both")
FROM_ONE_NETWORK = ("joint-none", "joint-global", "joint-local", "joint-both")
CLASSICAL = ("telea", "navier-stokes", "patchmatch", "gmic-inpaint", "gmic-matchpatch")


@dataclass(frozen=True)
class Request:
    """What the user asks an experiment for.

    Attributes:
        data: prepared folders or shards; trained on `train`, scored on `split`. For what trains nothing, also a plain
            folder of photographs.
        out: folder of the experiment.
        model: name or path: what is started from, compared with, or looked at.
        budget: of each run; None where nothing is trained.
        settings: `section.key=value` for every run.
        count, seed: photographs that are scored, and their choice.
        rows: photographs on the strip.
        device: auto, cpu, cuda or mps.
        progress: told the finished and all scored cases.
    """

    data: tuple[str, ...]
    split: str
    out: Path
    model: str
    budget: Budget | None
    settings: tuple[str, ...]
    count: int
    seed: int
    rows: int
    device: str
    progress: Callable[[int, int], None]

    def train(self, name: str, *settings: str) -> Path:
        """The model of a run of a configuration."""
        assert self.budget is not None
        own = (f'run.device="{self.device}"', *settings, *self.settings)
        return trained_model(name, self.data, self.out, self.budget, own)

    def config(self, name: str) -> Config:
        """A configuration with the user's settings."""
        return load_config(name, self.settings)


@dataclass(frozen=True)
class Experiment:
    """One experiment of the paper.

    Attributes:
        summary: its place in the paper, and what it does.
        trains: whether it needs a budget.
        run: does it all.
    """

    summary: str
    trains: bool
    run: Callable[[Request], Report]


def _ablation(request: Request) -> Report:
    models = {name: request.train(name) for name in ABLATIONS}
    return _compare(request, models, _cases(request, request.config(ABLATIONS[-1])))


def _ablation_with_the_recipe(request: Request) -> Report:
    start = resolve_model(request.model)
    settings = (f'completion.start="{start.as_posix()}"',)
    models = {"start": start} | {name: request.train(name, *settings) for name in FROM_ONE_NETWORK}
    return _compare(request, models, _cases(request, request.config(FROM_ONE_NETWORK[-1])))


def _facade(request: Request) -> Report:
    return _before_and_after(request, "facade", square=False)


def _facade_with_the_recipe(request: Request) -> Report:
    return _before_and_after(request, "facade-joint", square=False)


def _celeba(request: Request) -> Report:
    return _before_and_after(request, "celeba", square=True)


def _before_and_after(request: Request, name: str, *, square: bool) -> Report:
    start = resolve_model(request.model)
    after = request.train(name, f'completion.start="{start.as_posix()}"')
    return _compare(request, {"before": start, "after": after}, _cases(request, request.config(name), square=square))


def _centre(request: Request) -> Report:
    models = {request.model: resolve_model(request.model), "imagenet-center": request.train("imagenet-center")}
    # "We also do not perform post-processing" (section 4.1.2).
    return _compare(request, models, _cases(request, request.config("imagenet-center"), square=True), blended=False)


def _post_processing(request: Request) -> Report:
    inpainter = _inpainter(resolve_model(request.model), request.device)
    methods = {"without": _by(inpainter, blended=False), "with": _by(inpainter)}
    return _score(request, methods, CaseOptions(count=request.count, seed=request.seed), {request.model: inpainter})


def _comparison(request: Request) -> Report:
    inpainter = _inpainter(resolve_model(request.model), request.device)
    methods = {request.model: _by(inpainter)} | baselines(CLASSICAL, request.seed)
    return _score(request, methods, CaseOptions(count=request.count, seed=request.seed), {request.model: inpainter})


EXPERIMENTS: Mapping[str, Experiment] = {
    "ablation": Experiment("Fig. 6: MSE only, global, local, both discriminators, at the same budget", True, _ablation),
    "ablation-recipe": Experiment(
        "Fig. 6 with the recipe of sprint-joint: all four go on from one network", True, _ablation_with_the_recipe
    ),
    "facade": Experiment("4.5: fine-tuned on facades, before and after", True, _facade),
    "facade-recipe": Experiment("4.5 with the recipe of sprint-joint", True, _facade_with_the_recipe),
    "celeba": Experiment("4.5: fine-tuned at 160 pixels with holes of 48 to 96, before and after", True, _celeba),
    "centre": Experiment("4.1.2: trained on centre holes of 64 in 128 pixels, beside the model", True, _centre),
    "post-processing": Experiment("3.5.1, 4.3: without and with the blending", False, _post_processing),
    "comparison": Experiment("4.1: beside Telea, Navier-Stokes, PatchMatch and G'MIC", False, _comparison),
}


def _cases(request: Request, config: Config, *, square: bool = False) -> CaseOptions:
    """Photographs and holes as a configuration trains on."""
    kinds = tuple(kind for kind, weight in vars(config.masks.weights).items() if weight and kind != "folder")
    short_side = config.data.crop if square else config.data.short_side[1]
    return CaseOptions(kinds, request.count, request.seed, short_side, config.masks.hole, square)


def _compare(request: Request, models: dict[str, Path], options: CaseOptions, *, blended: bool = True) -> Report:
    inpainters = {name: _inpainter(path, request.device) for name, path in models.items()}
    return _score(request, {name: _by(one, blended=blended) for name, one in inpainters.items()}, options, inpainters)


def _score(
    request: Request, methods: dict[str, Method], options: CaseOptions, inpainters: dict[str, Inpainter]
) -> Report:
    device = choose_device(request.device)
    photos = open_photographs(request.data, request.split)
    trained_on = {network for one in inpainters.values() for network in one.model.info.feature_networks}
    judges = Judges.load(device, trained_on=sorted(trained_on))
    about = {"models": {name: described_model(one.model.info) for name, one in inpainters.items()}}
    heading = ", ".join(methods)
    rows, out, progress = request.rows, request.out, request.progress
    return score(methods, photos, options, judges, device, rows, out, heading, about, progress)


def _inpainter(path: Path, device: str) -> Inpainter:
    return Inpainter(load_model(path), choose_device(device))


def _by(inpainter: Inpainter, *, blended: bool = True) -> Method:
    """What the paper's method makes: the network, and the blending of section 3.5.1.

    Not `blend=True` of the inpainter, which does more than the paper has.
    """

    def complete(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
        painted = inpainter.complete(image, hole, blend=False)
        if not blended:
            return painted
        fitted = blend(painted.astype(np.float32), image.astype(np.float32), hole, ~hole)
        return fitted.round().clip(0, 255).astype(np.uint8)

    return complete
