"""The networks that are trained, with their optimisers: everything that a checkpoint must bring back."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from glcic_backend.network.completion_network import CompletionNetwork, scaled_channels
from glcic_train.config.schema import Config
from glcic_train.training.discriminators import ContextDiscriminator
from glcic_train.training.distributed import Processes, synchronise_batch_norm
from glcic_train.training.ema import MovingAverage
from glcic_train.training.features import TRAINING_FEATURES
from glcic_train.training.optimizers import make_optimizer


class Networks:
    """C and D of the paper, the moving average of C, and both optimisers.

    Args:
        config: the run's configuration; its seed decides the random weights.
        device: where they live.
        processes: with more than one, batch normalisation is synchronised if the configuration says so.
        outputs: channels of each layer of C; None = as `completion.width` says.

    Attributes:
        feature_networks: those whose features C was trained on, by this run's losses or before its start.
    """

    def __init__(
        self, config: Config, device: torch.device, processes: Processes, outputs: Sequence[int] | None = None
    ) -> None:
        torch.manual_seed(config.run.seed)
        features = config.losses.perceptual or config.losses.gram
        self.feature_networks: tuple[str, ...] = (TRAINING_FEATURES,) if features else ()
        layout = torch.channels_last if config.run.channels_last else torch.contiguous_format
        self.completion = CompletionNetwork(outputs=outputs or scaled_channels(config.completion.width))
        if config.completion.init == "progressive":
            initialise_for_small_crops(self.completion)
        if config.completion.upsampling == "doubling":
            initialise_as_doubling(self.completion)
        self.discriminator = None if config.discriminator.use == "none" else ContextDiscriminator(config.discriminator)
        if config.run.sync_batch_norm and processes.world_size > 1:
            synchronise_batch_norm(self.completion, device)
            if self.discriminator is not None:
                synchronise_batch_norm(self.discriminator, device)
        self.completion.to(device, memory_format=layout)
        self.average = MovingAverage(self.completion, config.completion.ema) if config.completion.ema else None
        self.completion_optimizer = make_optimizer(self.completion, config.completion.optimizer, device)
        self.discriminator_optimizer: torch.optim.Optimizer | None = None
        if self.discriminator is not None:
            self.discriminator.to(device, memory_format=layout)
            self.discriminator_optimizer = make_optimizer(self.discriminator, config.discriminator.optimizer, device)

    @property
    def best_completion(self) -> CompletionNetwork:
        """The completion network to use and export: the moving average if there is one."""
        return self.completion if self.average is None else self.average.network

    def trained_on(self, feature_networks: Sequence[str]) -> None:
        """Take note of the feature networks that C was trained on before."""
        self.feature_networks = tuple(dict.fromkeys((*self.feature_networks, *feature_networks)))

    def state(self) -> dict[str, Any]:
        """All tensors, by part; parts that the configuration leaves out are missing."""
        return {name: part.state_dict() for name, part in self._parts().items()}

    def load_state(self, state: dict[str, Any]) -> None:
        """Bring back what `state` gave."""
        for name, part in self._parts().items():
            part.load_state_dict(state[name])

    def are_finite(self) -> bool:
        """Whether every weight and statistic of C and D is a finite number."""
        tensors = [t for part in (self.completion, self.discriminator) if part for t in part.state_dict().values()]
        return bool(torch.stack([torch.isfinite(t).all() for t in tensors if t.is_floating_point()]).all())

    def _parts(self) -> dict[str, Any]:
        parts = {
            "completion": self.completion,
            "average": self.average and self.average.network,
            "discriminator": self.discriminator,
            "completion_optimizer": self.completion_optimizer,
            "discriminator_optimizer": self.discriminator_optimizer,
        }
        return {name: part for name, part in parts.items() if part is not None}


@torch.no_grad()
def initialise_for_small_crops(network: CompletionNetwork) -> None:
    """Initial weights for training that begins on small crops.

    He initialisation throughout. A kernel of dilation 16 spans 132 pixels of the image: on crops of 64 its outer taps
    only ever meet padding and would keep their random start, to disturb the first larger crop. They start at zero.
    """
    for layer in network.layers:
        if layer.spec.kind == "conv":
            nn.init.kaiming_normal_(layer.conv.weight)
        if layer.spec.dilation == 16:
            middle = layer.conv.weight[:, :, 1, 1].clone()
            layer.conv.weight.zero_()
            # Three times: one tap of nine carries the whole variance.
            layer.conv.weight[:, :, 1, 1] = 3 * middle


@torch.no_grad()
def initialise_as_doubling(network: CompletionNetwork) -> None:
    """Start the transposed convolutions as a doubling of the pixels (nearest) followed by a convolution of 3 x 3.

    Both together are one kernel of 4 x 4 with stride 2, so the network stays that of Table 2. The four pixels that come
    from one then differ only as a smooth kernel makes them: no checkerboard to unlearn.
    """
    for layer in network.units:
        if layer.spec.kind == "deconv":
            inputs, outputs = layer.conv.weight.shape[:2]
            kernel = nn.init.kaiming_normal_(torch.empty(outputs, inputs, 3, 3))
            layer.conv.weight.copy_(doubling_kernel(kernel))


def doubling_kernel(kernel: Tensor) -> Tensor:
    """The kernel of a transposed convolution, stride 2, padding 1, that doubles the pixels and then convolves.

    Args:
        kernel: float [outputs, inputs, 3, 3], of the convolution, padding 1.

    Returns:
        float [inputs, outputs, 4, 4]. Along each side: last tap, last two, first two, first.
    """
    fold = kernel.new_tensor([[0, 0, 1], [0, 1, 1], [1, 1, 0], [1, 0, 0]])
    return torch.einsum("at,oits,bs->ioab", fold, kernel, fold)
