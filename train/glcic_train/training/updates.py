"""The two updates of Algorithm 1: one of the completion network C, one of the discriminators D."""

from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from glcic_backend.network.completion_network import network_input
from glcic_train.config.schema import Config
from glcic_train.training import losses
from glcic_train.training.augment import augmented
from glcic_train.training.batches import Batch
from glcic_train.training.discriminators import ContextDiscriminator
from glcic_train.training.distributed import Processes, mean_over_processes
from glcic_train.training.networks import Networks
from glcic_train.training.optimizers import clip_gradient
from glcic_train.training.texture import TextureLosses

Losses = dict[str, Tensor]
"""Name of a loss -> its value, a scalar on the device without gradient."""


class Updates:
    """Computes gradients and applies them, in the configured precision, on one or many processes.

    Args:
        config: the run's configuration.
        networks: what is updated.
        mean_pixel: RGB, 0..1, of the training set.
        device: where everything lives.
        processes: gradients are averaged over them.
    """

    def __init__(
        self, config: Config, networks: Networks, mean_pixel: Tensor, device: torch.device, processes: Processes
    ) -> None:
        self.config, self.networks, self.processes = config, networks, processes
        self._mean_pixel = mean_pixel.to(device)
        self._device = device
        half = config.run.precision == "bfloat16" or (config.run.precision == "auto" and computes_bfloat16(device))
        self._precision = torch.bfloat16 if half else torch.float32
        if config.run.compile:
            networks.completion.compile()
        self._completion = _distributed(networks.completion, device, processes)
        self._objective: nn.Module | None = None
        if networks.discriminator is not None:
            if config.run.compile:
                networks.discriminator.compile()
            objective = _DiscriminatorObjective(networks.discriminator, config.losses.r1)
            self._objective = _distributed(objective, device, processes)
        weights = config.losses
        self._texture: TextureLosses | None = None
        if weights.perceptual or weights.gram:
            self._texture = TextureLosses(weights.perceptual, weights.gram).to(device)

    def completion_alone(self, batch: Batch) -> Losses:
        """Update C with the MSE loss (Eq. 2), Algorithm 1 line 5."""
        self.networks.completion.train()
        loss, parts = self._reconstruction_loss(self._output(batch), batch)
        loss.backward()
        self._step_completion()
        return parts

    def discriminator_alone(self, batch: Batch, step: int) -> Losses:
        """Update D while C is fixed, Algorithm 1 line 8. C is in evaluation mode: its statistics are fixed as well."""
        self.networks.completion.eval()
        with torch.no_grad():
            completed = self._completed(self._output(batch), batch)
        return self._update_discriminator(batch, completed, step)

    def jointly(self, batch: Batch, step: int, balance_progress: float) -> Losses:
        """Update D, then C with the joint loss (Eq. 5), Algorithm 1 lines 8 and 10.

        Where `losses.gradient_ratio` asks for an amplification above `losses.MOST_AMPLIFICATION`, C waits: D has lost
        its hold on what C has become, and finds it again when C stands still.

        Args:
            balance_progress: how much of the balancing of section 3.4 is over; 1 = no balancing.
        """
        self.networks.completion.train(self.config.completion.joint_statistics == "batch")
        output = self._output(batch)
        values = self._update_discriminator(batch, self._completed(output, batch).detach(), step)
        # The losses are differentiated only as far as C's output. So D's parameters take no gradient from C's update,
        # and the two gradients can be compared before they flow on into C together.
        leaf = output.detach().requires_grad_()
        reconstruction, reconstruction_parts = self._reconstruction_loss(leaf, batch)
        adversarial, parts = self._adversarial_loss(leaf, batch)
        (gradient,) = torch.autograd.grad(reconstruction, leaf)
        (adversarial_gradient,) = torch.autograd.grad(adversarial, leaf)
        weights = self.config.losses
        if weights.gradient_chroma < 1:
            adversarial_gradient = losses.with_chroma(adversarial_gradient, weights.gradient_chroma)
        norms = self._norm(gradient), self._norm(adversarial_gradient)
        if weights.gradient_ratio:
            parts["balance"] = losses.holding_factor(*norms, weights.gradient_ratio)
        elif balance_progress < 1:
            parts["balance"] = losses.balancing_factor(*norms, balance_progress)
        adversarial_gradient = parts.get("balance", 1.0) * adversarial_gradient
        if weights.gradient_ratio:
            parts["waiting"] = (parts["balance"] > losses.MOST_AMPLIFICATION).float()
        if not parts.get("waiting", 0):
            output.backward(gradient + adversarial_gradient)
            self._step_completion()
        return {**reconstruction_parts, **parts, **values}

    def _output(self, batch: Batch) -> Tensor:
        """C(x, M_c): float32 [N, 3, S, S]."""
        x = network_input(batch.images, batch.holes.mask, self._mean_pixel)
        if self.config.run.channels_last:
            x = x.contiguous(memory_format=torch.channels_last)
        with self._autocast():
            output: Tensor = self._completion(x)
        return output.float()

    def _reconstruction_loss(self, output: Tensor, batch: Batch) -> tuple[Tensor, Losses]:
        """Eq. 2, or what the configuration puts in its place or adds: the weighted sum, and its unweighted parts."""
        weights, arguments = self.config.losses, (output, batch.images, batch.holes.mask)
        distance = losses.masked_mse if weights.reconstruction == "mse" else losses.masked_l1
        total = distance(*arguments)
        parts = {weights.reconstruction: total.detach()}
        if weights.gradient:
            gradient = losses.masked_gradient_l1(*arguments)
            total, parts["gradient"] = total + weights.gradient * gradient, gradient.detach()
        if self._texture is not None:
            with self._autocast():
                texture, values = self._texture(self._completed(output, batch), batch.images, batch.holes.mask)
            total, parts = total + texture, parts | values
        return total, parts

    def _completed(self, output: Tensor, batch: Batch) -> Tensor:
        """The completed images: pixels outside the hole are those of the input (section 3.2)."""
        return torch.where(batch.holes.mask > 0, output, batch.images)

    def _seen(self, image: Tensor, centres: Tensor) -> tuple[Tensor, Tensor]:
        """What D is shown of an image, and where its local patch is."""
        image = image - self._mean_pixel.view(1, 3, 1, 1)
        return augmented(image, centres) if self.config.discriminator.augment == "diff" else (image, centres)

    def _update_discriminator(self, batch: Batch, completed: Tensor, step: int) -> Losses:
        assert self._objective is not None and self.networks.discriminator_optimizer is not None
        discriminator = self.networks.discriminator
        assert discriminator is not None
        weights = self.config.losses
        penalise = bool(weights.r1) and step % weights.r1_every == 0
        with self._autocast():
            values = self._objective(
                *self._seen(batch.images, batch.real_holes.centres),
                *self._seen(completed, batch.holes.centres),
                float(weights.r1_every) if penalise else 0.0,
            )
        values["total"].backward()
        clip_gradient(discriminator, self.config.discriminator.optimizer)
        self.networks.discriminator_optimizer.step()
        self.networks.discriminator_optimizer.zero_grad(set_to_none=True)
        return {name: value.detach() for name, value in values.items() if name != "total"}

    def _adversarial_loss(self, output: Tensor, batch: Batch) -> tuple[Tensor, Losses]:
        """What C minimises besides the MSE: the weighted sum, and its unweighted parts."""
        discriminator, weights = self.networks.discriminator, self.config.losses
        assert discriminator is not None
        completed = self._completed(output, batch)
        # Compiled code would compute D's gradients, only to throw them away.
        discriminator.requires_grad_(False)
        features: list[Tensor] = []
        with self._autocast():
            logits = discriminator(*self._seen(completed, batch.holes.centres), features)
        gan = losses.generator_loss(logits.float(), weights.generator)
        total, parts = weights.alpha * gan, {"gan": gan.detach()}
        if weights.feature_matching:
            real_features: list[Tensor] = []
            with torch.no_grad(), self._autocast():
                discriminator(*self._seen(batch.images, batch.holes.centres), real_features)
            matching = losses.feature_matching(features, real_features)
            total, parts["matching"] = total + weights.feature_matching * matching, matching.detach()
        discriminator.requires_grad_(True)
        return total, parts

    def _norm(self, gradient: Tensor) -> Tensor:
        return mean_over_processes(gradient.square().sum(), self.processes).sqrt()

    def _step_completion(self) -> None:
        clip_gradient(self.networks.completion, self.config.completion.optimizer)
        self.networks.completion_optimizer.step()
        self.networks.completion_optimizer.zero_grad(set_to_none=True)

    def _autocast(self) -> AbstractContextManager[Any]:
        return torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=self._precision == torch.bfloat16)


