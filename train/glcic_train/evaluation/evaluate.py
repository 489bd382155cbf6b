"""Every method on every case."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
import torch

from glcic_backend.inpainter import Inpainter
from glcic_train.evaluation.baselines import Method
from glcic_train.evaluation.cases import Case
from glcic_train.evaluation.judges import FEATURE_WINDOW, Judges
from glcic_train.scores.comb import line_spectrum
from glcic_train.scores.metrics import beside, l1, psnr, sharpness, ssim

CaseSeen = Callable[[Case, dict[str, np.ndarray]], None]
"""Told each case and the completed image of every method."""


@dataclass
class Measured:
    """What one method reached on the cases of one kind of hole, in their order.

    Attributes:
        values: score -> one number per case; `perceptual` and `lpips` only with their networks.
        spectra: of the fills, as `comb.line_spectrum` gives them.
        truth_spectra: those of the truth.
        vectors: network -> feature vectors of the completed images, float [D] each.
        truth_vectors: those of the truth.
    """

    values: dict[str, list[float]] = field(default_factory=dict)
    spectra: list[np.ndarray] = field(default_factory=list)
    truth_spectra: list[np.ndarray] = field(default_factory=list)
    vectors: dict[str, list[np.ndarray]] = field(default_factory=dict)
    truth_vectors: dict[str, list[np.ndarray]] = field(default_factory=dict)


def model_methods(inpainter: Inpainter) -> dict[str, Method]:
    """The network alone, and what users get in each quality."""
    return {
        "network": lambda image, hole: inpainter.complete(image, hole, blend=False),
        "fast": lambda image, hole: inpainter.complete(image, hole, quality="fast"),
        "best": lambda image, hole: inpainter.complete(image, hole, quality="best"),
    }


def evaluate(
    methods: dict[str, Method],
    cases: Iterable[Case],
    judges: Judges,
    device: torch.device,
    seen: CaseSeen | None = None,
) -> dict[str, dict[str, Measured]]:
    """Complete every case by every method and score the results.

    Args:
        methods: by name. They get the case's input only.
        cases: photographs with holes.
        judges: what their networks need is left out where they are not there.
        device: of the judges.
        seen: told each case when it is done.

    Returns:
        Kind of hole -> method -> what was measured.
    """
    measured: dict[str, dict[str, Measured]] = {}
    for case in cases:
        shown = case.input
        results = {}
        by_method = measured.setdefault(case.kind, {name: Measured() for name in methods})
        for name, method in methods.items():
            # As in section 3.2: pixels outside the hole are restored.
            results[name] = np.where(case.hole[..., None], method(shown.copy(), case.hole), shown)
            for score in (l1, psnr, ssim, sharpness, beside):
                value = score(results[name], case.truth, case.hole)
                by_method[name].values.setdefault(score.__name__, []).append(value)
            by_method[name].spectra.append(line_spectrum(results[name], case.hole))
            by_method[name].truth_spectra.append(line_spectrum(case.truth, case.hole))
        _ask(judges, case, results, by_method, device)
        if seen is not None:
            seen(case, results)
    return measured


@torch.inference_mode()
def _ask(
    judges: Judges, case: Case, results: dict[str, np.ndarray], by_method: dict[str, Measured], device: torch.device
) -> None:
    window = case.window(FEATURE_WINDOW)
    crops = np.stack([image[window] for image in (case.truth, *results.values())])
    images = torch.from_numpy(crops).permute(0, 3, 1, 2).to(device).float() / 255
    truth, completed = images[:1], images[1:]
    for score, distances in judges.distances(completed, truth.expand_as(completed)).items():
        for name, distance in zip(results, distances, strict=True):
            by_method[name].values.setdefault(score, []).append(distance)
    for network, (truth_vector, *vectors) in judges.vectors(images).items():
        for name, vector in zip(results, vectors, strict=True):
            by_method[name].vectors.setdefault(network, []).append(vector)
            by_method[name].truth_vectors.setdefault(network, []).append(truth_vector)
