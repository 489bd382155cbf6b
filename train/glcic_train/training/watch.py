"""What a run is watched by, on photographs held out of it."""

import torch
from torch import Tensor

from glcic_train.config.schema import Config
from glcic_train.training.accuracy import discriminator_accuracy
from glcic_train.training.appearance import appearance, judging_features
from glcic_train.training.export import describe
from glcic_train.training.features import FeatureNetwork
from glcic_train.training.held_out import HeldOut
from glcic_train.training.networks import Networks
from glcic_train.training.schedule import Phase


class Watch:
    """Measures the networks of a run.

    Args:
        config: the run's configuration.
        networks: what is measured; the moving average of C where there is one.
        held_out: photographs and holes.
        mean_pixel: float [3], RGB, 0..1.
        device: where the networks are.
    """

    def __init__(
        self, config: Config, networks: Networks, held_out: HeldOut, mean_pixel: Tensor, device: torch.device
    ) -> None:
        self._networks, self._held_out, self._mean_pixel, self._device = networks, held_out, mean_pixel, device
        self._info = describe(config, mean_pixel.tolist(), 0)
        # Asked for when the first completions are judged: by then it is known what the start was trained on.
        self._features: FeatureNetwork | None = None

    def values(self, phase: Phase) -> dict[str, float]:
        """`mse` and `dead_channels` always; D's accuracy once D trains; how completions look in the joint phase."""
        networks, where = self._networks, (self._mean_pixel, self._device)
        values = {
            "mse": self._held_out.error(networks.best_completion, *where),
            "dead_channels": self._held_out.dead_share(networks.best_completion, *where),
        }
        if phase is not Phase.COMPLETION and networks.discriminator is not None:
            arguments = (networks.discriminator, networks.completion, self._held_out, *where)
            values["discriminator_accuracy"] = discriminator_accuracy(*arguments)
        if phase is Phase.JOINT:
            if self._features is None:
                self._features = judging_features(networks.feature_networks, self._device)
            network = networks.best_completion
            values |= appearance(network, self._info, self._held_out, self._features, self._device)
        return values


def criterion(values: dict[str, float]) -> float:
    """What decides which checkpoint of a phase is the best, the lower the better.

    In the joint phase the kernel distance, where its features are installed: the error would choose the blurriest.
    """
    return values.get("kernel", values["mse"])
