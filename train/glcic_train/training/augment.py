"""Differentiable augmentation of what the discriminators see (DiffAugment, Zhao et al. 2020; not in the paper)."""

import torch
from torch import Tensor
from torch.nn import functional

from glcic_train.data.upload import upload

_BRIGHTNESS = 0.2
_SHIFT = 1 / 8


def augmented(image: Tensor, centres: Tensor) -> tuple[Tensor, Tensor]:
    """Change images at random in colour and place, so that few photographs cannot be learnt by heart.

    D must see its real and its completed images this way, and in C's update as well: then C is not taught the changes.
    The random numbers are the CPU's, whose state a checkpoint holds.

    Args:
        image: float [N, 3, H, W], RGB relative to the mean pixel. Gradients flow back into it.
        centres: int64 [N, 2], x and y of the middle of each local patch.

    Returns:
        Images of the same shape, brightness moved by at most 0.1, saturation 0..2 and contrast 0.5..1.5 times what it
        was, shifted by at most an eighth of the side (what comes in is the mean pixel); and the centres, shifted alike.
    """
    count, _, height, width = image.shape
    across, down = round(width * _SHIFT), round(height * _SHIFT)
    colours = torch.rand(3, count)
    shifts = (torch.rand(count, 2) * (2 * torch.tensor([across, down]) + 1)).long() - torch.tensor([across, down])
    # From pinned memory: a plain upload, or an index that is the CPU's, would wait for all that CUDA has under way.
    brightness, saturation, contrast = upload(colours.numpy(), image.device).to(image).view(3, count, 1, 1, 1)
    shift = upload(shifts.numpy(), image.device)
    image = image + _BRIGHTNESS * (brightness - 0.5)
    grey = image.mean(dim=1, keepdim=True)
    image = grey + 2 * saturation * (image - grey)
    middle = image.mean(dim=(1, 2, 3), keepdim=True)
    image = middle + (0.5 + contrast) * (image - middle)
    padded = functional.pad(image, (across, across, down, down))
    rows = torch.arange(height, device=image.device) + down - shift[:, 1:]
    columns = torch.arange(width, device=image.device) + across - shift[:, :1]
    numbers = torch.arange(count, device=image.device).view(-1, 1, 1)
    image = padded.permute(0, 2, 3, 1)[numbers, rows[:, :, None], columns[:, None]].permute(0, 3, 1, 2)
    moved = (centres + shift).clamp(min=0)
    return image, torch.stack([moved[:, 0].clamp(max=width - 1), moved[:, 1].clamp(max=height - 1)], dim=1)
