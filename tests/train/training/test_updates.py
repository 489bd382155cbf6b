"""The updates of Algorithm 1: what they change, what they leave alone, and which gradient they follow."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from glcic_backend.network.completion_network import CompletionNetwork, network_input
from glcic_train.masks import Holes
from glcic_train.training import losses
from glcic_train.training.batches import Batch
from glcic_train.training.distributed import Processes
from glcic_train.training.networks import (
    Networks,
    doubling_kernel,
    initialise_as_doubling,
    initialise_for_small_crops,
)
from glcic_train.training.updates import Updates, computes_bfloat16

pytestmark = pytest.mark.usefixtures("narrow_module")

CPU = torch.device("cpu")
MEAN = torch.tensor([0.4, 0.5, 0.6])


@pytest.fixture
def batch() -> Batch:
    generator = torch.Generator().manual_seed(1)
    mask = torch.zeros(3, 1, 32, 32)
    mask[:, :, 8:20, 10:22] = 1
    return Batch(
        images=torch.rand(3, 3, 32, 32, generator=generator),
        holes=Holes(mask, torch.tensor([[16, 14]] * 3)),
        draw_real_holes=lambda: Holes(mask, torch.tensor([[9, 20], [20, 9], [16, 16]])),
    )


@pytest.fixture
def make(quick):
    def made(*settings: str) -> tuple[Networks, Updates]:
        config = quick("run.batch=3", *settings)
        networks = Networks(config, CPU, Processes())
        return networks, Updates(config, networks, MEAN, CPU, Processes())

    return made


def state_of(module: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def same(before: dict[str, Tensor], module: nn.Module) -> bool:
    return all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())


def gradient_at_step(networks: Networks) -> dict[str, Tensor]:
    """Filled with the gradient of C at the moment its optimiser uses it."""
    seen: dict[str, Tensor] = {}

    def look(*_: object) -> None:
        seen.update({name: p.grad.clone() for name, p in networks.completion.named_parameters()})

    networks.completion_optimizer.register_step_pre_hook(look)
    return seen


def completed_by(network: CompletionNetwork, batch: Batch) -> tuple[Tensor, Tensor]:
    """C(x, M_c), and the image with the hole filled by it."""
    output = network(network_input(batch.images, batch.holes.mask, MEAN))
    return output, batch.images * (1 - batch.holes.mask) + output * batch.holes.mask


def test_the_completion_phase_follows_the_gradient_of_the_mse_loss_and_leaves_d_alone(make, batch):
    networks, updates = make()
    seen, twin = gradient_at_step(networks), copy.deepcopy(networks.completion)
    discriminator = state_of(networks.discriminator)

    values = updates.completion_alone(batch)

    output, _ = completed_by(twin, batch)
    loss = losses.masked_mse(output, batch.images, batch.holes.mask)
    loss.backward()
    assert values["mse"].item() == pytest.approx(loss.item(), rel=1e-5)
    for name, parameter in twin.named_parameters():
        assert torch.allclose(seen[name], parameter.grad, atol=1e-6), name
    assert same(discriminator, networks.discriminator)


def test_the_reconstruction_loss_can_be_l1_with_gradients(make, batch):
    networks, updates = make("losses.reconstruction=l1", "losses.gradient=2.0")
    seen, twin = gradient_at_step(networks), copy.deepcopy(networks.completion)

    values = updates.completion_alone(batch)

    output, _ = completed_by(twin, batch)
    arguments = (output, batch.images, batch.holes.mask)
    l1, gradient = losses.masked_l1(*arguments), losses.masked_gradient_l1(*arguments)
    (l1 + 2 * gradient).backward()
    assert {name: value.item() for name, value in values.items()} == pytest.approx(
        {"l1": l1.item(), "gradient": gradient.item()}, rel=1e-5
    )
    for name, parameter in twin.named_parameters():
        assert torch.allclose(seen[name], parameter.grad, atol=1e-6), name


def test_the_discriminator_phase_changes_nothing_in_c_not_even_its_statistics(make, batch):
    networks, updates = make()
    completion, discriminator = state_of(networks.completion), state_of(networks.discriminator)

    updates.discriminator_alone(batch, step=0)

    assert same(completion, networks.completion)
    assert not same(discriminator, networks.discriminator)


def test_the_joint_phase_follows_eq_5_with_the_discriminator_just_updated(make, batch):
    networks, updates = make("losses.alpha=0.5")
    seen, twin = gradient_at_step(networks), copy.deepcopy(networks.completion)

    updates.jointly(batch, step=0, balance_progress=1.0)

    output, completed = completed_by(twin, batch)
    logits = networks.discriminator(completed - MEAN.view(1, 3, 1, 1), batch.holes.centres)
    gan = torch.log(1 - torch.sigmoid(logits)).mean()
    (losses.masked_mse(output, batch.images, batch.holes.mask) + 0.5 * gan).backward()
    for name, parameter in twin.named_parameters():
        assert torch.allclose(seen[name], parameter.grad, atol=1e-5, rtol=1e-3), name


@pytest.mark.parametrize(
    "settings", [(), ("losses.feature_matching=0.1", 'losses.generator="non-saturating"')], ids=["paper", "modern"]
)
def test_the_completion_networks_step_leaves_no_gradient_in_the_discriminators(make, batch, settings):
    networks, updates = make(*settings)
    alone, updates_alone = make(*settings)
    alone.completion.load_state_dict(networks.completion.state_dict())

    updates.jointly(batch, step=0, balance_progress=1.0)

    assert all(parameter.grad is None for parameter in networks.discriminator.parameters())
    assert all(parameter.requires_grad for parameter in networks.discriminator.parameters())
    # The update of D is the one it takes when C takes none.
    _, completed = completed_by(alone.completion.train(), batch)
    updates_alone._update_discriminator(batch, completed.detach(), step=0)
    for name, parameter in alone.discriminator.named_parameters():
        assert torch.allclose(parameter, dict(networks.discriminator.named_parameters())[name], atol=1e-7), name


def test_the_discriminator_judges_real_images_at_m_d_and_completed_ones_at_m_c(make, batch):
    networks, updates = make()
    calls: list[tuple[Tensor, Tensor]] = []
    networks.discriminator.register_forward_pre_hook(lambda module, inputs: calls.append((inputs[0], inputs[1])))

    updates.discriminator_alone(batch, step=0)

    (real, real_centres), (completed, centres) = calls
    assert torch.equal(real_centres, batch.real_holes.centres)
    assert torch.equal(centres, batch.holes.centres)
    relative = batch.images - MEAN.view(1, 3, 1, 1)
    assert torch.equal(real, relative)
    known = (batch.holes.mask == 0).expand_as(relative)
    assert torch.equal(completed[known], relative[known])
    assert not torch.equal(completed[~known], relative[~known])


def test_c_sees_the_mean_pixel_in_the_hole(make, batch):
    networks, updates = make()
    inputs: list[Tensor] = []
    networks.completion.register_forward_pre_hook(lambda module, arguments: inputs.append(arguments[0]))
    changed = replace(batch, images=torch.where(batch.holes.mask > 0, 0.9, batch.images))

    updates.completion_alone(batch)
    updates.completion_alone(changed)

    assert torch.equal(inputs[0], inputs[1])
    assert (inputs[0][:, :3][(batch.holes.mask > 0).expand(-1, 3, -1, -1)] == 0).all()


def test_balancing_lifts_a_weak_gan_gradient_to_the_order_of_the_mse_gradient(make, batch):
    networks, updates = make("losses.alpha=1e-6")
    balanced, updates_balanced = make("losses.alpha=1e-6")
    plain_gradient, balanced_gradient = gradient_at_step(networks), gradient_at_step(balanced)
    mse_gradient = gradient_at_step(make_mse := make()[0])

    updates.jointly(batch, step=0, balance_progress=1.0)
    updates_balanced.jointly(batch, step=0, balance_progress=0.0)
    Updates(updates.config, make_mse, MEAN, CPU, Processes()).completion_alone(batch)

    def share(gradient: dict[str, Tensor]) -> float:
        difference = sum((gradient[name] - mse_gradient[name]).square().sum() for name in gradient) ** 0.5
        return (difference / sum(value.square().sum() for value in mse_gradient.values()) ** 0.5).item()

    assert share(plain_gradient) < 1e-3
    assert 0.02 < share(balanced_gradient) < 10


def test_r1_is_applied_at_its_interval_only(make, batch):
    _, updates = make("losses.r1=1", "losses.r1_every=2", 'discriminator.normalisation="spectral"')
    assert "r1" in updates.discriminator_alone(batch, step=4)
    assert "r1" not in updates.discriminator_alone(batch, step=5)


def test_a_departure_from_the_paper_is_computed_only_when_it_is_switched_on(make, batch):
    _, plain = make()
    _, matching = make("losses.feature_matching=1")
    assert "matching" not in plain.jointly(batch, 0, 1.0)
    assert matching.jointly(batch, 0, 1.0)["matching"] > 0


def test_gradients_are_clipped_to_the_configured_norm(make, batch):
    networks, updates = make("completion.optimizer.clip_norm=1e-3")
    seen = gradient_at_step(networks)
    updates.completion_alone(batch)
    norm = sum(gradient.square().sum() for gradient in seen.values()) ** 0.5
    assert norm.item() == pytest.approx(1e-3, rel=1e-2)


@pytest.mark.parametrize("use", ["global", "local"])
def test_each_discriminator_trains_alone(make, batch, use):
    networks, updates = make(f"discriminator.use={use}")
    before = state_of(networks.discriminator)
    updates.jointly(batch, 0, 1.0)
    assert not same(before, networks.discriminator)


def test_bfloat16_gives_losses_close_to_those_of_float32(make, batch):
    _, exact = make("run.precision=float32")
    _, coarse = make("run.precision=bfloat16")
    expected = exact.completion_alone(batch)["mse"].item()
    assert coarse.completion_alone(batch)["mse"].item() == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("native", [True, False])
def test_auto_is_bfloat16_on_a_cpu_that_computes_it_natively(make, batch, monkeypatch, native):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: native, raising=False)
    _, automatic = make("run.precision=auto")
    _, named = make(f"run.precision={'bfloat16' if native else 'float32'}")

    assert automatic.completion_alone(batch) == named.completion_alone(batch)


def test_a_version_of_torch_that_cannot_tell_computes_in_float32(monkeypatch):
    monkeypatch.delattr(torch.cpu, "_is_avx512_bf16_supported", raising=False)
    assert not computes_bfloat16(CPU)


def test_the_start_for_small_crops_leaves_the_widest_kernel_its_centre_only():
    network = CompletionNetwork()
    initialise_for_small_crops(network)
    widest = next(layer for layer in network.layers if layer.spec.dilation == 16).conv.weight
    assert widest[:, :, 1, 1].abs().min() > 0
    assert widest.count_nonzero() == widest[:, :, 1, 1].numel()


def test_a_doubling_and_a_convolution_are_one_transposed_convolution_of_table_2():
    generator = torch.Generator().manual_seed(4)
    x, kernel = torch.rand(2, 5, 7, 6, generator=generator), torch.rand(3, 5, 3, 3, generator=generator)
    apart = functional.conv2d(functional.interpolate(x, scale_factor=2, mode="nearest"), kernel, padding=1)
    joined = functional.conv_transpose2d(x, doubling_kernel(kernel), stride=2, padding=1)
    assert torch.allclose(joined, apart, atol=1e-5)


def test_transposed_convolutions_that_start_as_a_doubling_keep_a_plain_input_plain():
    network = CompletionNetwork(normalised=False)
    plain = {unit: torch.ones(1, unit.conv.in_channels, 8, 8) for unit in network.units if unit.spec.kind == "deconv"}

    def unevenness(unit: nn.Module) -> float:
        return unit(plain[unit])[..., 4:-4, 4:-4].std(dim=(2, 3)).max().item()

    assert min(unevenness(unit) for unit in plain) > 1e-3
    initialise_as_doubling(network)
    assert max(unevenness(unit) for unit in plain) < 1e-5


def test_the_start_of_the_transposed_convolutions_is_an_option(quick):
    kernels = [
        Networks(quick(f"completion.upsampling={word}"), CPU, Processes()).completion.layers[12].conv.weight[0, 0]
        for word in ("default", "doubling")
    ]
    default, doubling = (kernel[0] + kernel[2] - kernel[1] - kernel[3] for kernel in kernels)
    assert default.abs().max() > 1e-3 and doubling.abs().max() < 1e-6


@pytest.mark.parametrize("statistics", ["batch", "frozen"])
def test_the_joint_phase_can_leave_the_statistics_of_c_as_they_are(make, batch, statistics):
    networks, updates = make(f"completion.joint_statistics={statistics}")
    norm, output = networks.completion.layers[0].norm, networks.completion.layers[-1].conv
    before = norm.running_mean.clone(), output.bias.detach().clone()

    updates.jointly(batch, step=0, balance_progress=1.0)

    assert torch.equal(before[0], norm.running_mean) == (statistics == "frozen")
    assert not torch.equal(before[1], output.bias)


def test_frozen_statistics_make_c_compute_in_training_what_it_computes_in_use(make, batch):
    networks, updates = make("completion.joint_statistics=frozen")
    output, _ = completed_by(networks.completion.eval(), batch)
    expected = losses.masked_mse(output, batch.images, batch.holes.mask)
    assert updates.jointly(batch, 0, 1.0)["mse"].item() == pytest.approx(expected.item(), rel=1e-5)


def test_the_ratio_of_the_gradients_is_held_and_its_factor_told(make, batch, monkeypatch):
    networks, updates = make("losses.gradient_ratio=2.5", "losses.alpha=0.1")
    joined: list[Tensor] = []
    twin = copy.deepcopy(networks.completion)
    output, _ = completed_by(twin, batch)
    output.register_hook(joined.append)
    monkeypatch.setattr(updates, "_output", lambda batch: output)

    factor = updates.jointly(batch, step=0, balance_progress=1.0)["balance"].item()

    leaf = output.detach().requires_grad_()
    losses.masked_mse(leaf, batch.images, batch.holes.mask).backward()
    adversarial = joined[0] - leaf.grad
    assert (adversarial.norm() / leaf.grad.norm()).item() == pytest.approx(2.5, rel=1e-4)
    assert factor > 0


def test_c_waits_while_d_says_too_little_and_d_goes_on(make, batch):
    networks, updates = make("losses.gradient_ratio=1", "losses.alpha=1e-6")
    c, d = (copy.deepcopy(network.state_dict()) for network in (networks.completion, networks.discriminator))

    told = updates.jointly(batch, step=0, balance_progress=1.0)

    assert told["balance"] > losses.MOST_AMPLIFICATION
    assert told["waiting"] == 1
    assert all(torch.equal(value, c[name]) for name, value in networks.completion.named_parameters())
    assert not all(torch.equal(value, d[name]) for name, value in networks.discriminator.named_parameters())


def test_c_does_not_wait_where_d_says_enough(make, batch):
    _, updates = make("losses.gradient_ratio=1", "losses.alpha=1")
    assert updates.jointly(batch, step=0, balance_progress=1.0)["waiting"] == 0


def test_texture_losses_are_part_of_what_c_minimises_in_every_phase(make, batch, monkeypatch):
    class Brightness(nn.Module):
        """Stands in for the texture losses, whose weights are an optional package."""

        def __init__(self, perceptual: float, gram: float) -> None:
            super().__init__()
            self.weights = perceptual, gram

        def forward(self, completed: Tensor, image: Tensor, hole: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
            assert torch.equal(completed[:, :, :8], image[:, :, :8])
            value = (completed - image).square().mean()
            return sum(self.weights) * value, {"perceptual": value.detach()}

    monkeypatch.setattr("glcic_train.training.updates.TextureLosses", Brightness)
    networks, updates = make("losses.perceptual=0.5", "losses.gram=1.5")
    seen, twin = gradient_at_step(networks), copy.deepcopy(networks.completion)

    values = updates.completion_alone(batch)

    output, completed = completed_by(twin, batch)
    texture = (completed - batch.images).square().mean()
    (losses.masked_mse(output, batch.images, batch.holes.mask) + 2 * texture).backward()
    assert values["perceptual"].item() == pytest.approx(texture.item(), rel=1e-5)
    for name, parameter in twin.named_parameters():
        assert torch.allclose(seen[name], parameter.grad, atol=1e-6), name
    assert "perceptual" in updates.jointly(batch, 0, 1.0)


def test_augmentation_changes_what_d_sees_in_all_three_places(make, batch):
    networks, updates = make("discriminator.augment=diff")
    shown: list[Tensor] = []
    networks.discriminator.register_forward_pre_hook(lambda module, inputs: shown.append(inputs[0].detach()))

    updates.jointly(batch, step=0, balance_progress=1.0)

    original = batch.images - MEAN.view(1, 3, 1, 1)
    known = (batch.holes.mask == 0).expand_as(original)
    assert len(shown) == 3
    assert not any(torch.equal(one[known], original[known]) for one in shown)
