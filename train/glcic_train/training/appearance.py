"""How completions look that a run makes of its held-out photographs: what an error in the hole does not tell."""

import numpy as np
import torch

from glcic_backend.errors import InvalidInputError
from glcic_backend.inpainter import Inpainter
from glcic_backend.model_files.model_file import Model, ModelInfo
from glcic_backend.network.completion_network import CompletionNetwork, fold_batch_norm
from glcic_train.scores.comb import comb_scores, line_spectrum
from glcic_train.scores.distances import kernel_distance
from glcic_train.scores.metrics import sharpness
from glcic_train.training.features import LITE0, LITE2, FeatureNetwork
from glcic_train.training.held_out import HeldOut

_FEWEST_FOR_KERNEL = 3


def judging_features(trained_on: tuple[str, ...], device: torch.device) -> FeatureNetwork | None:
    """What judges a run: the first installed feature network that it is not trained on; None if there is none."""
    for name in (LITE0, LITE2):
        if name not in trained_on:
            try:
                return FeatureNetwork(name).to(device)
            except InvalidInputError:
                continue
    return None


@torch.no_grad()
def appearance(
    network: CompletionNetwork,
    info: ModelInfo,
    held_out: HeldOut,
    features: FeatureNetwork | None,
    device: torch.device,
) -> dict[str, float]:
    """Scores of blended completions (quality `fast`) of all held-out photographs.

    Args:
        network: with batch normalisation, whose running statistics are used.
        info: description of the model it would be exported as.
        features: what the kernel distance compares; None leaves it out.

    Returns:
        `kernel` (times 1000), `sharpness`, `comb2` and `comb4`, as `glcic-train evaluate` defines them, on the whole
        crop. A score for which the holes are too small is missing.
    """
    inpainter = Inpainter(Model(fold_batch_norm(network), info), device)
    ratios, spectra, truth_spectra, pairs = [], [], [], []
    for image, hole in zip(held_out.images, held_out.holes, strict=True):
        truth, mask = image.permute(1, 2, 0).numpy(), hole[0].numpy() > 0
        completed = inpainter.complete(truth, mask, quality="fast")
        ratios.append(sharpness(completed, truth, mask))
        spectra.append(line_spectrum(completed, mask))
        truth_spectra.append(line_spectrum(truth, mask))
        if features is not None:
            both = torch.from_numpy(np.stack([completed, truth])).permute(0, 3, 1, 2).to(device).float() / 255
            pairs.append(features.pooled(both).double().cpu().numpy())
    scores = {"sharpness": float(np.nanmedian(ratios))} if not np.isnan(ratios).all() else {}
    scores |= {f"comb{period}": score for period, score in comb_scores(spectra, truth_spectra).items() if score}
    if len(pairs) >= _FEWEST_FOR_KERNEL:
        vectors = np.stack(pairs)
        scores["kernel"] = 1000 * kernel_distance(vectors[:, 0], vectors[:, 1])[0]
    return scores
