"""Texture losses in the hole (not in the paper): distances between a network's features of two images."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from glcic_train.training.features import TRAINING_FEATURES, FeatureNetwork

_STAGES = 3
"""Of the feature network, at 1/2, 1/4 and 1/8 of the size: textures, not objects."""


class TextureLosses(nn.Module):
    """Perceptual and Gram distance on the features of `TRAINING_FEATURES`, whose weights are an optional package.

    Args:
        perceptual, gram: weights; 0 leaves one out.

    Raises:
        InvalidInputError: the package with the network's weights is not installed.
    """

    def __init__(self, perceptual: float, gram: float) -> None:
        super().__init__()
        self._weights = {"perceptual": perceptual, "gram": gram}
        self._features = FeatureNetwork(TRAINING_FEATURES)

    def forward(self, completed: Tensor, image: Tensor, hole: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The weighted sum, and its unweighted parts.

        Args:
            completed: float [N, 3, H, W], RGB, 0..1: the output in the hole, the original around it.
            image: float [N, 3, H, W], the original.
            hole: float [N, 1, H, W], 1 in the hole.
        """
        with torch.no_grad():
            wanted = [features.float() for features in self._features.maps(image, _STAGES)]
        made = [features.float() for features in self._features.maps(completed, _STAGES)]
        shares = [functional.adaptive_avg_pool2d(hole, features.shape[-2:]) for features in made]
        total, parts = completed.new_zeros(()), {}
        for name, distance in (("perceptual", perceptual_in_hole), ("gram", gram_in_hole)):
            if self._weights[name]:
                stages = [distance(*three).mean() for three in zip(made, wanted, shares, strict=True)]
                value = torch.stack(stages).mean()
                total, parts[name] = total + self._weights[name] * value, value.detach()
        return total, parts


def perceptual_in_hole(made: Tensor, wanted: Tensor, share: Tensor) -> Tensor:
    """Squared distance of unit-length feature vectors, mean over the hole.

    Args:
        made, wanted: float [N, C, h, w]. Gradients flow into `made`.
        share: float [N, 1, h, w], how much of each position lies in the hole.

    Returns:
        float [N], 0..4.
    """
    difference = functional.normalize(made, dim=1) - functional.normalize(wanted, dim=1)
    squared = difference.square().sum(dim=1, keepdim=True)
    return (share * squared).sum(dim=(1, 2, 3)) / share.sum(dim=(1, 2, 3)).clamp(min=1e-6)


def gram_in_hole(made: Tensor, wanted: Tensor, share: Tensor) -> Tensor:
    """Distance of the Gram matrices of the hole (Gatys et al. 2015), relative to the wanted one: float [N], 0 if equal.

    A Gram matrix says which features occur together, and not where. Arguments as for `perceptual_in_hole`.
    """
    first, second = _gram(made, share), _gram(wanted, share)
    return (first - second).flatten(1).norm(dim=1) / second.flatten(1).norm(dim=1).clamp(min=1e-6)


def _gram(features: Tensor, share: Tensor) -> Tensor:
    """[N, C, C]: mean over the hole of the products of features."""
    flat = (features * share.sqrt()).flatten(2)
    return flat @ flat.transpose(1, 2) / share.flatten(1).sum(dim=1).clamp(min=1e-6).view(-1, 1, 1)
