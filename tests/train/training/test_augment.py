"""What D sees of an image that is augmented."""

import torch

from glcic_train.training.augment import augmented
from glcic_train.training.discriminators import local_patches


def test_the_local_patch_moves_with_its_image():
    image = torch.zeros(40, 3, 32, 32)
    image[:, :, 15:18, 15:18] = 1  # a spot in the middle, which the patch is to follow
    shown, centres = augmented(image, torch.full((40, 2), 16))

    assert len({tuple(centre.tolist()) for centre in centres}) > 10
    for patch in local_patches(shown, centres, 8):
        spot, around = patch[:, 3:6, 3:6].mean(), patch[:, :1].mean()
        assert spot > around


def test_images_are_shifted_by_an_eighth_at_most_and_the_mean_pixel_comes_in():
    image = torch.ones(200, 3, 32, 32)
    shown, centres = augmented(image, torch.full((200, 2), 16))
    moved = centres - 16
    assert moved.min() == -4 and moved.max() == 4
    for one, (across, down) in zip(shown, moved.tolist(), strict=True):
        blank = (one == 0).all(dim=0)
        assert blank.sum() == 32 * 32 - (32 - abs(across)) * (32 - abs(down))


def test_centres_stay_in_the_image():
    _, centres = augmented(torch.zeros(100, 3, 16, 16), torch.tensor([[0, 15]] * 100))
    assert centres.min() >= 0 and centres.max() <= 15


def test_every_image_is_changed_in_its_own_way_and_a_seed_repeats_it():
    image, centres = torch.rand(1, 3, 16, 16).repeat(4, 1, 1, 1), torch.full((4, 2), 8)
    torch.manual_seed(5)
    first, _ = augmented(image, centres)
    torch.manual_seed(5)
    again, _ = augmented(image, centres)
    assert torch.equal(first, again)
    assert len({one.sum().item() for one in first}) == 4


def test_the_gradient_comes_back_to_the_pixels():
    image = torch.rand(2, 3, 16, 16, requires_grad=True)
    shown, _ = augmented(image, torch.full((2, 2), 8))
    shown[:, :, 4:12, 4:12].sum().backward()
    assert image.grad.abs().sum() > 0