class _DiscriminatorObjective(nn.Module):
    """D and its losses in one forward pass: DistributedDataParallel expects one pass per update."""

    def __init__(self, discriminator: ContextDiscriminator, r1: float) -> None:
        super().__init__()
        self.discriminator = discriminator
        self._r1 = r1

    def forward(
        self, real: Tensor, real_centres: Tensor, completed: Tensor, centres: Tensor, penalty_interval: float
    ) -> Losses:
        """Losses of D.

        Args:
            real, completed: float [N, 3, S, S], RGB relative to the mean pixel.
            real_centres, centres: int64 [N, 2], middles of their local patches.
            penalty_interval: 0 = no gradient penalty this time; else the number of updates it stands for.

        Returns:
            `total` to be minimised, and its parts.
        """
        real_logits = self.discriminator(real, real_centres).float()
        completed_logits = self.discriminator(completed, centres).float()
        bce = losses.discriminator_loss(real_logits, completed_logits)
        values = {
            "total": bce,
            "discriminator": bce,
            "real_probability": torch.sigmoid(real_logits).mean(),
            "completed_probability": torch.sigmoid(completed_logits).mean(),
        }
        if penalty_interval:
            # Second derivatives in bfloat16 are too coarse, and of compiled code there are none: hence `forward`.
            with torch.autocast(real.device.type, enabled=False):
                leaf = real.detach().requires_grad_()
                penalty = losses.r1_penalty(self.discriminator.forward(leaf, real_centres), leaf)
            values["r1"] = penalty
            values["total"] = bce + self._r1 * penalty_interval * penalty
        return values


def computes_bfloat16(device: torch.device) -> bool:
    """Whether a device computes bfloat16 natively, hence faster than float32.

    On a CPU that takes AVX512_BF16, which every CPU with AMX has too. Elsewhere bfloat16 is emulated.
    """
    if device.type == "cpu":
        # Not public in torch 2.11, and not there in every version.
        supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
        return supported is not None and bool(supported())
    return device.type == "cuda"


def _distributed(module: nn.Module, device: torch.device, processes: Processes) -> nn.Module:
    if processes.world_size == 1:
        return module
    devices = [device] if device.type == "cuda" else None
    # Statistics are each process's own, or synchronised where they are computed.
    return DistributedDataParallel(module, device_ids=devices, broadcast_buffers=False)
