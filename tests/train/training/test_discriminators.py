"""The context discriminators against Table 3 of the paper."""

import pytest
import torch
from torch import nn

from glcic_train.config import DiscriminatorConfig, load_config
from glcic_train.training.discriminators import ContextBranch, ContextDiscriminator, layer_count, local_patches


@pytest.mark.parametrize(("size", "layers"), [(256, 6), (128, 5), (160, 5), (96, 5), (64, 4), (32, 3), (16, 2)])
def test_the_number_of_layers_follows_from_the_size(size, layers):
    assert layer_count(size) == layers


@pytest.mark.parametrize(
    ("size", "outputs"),
    [(256, [64, 128, 256, 512, 512, 512]), (128, [64, 128, 256, 512, 512])],
    ids=["global: Table 3 (b)", "local: Table 3 (a)"],
)
def test_a_branch_has_the_layers_of_table_3(size, outputs):
    branch = ContextBranch(size)
    assert [layer.out_channels for layer in branch.convolutions] == outputs
    assert all(layer.kernel_size == (5, 5) and layer.stride == (2, 2) for layer in branch.convolutions)
    assert branch.fully_connected.in_features == 512 * 4 * 4
    assert branch.fully_connected.out_features == 1024


def test_batch_normalisation_follows_every_convolution_and_no_fully_connected_layer():
    branch = ContextBranch(128)
    assert [norm.num_features for norm in branch.norms] == [layer.out_channels for layer in branch.convolutions]
    modules = list(ContextDiscriminator(DiscriminatorConfig()).modules())
    assert sum(isinstance(module, nn.BatchNorm2d) for module in modules) == 6 + 5


def test_a_narrower_discriminator_has_fewer_channels_and_describes_an_image_by_fewer_numbers():
    discriminator = ContextDiscriminator(DiscriminatorConfig(width=0.25))
    assert [layer.out_channels for layer in discriminator.wide.convolutions] == [16, 32, 64, 128, 128, 128]
    assert discriminator.local.fully_connected.out_features == 256
    assert discriminator.concatenation.in_features == 2 * 256


@pytest.mark.parametrize(("use", "inputs"), [("both", 2048), ("global", 1024), ("local", 1024)])
def test_the_concatenation_layer_joins_the_branches_that_are_used(use, inputs):
    discriminator = ContextDiscriminator(DiscriminatorConfig(use=use))
    assert (discriminator.concatenation.in_features, discriminator.concatenation.out_features) == (inputs, 1)
    assert (discriminator.wide is not None) == (use != "local")
    assert (discriminator.local is not None) == (use != "global")


@pytest.mark.parametrize("name", ["places2", "celeba", "imagenet-center", "tiny"])
def test_one_logit_per_image_for_every_size_of_the_paper(name):
    config = load_config(name).discriminator
    size = config.global_size
    logits = ContextDiscriminator(config).eval()(torch.rand(2, 3, size, size), torch.full((2, 2), size // 2))
    assert logits.shape == (2,)
    assert logits.std() > 0


def test_celeba_has_a_global_layer_fewer_and_keeps_the_local_ones():
    discriminator = ContextDiscriminator(load_config("celeba").discriminator)
    assert len(discriminator.wide.convolutions) == 5
    assert len(discriminator.local.convolutions) == 5
    assert discriminator.wide.fully_connected.in_features == 512 * 5 * 5
    assert discriminator.local.fully_connected.in_features == 512 * 3 * 3


def test_spectral_normalisation_replaces_batch_normalisation_and_bounds_every_layer():
    torch.manual_seed(0)
    branch = ContextBranch(16, "spectral")
    assert not any(isinstance(module, nn.BatchNorm2d) for module in branch.modules())
    branch.train()
    for _ in range(30):
        branch(torch.rand(2, 3, 16, 16))  # each pass is one step of the power iteration
    for layer in [*branch.convolutions, branch.fully_connected]:
        assert torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item() == pytest.approx(1, abs=0.05)


def test_the_local_discriminator_sees_its_patch_only():
    torch.manual_seed(0)
    discriminator = ContextDiscriminator(DiscriminatorConfig(use="local", global_size=64, local_size=16)).eval()
    image = torch.rand(1, 3, 64, 64, requires_grad=True)
    discriminator(image, torch.tensor([[30, 40]])).sum().backward()
    seen = image.grad.abs().sum(dim=(0, 1)) > 0
    assert seen[32:48, 22:38].all()
    assert seen.sum() == 16 * 16


def test_the_global_discriminator_sees_the_whole_image():
    torch.manual_seed(0)
    discriminator = ContextDiscriminator(DiscriminatorConfig(use="global", global_size=64, local_size=16)).eval()
    image = torch.rand(1, 3, 64, 64, requires_grad=True)
    discriminator(image, torch.tensor([[0, 0]])).sum().backward()
    assert (image.grad.abs().sum(dim=(0, 1)) > 0).all()


def test_a_patch_is_centred_on_its_pixel():
    image = torch.arange(64.0).view(1, 1, 8, 8)
    patch = local_patches(image, torch.tensor([[4, 3]]), 4)
    assert torch.equal(patch[0, 0], image[0, 0, 1:5, 2:6])


@pytest.mark.parametrize(
    ("centre", "rows", "columns"),
    [((0, 0), slice(0, 4), slice(0, 4)), ((7, 7), slice(4, 8), slice(4, 8)), ((0, 7), slice(4, 8), slice(0, 4))],
)
def test_a_patch_at_the_border_moves_inside(centre, rows, columns):
    image = torch.arange(64.0).view(1, 1, 8, 8)
    patch = local_patches(image, torch.tensor([centre]), 4)
    assert torch.equal(patch[0, 0], image[0, 0, rows, columns])


def test_each_image_of_a_batch_has_its_own_patch_and_all_its_channels():
    image = torch.rand(2, 3, 8, 8)
    patch = local_patches(image, torch.tensor([[2, 2], [6, 5]]), 4)
    assert torch.equal(patch[0], image[0, :, 0:4, 0:4])
    assert torch.equal(patch[1], image[1, :, 3:7, 4:8])
