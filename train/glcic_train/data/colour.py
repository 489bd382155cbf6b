"""Colour jitter of whole batches, on their device."""

from torch import Tensor


def apply_colour(batch: Tensor, factors: Tensor) -> Tensor:
    """Change brightness, then contrast around the picture's mean grey, then saturation.

    Args:
        batch: float32 [N, 3, H, W], RGB, 0..1.
        factors: float32 [N, 3]: factors of brightness, contrast and saturation; 1 changes nothing. Any device.

    Returns:
        A batch of the same shape, clipped to 0..1.
    """
    brightness, contrast, saturation = factors.to(batch.device, non_blocking=True).view(-1, 3, 1, 1, 1).unbind(1)
    batch = batch * brightness
    mean_grey = _grey(batch).mean((2, 3), keepdim=True)
    batch = mean_grey + (batch - mean_grey) * contrast
    grey = _grey(batch)
    return (grey + (batch - grey) * saturation).clamp_(0, 1)


def _grey(batch: Tensor) -> Tensor:
    """Rec. 601 luma, the grey of JPEG: float32 [N, 1, H, W]."""
    # Numbers, not a tensor of weights: CUDA would wait for its upload.
    return 0.299 * batch[:, 0:1] + 0.587 * batch[:, 1:2] + 0.114 * batch[:, 2:3]
