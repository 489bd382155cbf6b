"""Random weights in the layout of the published files, without their networks: what a user would bring."""

import torch
from torch import Tensor

# Each convolution of Inception-v3: name, inputs, outputs, kernel height, kernel width.
STEM = ["Conv2d_1a_3x3 3 32 3 3", "Conv2d_2a_3x3 32 32 3 3", "Conv2d_2b_3x3 32 64 3 3", "Conv2d_3b_1x1 64 80 1 1"]
STEM += ["Conv2d_4a_3x3 80 192 3 3"]
BLOCK_A = ["branch1x1 {0} 64 1 1", "branch5x5_1 {0} 48 1 1", "branch5x5_2 48 64 5 5", "branch3x3dbl_1 {0} 64 1 1"]
BLOCK_A += ["branch3x3dbl_2 64 96 3 3", "branch3x3dbl_3 96 96 3 3", "branch_pool {0} {1} 1 1"]
BLOCK_B = ["branch3x3 {0} 384 3 3", "branch3x3dbl_1 {0} 64 1 1", "branch3x3dbl_2 64 96 3 3", "branch3x3dbl_3 96 96 3 3"]
BLOCK_C = ["branch1x1 {0} 192 1 1", "branch7x7_1 {0} {1} 1 1", "branch7x7_2 {1} {1} 1 7", "branch7x7_3 {1} 192 7 1"]
BLOCK_C += ["branch7x7dbl_1 {0} {1} 1 1", "branch7x7dbl_2 {1} {1} 7 1", "branch7x7dbl_3 {1} {1} 1 7"]
BLOCK_C += ["branch7x7dbl_4 {1} {1} 7 1", "branch7x7dbl_5 {1} 192 1 7", "branch_pool {0} 192 1 1"]
BLOCK_D = ["branch3x3_1 {0} 192 1 1", "branch3x3_2 192 320 3 3", "branch7x7x3_1 {0} 192 1 1"]
BLOCK_D += ["branch7x7x3_2 192 192 1 7", "branch7x7x3_3 192 192 7 1", "branch7x7x3_4 192 192 3 3"]
BLOCK_E = ["branch1x1 {0} 320 1 1", "branch3x3_1 {0} 384 1 1", "branch3x3_2a 384 384 1 3", "branch3x3_2b 384 384 3 1"]
BLOCK_E += ["branch3x3dbl_1 {0} 448 1 1", "branch3x3dbl_2 448 384 3 3", "branch3x3dbl_3a 384 384 1 3"]
BLOCK_E += ["branch3x3dbl_3b 384 384 3 1", "branch_pool {0} 192 1 1"]
BLOCKS = {
    "Mixed_5b": (BLOCK_A, 192, 32), "Mixed_5c": (BLOCK_A, 256, 64), "Mixed_5d": (BLOCK_A, 288, 64),
    "Mixed_6a": (BLOCK_B, 288, 0), "Mixed_6b": (BLOCK_C, 768, 128), "Mixed_6c": (BLOCK_C, 768, 160),
    "Mixed_6d": (BLOCK_C, 768, 160), "Mixed_6e": (BLOCK_C, 768, 192), "Mixed_7a": (BLOCK_D, 768, 0),
    "Mixed_7b": (BLOCK_E, 1280, 0), "Mixed_7c": (BLOCK_E, 2048, 0),
}  # fmt: skip

ALEXNET = {0: (64, 3, 11), 3: (192, 64, 5), 6: (384, 192, 3), 8: (256, 384, 3), 10: (256, 256, 3)}
VGG16 = {0: (64, 3, 3), 2: (64, 64, 3), 5: (128, 64, 3), 7: (128, 128, 3), 10: (256, 128, 3), 12: (256, 256, 3)}
VGG16 |= {14: (256, 256, 3), 17: (512, 256, 3)} | {number: (512, 512, 3) for number in (19, 21, 24, 26, 28)}
"""Number of a layer -> outputs, inputs, kernel."""


def inception_weights(seed: int = 0) -> dict[str, Tensor]:
    """The layout of pt_inception-2015-12-05."""
    generator = torch.Generator().manual_seed(seed)
    lines = list(STEM)
    for block, (convs, *numbers) in BLOCKS.items():
        lines += [f"{block}.{line.format(*numbers)}" for line in convs]
    state = {}
    for line in lines:
        name, inputs, outputs, height, width = line.split()
        shape = (int(outputs), int(inputs), int(height), int(width))
        spread = (2 / (shape[1] * shape[2] * shape[3])) ** 0.5
        state[f"{name}.conv.weight"] = torch.randn(shape, generator=generator) * spread
        state[f"{name}.bn.weight"] = torch.rand(shape[0], generator=generator) + 0.5
        state[f"{name}.bn.bias"] = torch.randn(shape[0], generator=generator) * 0.1
        state[f"{name}.bn.running_mean"] = torch.randn(shape[0], generator=generator) * 0.1
        state[f"{name}.bn.running_var"] = torch.rand(shape[0], generator=generator) + 0.5
    # The classifier is in the file too, and not needed.
    return state | {"fc.weight": torch.zeros(1008, 2048), "fc.bias": torch.zeros(1008)}


def trunk_weights(layers: dict[int, tuple[int, int, int]], seed: int = 0) -> dict[str, Tensor]:
    """The layout of torchvision's AlexNet and VGG16."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for number, (outputs, inputs, kernel) in layers.items():
        spread = (2 / (inputs * kernel**2)) ** 0.5
        state[f"features.{number}.weight"] = torch.randn(outputs, inputs, kernel, kernel, generator=generator) * spread
        state[f"features.{number}.bias"] = torch.randn(outputs, generator=generator) * 0.1
    return state | {"classifier.6.bias": torch.zeros(1000)}


def linear_weights(channels: tuple[int, ...], seed: int = 1) -> dict[str, Tensor]:
    """The layout of LPIPS's own weights, which are not negative."""
    generator = torch.Generator().manual_seed(seed)
    return {
        f"lin{number}.model.1.weight": torch.rand(1, count, 1, 1, generator=generator)
        for number, count in enumerate(channels)
    }
