"""Networks whose features compare pictures as people do: two EfficientNet-Lites, and those that the user brings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from glcic_backend.errors import InvalidInputError
from glcic_train.evaluation.inception import InceptionFeatures
from glcic_train.evaluation.lpips import Lpips
from glcic_train.training.features import LITE0, LITE2, PACKAGES, FeatureNetwork, perceptual_distance

FEATURE_WINDOW = 256
"""Side of the square around the hole that is compared by features, in pixels."""

_WINDOW = f"squares of {FEATURE_WINDOW} pixels around the holes"
_SUFFIXES = {LITE0: "", LITE2: "_lite2"}
"""Network -> what the names of its scores end in."""


@dataclass(frozen=True)
class Judges:
    """The networks that there are; None for those that are not.

    Attributes:
        features: those of `_SUFFIXES` that may judge, by name.
        described: what each of them is, for the report.
    """

    features: Mapping[str, FeatureNetwork] = field(default_factory=dict)
    inception: InceptionFeatures | None = None
    lpips: Lpips | None = None
    described: dict[str, str] = field(default_factory=dict)

    @classmethod
    def load(
        cls,
        device: torch.device,
        inception: Path | None = None,
        lpips: Sequence[Path] = (),
        trained_on: Sequence[str] = (),
    ) -> "Judges":
        """The EfficientNet-Lites where their weights are installed, the others from the user's files.

        Args:
            trained_on: feature networks of the judged model's training. They do not judge it.

        Raises:
            ModelFileError: a file cannot be read or does not fit.
        """
        features: dict[str, FeatureNetwork] = {}
        described = {}
        inception_network, lpips_network = None, None
        for name, suffix in _SUFFIXES.items():
            if name in trained_on:
                text = f"not measured: the model was trained on the features of {name}, which therefore do not judge it"
            elif (network := _efficientnet(name, device)) is None:
                text = f"not measured: run `pip install {PACKAGES[name]}` for perceptual, Frechet and kernel"
            else:
                features[name] = network
                text = f"{name} (ImageNet), {_WINDOW}; not LPIPS, not Inception"
            described[f"features{suffix}"] = text
        if inception is not None:
            inception_network = InceptionFeatures.load(inception).to(device)
            described["inception"] = f"Inception-v3 with the weights {inception.name}, {_WINDOW}, for FID and KID"
        if lpips:
            lpips_network = Lpips.load(lpips).to(device)
            files = ", ".join(path.name for path in lpips)
            described["lpips"] = f"LPIPS 0.1 on {lpips_network.trunk} with the weights {files}, {_WINDOW}"
        return cls(features, inception_network, lpips_network, described)

    def distances(self, completed: Tensor, truth: Tensor) -> dict[str, list[float]]:
        """Score -> distance of each completed image from its truth.

        Args:
            completed, truth: float [N, 3, S, S], RGB, 0..1.
        """
        measured = {}
        for name, network in self.features.items():
            measured[f"perceptual{_SUFFIXES[name]}"] = perceptual_distance(network, completed, truth)
        if self.lpips is not None:
            measured["lpips"] = self.lpips(completed, truth)
        return {name: values.double().cpu().tolist() for name, values in measured.items()}

    def vectors(self, images: Tensor) -> dict[str, np.ndarray]:
        """Name of a network -> the vectors of images as above, float64 [N, D]."""
        networks: dict[str, FeatureNetwork | InceptionFeatures] = dict(self.features)
        if self.inception is not None:
            networks["inception"] = self.inception
        return {name: one.pooled(images).double().cpu().numpy() for name, one in networks.items()}


def _efficientnet(name: str, device: torch.device) -> FeatureNetwork | None:
    try:
        return FeatureNetwork(name).to(device)
    except InvalidInputError:
        return None
