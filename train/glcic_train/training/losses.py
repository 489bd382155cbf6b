"""The loss functions (paper, section 3.4), and those of the `modern` recipe. Each is a plain function of tensors."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional


def masked_mse(output: Tensor, image: Tensor, hole: Tensor) -> Tensor:
    """Weighted MSE loss, Eq. 2: || M_c * (C(x, M_c) - x) ||^2, per value in the hole.

    Eq. 2 leaves open by what the squared norm is divided. Here it is the number of values in the hole (3 per pixel),
    image by image, and the mean over the batch follows: an image counts the same whatever the size of its hole, and a
    batch split over processes has the same loss as the whole.

    Args:
        output: float [N, 3, H, W], what the completion network made, RGB, 0..1.
        image: float [N, 3, H, W], the original.
        hole: float [N, 1, H, W], 1 in the hole, at least one pixel each.

    Returns:
        Scalar: squared error of a value in the hole, 0..1.
    """
    squared = (hole * (output - image).square()).sum(dim=(1, 2, 3))
    return (squared / (image.shape[1] * hole.sum(dim=(1, 2, 3)))).mean()


def masked_l1(output: Tensor, image: Tensor, hole: Tensor) -> Tensor:
    """Absolute error of a value in the hole, averaged as in `masked_mse`; arguments as there.

    Its best guess is the median of what could be there, not the mean: edges stay sharper. Not in the paper.
    """
    absolute = (hole * (output - image).abs()).sum(dim=(1, 2, 3))
    return (absolute / (image.shape[1] * hole.sum(dim=(1, 2, 3)))).mean()


def masked_gradient_l1(output: Tensor, image: Tensor, hole: Tensor) -> Tensor:
    """Absolute error of the differences between neighbours in the hole; arguments as for `masked_mse`.

    Blending removes the smooth part of the error (section 3.5.1); this is the part that it leaves. Not in the paper.

    Returns:
        Scalar: mean over the pairs of neighbours that both lie in the hole and over the channels, image by image, then
        over the batch. An image whose hole has no such pair counts as zero.
    """
    error, sums, counts = output - image, [], []
    for dimension in (2, 3):
        length = hole.shape[dimension] - 1
        pairs = hole.narrow(dimension, 0, length) * hole.narrow(dimension, 1, length)
        sums.append((pairs * error.diff(dim=dimension).abs()).sum(dim=(1, 2, 3)))
        counts.append(pairs.sum(dim=(1, 2, 3)))
    return (sum(sums) / (image.shape[1] * torch.stack(counts).sum(dim=0)).clamp(min=1)).mean()


def discriminator_loss(real: Tensor, completed: Tensor) -> Tensor:
    """Binary cross entropy that D minimises: -(log D(x, M_d) + log(1 - D(C(x, M_c), M_c))), from Eq. 3.

    Args:
        real, completed: logits [N] of D for original and for completed images.
    """
    return functional.softplus(-real).mean() + functional.softplus(completed).mean()


def generator_loss(completed: Tensor, kind: str) -> Tensor:
    """GAN loss that C minimises.

    Args:
        completed: logits [N] of D for completed images.
        kind: `minimax`: log(1 - D), as in Eq. 5; `non-saturating`: -log D.
    """
    if kind == "minimax":
        return -functional.softplus(completed).mean()
    return functional.softplus(-completed).mean()


def feature_matching(completed: Sequence[Tensor], real: Sequence[Tensor]) -> Tensor:
    """Mean absolute difference between D's features of the completed and of the original images, over its layers.

    Args:
        completed, real: features [N, C, H, W] per layer, of the same images. No gradient flows into `real`.
    """
    terms = [(a.float() - b.detach().float()).abs().mean() for a, b in zip(completed, real, strict=True)]
    return torch.stack(terms).mean()


def r1_penalty(real_logits: Tensor, real_image: Tensor) -> Tensor:
    """Gradient penalty on real images: half the squared norm of D's gradient, mean over the batch.

    Args:
        real_logits: logits [N] of D, computed from `real_image`.
        real_image: float [N, 3, H, W] that requires gradients.

    Returns:
        Scalar, differentiable with respect to D's parameters.
    """
    (gradient,) = torch.autograd.grad(real_logits.sum(), real_image, create_graph=True)
    return 0.5 * gradient.float().square().sum(dim=(1, 2, 3)).mean()


MOST_AMPLIFICATION = 10
"""Largest factor by which D's gradient may be multiplied to reach `losses.gradient_ratio`: beyond, D is at fault."""


def with_chroma(gradient: Tensor, share: float) -> Tensor:
    """Weaken what a gradient, float [N, 3, H, W], asks of the colour; the mean of its channels stays as it is."""
    brightness = gradient.mean(dim=1, keepdim=True)
    return brightness + share * (gradient - brightness)


def balancing_factor(mse_norm: Tensor, adversarial_norm: Tensor, progress: float) -> Tensor:
    """Factor on the GAN gradient that keeps both gradients of the same order (section 3.4).

    "The same order of magnitude" is taken as a ratio of the norms between 1/sqrt(10) and sqrt(10): inside it nothing
    changes; outside it the GAN gradient is scaled to the nearer end. The correction fades out geometrically, so that
    training goes over into Eq. 5 without a jump.

    Args:
        mse_norm: norm of the MSE loss's gradient.
        adversarial_norm: norm of the GAN loss's gradient, alpha included.
        progress: 0 at the first balanced iteration, 1 when the balancing ends.
    """
    ratio = (adversarial_norm / mse_norm.clamp(min=1e-12)).clamp(min=1e-12)
    wanted = ratio.clamp(10**-0.5, 10**0.5)
    return (wanted / ratio) ** (1 - progress)


def holding_factor(norm: Tensor, adversarial_norm: Tensor, ratio: float) -> Tensor:
    """Factor on the adversarial gradient that makes its norm `ratio` times that of the reconstruction's gradient."""
    return ratio * norm / adversarial_norm.clamp(min=1e-12)
