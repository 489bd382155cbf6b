"""Inception-v3 of the FID, against the architecture written out once more."""

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from glcic_backend.errors import ModelFileError
from glcic_train.evaluation.inception import InceptionFeatures

from .weights import inception_weights


@pytest.fixture(scope="module")
def weights():
    return inception_weights()


@pytest.fixture(scope="module")
def network(weights, tmp_path_factory):
    path = tmp_path_factory.mktemp("inception") / "pt_inception.pth"
    torch.save(weights, path)
    return InceptionFeatures.load(path)


class Reference:
    """The network as a sequence of operations on the file's tensors."""

    def __init__(self, state: dict[str, Tensor]) -> None:
        self.state = state

    def conv(self, name: str, x: Tensor, stride: int = 1, padding: tuple[int, int] = (0, 0)) -> Tensor:
        weight, bias, mean, variance = (
            self.state[f"{name}.bn.{part}"].view(1, -1, 1, 1)
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        x = functional.conv2d(x, self.state[f"{name}.conv.weight"], None, stride, padding)
        return ((x - mean) / (variance + 0.001).sqrt() * weight + bias).clamp(min=0)

    def chain(self, block: str, x: Tensor, *steps: tuple[str, int, tuple[int, int]]) -> Tensor:
        for name, stride, padding in steps:
            x = self.conv(f"{block}.{name}", x, stride, padding)
        return x

    def mean_pool(self, x: Tensor) -> Tensor:
        """Mean of the pixels that exist: the sum over the window by the number of its pixels in the image."""
        ones = torch.ones_like(x)
        total, number = (functional.avg_pool2d(functional.pad(t, (1, 1, 1, 1)), 3, 1) for t in (x, ones))
        return total / number

    def a(self, block: str, x: Tensor) -> Tensor:
        one = self.chain(block, x, ("branch1x1", 1, (0, 0)))
        five = self.chain(block, x, ("branch5x5_1", 1, (0, 0)), ("branch5x5_2", 1, (2, 2)))
        three = [("branch3x3dbl_1", 1, (0, 0)), ("branch3x3dbl_2", 1, (1, 1)), ("branch3x3dbl_3", 1, (1, 1))]
        pool = self.chain(block, self.mean_pool(x), ("branch_pool", 1, (0, 0)))
        return torch.cat([one, five, self.chain(block, x, *three), pool], 1)

    def b(self, block: str, x: Tensor) -> Tensor:
        three = self.chain(block, x, ("branch3x3", 2, (0, 0)))
        steps = [("branch3x3dbl_1", 1, (0, 0)), ("branch3x3dbl_2", 1, (1, 1)), ("branch3x3dbl_3", 2, (0, 0))]
        return torch.cat([three, self.chain(block, x, *steps), functional.max_pool2d(x, 3, 2)], 1)

    def c(self, block: str, x: Tensor) -> Tensor:
        across, down = (0, 3), (3, 0)
        one = self.chain(block, x, ("branch1x1", 1, (0, 0)))
        seven = [("branch7x7_1", 1, (0, 0)), ("branch7x7_2", 1, across), ("branch7x7_3", 1, down)]
        double = [("branch7x7dbl_1", 1, (0, 0)), ("branch7x7dbl_2", 1, down), ("branch7x7dbl_3", 1, across)]
        double += [("branch7x7dbl_4", 1, down), ("branch7x7dbl_5", 1, across)]
        pool = self.chain(block, self.mean_pool(x), ("branch_pool", 1, (0, 0)))
        return torch.cat([one, self.chain(block, x, *seven), self.chain(block, x, *double), pool], 1)

    def d(self, block: str, x: Tensor) -> Tensor:
        three = self.chain(block, x, ("branch3x3_1", 1, (0, 0)), ("branch3x3_2", 2, (0, 0)))
        seven = [("branch7x7x3_1", 1, (0, 0)), ("branch7x7x3_2", 1, (0, 3)), ("branch7x7x3_3", 1, (3, 0))]
        seven += [("branch7x7x3_4", 2, (0, 0))]
        return torch.cat([three, self.chain(block, x, *seven), functional.max_pool2d(x, 3, 2)], 1)

    def e(self, block: str, x: Tensor, pooled: Tensor) -> Tensor:
        three = self.chain(block, x, ("branch3x3_1", 1, (0, 0)))
        double = self.chain(block, x, ("branch3x3dbl_1", 1, (0, 0)), ("branch3x3dbl_2", 1, (1, 1)))
        parts = [self.chain(block, x, ("branch1x1", 1, (0, 0)))]
        for stem, source in (("branch3x3_2", three), ("branch3x3dbl_3", double)):
            parts += [self.chain(block, source, (f"{stem}a", 1, (0, 1)))]
            parts += [self.chain(block, source, (f"{stem}b", 1, (1, 0)))]
        return torch.cat([*parts, self.chain(block, pooled, ("branch_pool", 1, (0, 0)))], 1)

    def __call__(self, image: Tensor) -> Tensor:
        x = functional.interpolate(image, size=(299, 299), mode="bilinear", align_corners=False)
        x = self.conv("Conv2d_2a_3x3", self.conv("Conv2d_1a_3x3", 2 * x - 1, 2))
        x = functional.max_pool2d(self.conv("Conv2d_2b_3x3", x, 1, (1, 1)), 3, 2)
        x = functional.max_pool2d(self.conv("Conv2d_4a_3x3", self.conv("Conv2d_3b_1x1", x)), 3, 2)
        for block in ("Mixed_5b", "Mixed_5c", "Mixed_5d"):
            x = self.a(block, x)
        x = self.b("Mixed_6a", x)
        for block in ("Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"):
            x = self.c(block, x)
        x = self.d("Mixed_7a", x)
        x = self.e("Mixed_7b", x, self.mean_pool(x))
        x = self.e("Mixed_7c", x, functional.max_pool2d(x, 3, 1, 1))
        return x.flatten(2).mean(2)


@torch.no_grad()
def test_the_vector_is_that_of_the_architecture_written_out_once_more(network, weights):
    image = torch.rand(1, 3, 90, 110, generator=torch.Generator().manual_seed(1))

    vector, expected = network.pooled(image), Reference(weights)(image)

    assert vector.shape == (1, 2048)
    assert expected.std() > 0.05
    assert torch.allclose(vector, expected, atol=1e-4, rtol=1e-3)


def test_it_has_the_number_of_weights_that_inception_v3_has_without_its_classifiers(network):
    assert sum(parameter.numel() for parameter in network.parameters()) == 21_785_568


@torch.no_grad()
def test_pooling_is_that_of_the_fid_weights(network):
    # Only the branch with pooling passes anything on, and only its first channel, as it is.
    x = torch.tensor([[0.0, 3.0, 0.0], [6.0, 0.0, 0.0], [0.0, 0.0, 9.0]])
    # Corner: 4 pixels with 0, 3, 6, 0. Edge: 6 pixels with 0, 3, 0, 6, 0, 0. Middle: all 9.
    by_hand = {
        "Mixed_7b": {(0, 0): 9 / 4, (0, 1): 9 / 6, (1, 1): 18 / 9},
        "Mixed_7c": {(0, 0): 6, (0, 1): 6, (1, 1): 9},
    }
    for name, values in by_hand.items():
        block = getattr(network, name)
        before = {key: value.clone() for key, value in block.state_dict().items()}
        branch = block.branch_pool
        branch.conv.weight.zero_()[0, 0] = 1
        nn.init.ones_(branch.bn.weight), nn.init.zeros_(branch.bn.bias)
        branch.bn.running_mean.zero_(), branch.bn.running_var.fill_(1 - 0.001)
        image = torch.zeros(1, branch.conv.in_channels, 3, 3)
        image[0, 0] = x

        pooled = block(image)[0, -192]

        block.load_state_dict(before)
        assert {place: pooled[place].item() for place in values} == pytest.approx(values, rel=1e-5), name


def test_it_stays_as_it_is(network):
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_safetensors_serve_as_well(network, weights, tmp_path):
    path = tmp_path / "inception.safetensors"
    save_file(weights, path)

    for own, other in zip(network.parameters(), InceptionFeatures.load(path).parameters(), strict=True):
        assert torch.equal(own, other)


class TestFilesThatDoNotFit:
    def test_a_missing_tensor_is_named(self, weights, tmp_path):
        path = tmp_path / "a.pth"
        torch.save({name: value for name, value in weights.items() if name != "Mixed_6e.branch1x1.bn.bias"}, path)

        missing = r"Mixed_6e\.branch1x1\.bn\.bias is missing.*docs/workshop/evaluation\.md"
        with pytest.raises(ModelFileError, match=missing):
            InceptionFeatures.load(path)

    def test_a_tensor_of_another_shape_is_named_with_both(self, weights, tmp_path):
        path = tmp_path / "a.pth"
        torch.save(weights | {"Conv2d_1a_3x3.conv.weight": torch.zeros(32, 1, 3, 3)}, path)

        with pytest.raises(ModelFileError, match=r"has the shape \(32, 1, 3, 3\) instead of \(32, 3, 3, 3\)"):
            InceptionFeatures.load(path)

    @pytest.mark.parametrize("content", [[1, 2], {"state_dict": {"a": torch.zeros(1)}}, torch.zeros(3)])
    def test_what_is_no_state_dict_is_told(self, content, tmp_path):
        torch.save(content, tmp_path / "a.pth")

        with pytest.raises(ModelFileError, match="holds no state dict"):
            InceptionFeatures.load(tmp_path / "a.pth")

    @pytest.mark.parametrize("name", ["a.pth", "a.safetensors"])
    @pytest.mark.parametrize("content", [b"", b"no weights at all"])
    def test_what_cannot_be_read_is_told(self, name, content, tmp_path):
        (tmp_path / name).write_bytes(content)

        with pytest.raises(ModelFileError, match="cannot be read as weights"):
            InceptionFeatures.load(tmp_path / name)

    def test_a_whole_network_is_refused_because_it_is_code(self, tmp_path):
        torch.save(nn.Linear(2, 2), tmp_path / "a.pth")

        with pytest.raises(ModelFileError, match="cannot be read as weights"):
            InceptionFeatures.load(tmp_path / "a.pth")
