"""Picture grids that show what a network has learnt."""

import cv2
import numpy as np
import torch
from torch import Tensor

from glcic_backend.inpainter import Inpainter
from glcic_backend.model_files.model_file import Model, ModelInfo
from glcic_backend.network.completion_network import CompletionNetwork, fold_batch_norm, network_input
from glcic_train.training.held_out import HeldOut

_GAP = 4


@torch.no_grad()
def picture_grid(
    network: CompletionNetwork, info: ModelInfo, held_out: HeldOut, device: torch.device, count: int
) -> np.ndarray:
    """One row per photograph: input, completion, blended completion, truth.

    Args:
        network: with batch normalisation, whose running statistics are used.
        info: description of the model it would be exported as; the mean pixel counts here.
        held_out: photographs and holes; the first `count` are shown.
        device: where the network runs.

    Returns:
        uint8 [H, W, 3], RGB. The completion is what the network gives; the blended one is what the exported model gives
        with the post-processing of section 3.5.1.
    """
    folded = fold_batch_norm(network)
    inpainter = Inpainter(Model(folded, info), device)
    mean = torch.tensor(info.mean_pixel)
    rows = []
    for image, hole in zip(held_out.images[:count], held_out.holes[:count], strict=True):
        truth = image.permute(1, 2, 0).numpy()
        mask = hole[0].numpy() > 0
        shown = np.where(mask[..., None], (mean.numpy() * 255).round().astype(np.uint8), truth)
        x = image.float()[None] / 255
        output = folded(network_input(x, hole[None], mean).to(device)).cpu()
        completed = _to_bytes(torch.lerp(x, output, hole[None])[0])
        rows.append(joined([shown, completed, inpainter.complete(truth, mask, quality="fast"), truth], axis=1))
    return joined(rows, axis=0)


def encode_png(picture: np.ndarray) -> bytes:
    """PNG of a picture, uint8 [H, W, 3], RGB."""
    _, data = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    return data.tobytes()


def _to_bytes(image: Tensor) -> np.ndarray:
    return (image * 255).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy()


def joined(parts: list[np.ndarray], axis: int) -> np.ndarray:
    """Parts side by side (axis 1) or below each other (axis 0), with a white gap."""
    shape = list(parts[0].shape)
    shape[axis] = _GAP
    gap = np.full(shape, 255, np.uint8)
    pieces = [piece for part in parts for piece in (part, gap)]
    return np.concatenate(pieces[:-1], axis=axis)
