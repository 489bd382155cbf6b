"""Torch7 files: the authors' networks are converted exactly, and nothing but plain data is ever read."""

import struct

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glcic_backend.errors import ModelFileError
from glcic_backend.model_files.torch7 import load_torch7_model, reader
from glcic_backend.model_files.torch7.reader import Module, Storage, read_torch7

from .torch7_writer import Instance, Torch7Writer, completion_content, completion_layers, write_torch7

CLASSES = {"nn.ReLU"}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file.t7"


@pytest.fixture(scope="module")
def content(trained_network):
    """What a file of the test network holds; a test may replace parts of the fresh tables."""
    return lambda **options: completion_content(completion_layers(trained_network, **options))


def layers_of(content):
    return content["model"].fields["modules"]


def read_back(path, value):
    return read_torch7(write_torch7(path, value), CLASSES)


class TestReader:
    @pytest.mark.parametrize("value", [None, True, False, 0.5, -7, "text\n"])
    def test_plain_values_come_back(self, path, value):
        assert read_back(path, value) == value

    def test_tables_come_back_with_whole_numbers_as_int_keys(self, path):
        assert read_back(path, {1: "a", 2.5: "b", "key": {"inner": None}}) == {1: "a", 2.5: "b", "key": {"inner": None}}

    @pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8"])
    def test_tensors_come_back_in_their_own_type(self, path, dtype):
        array = np.arange(24).reshape(2, 3, 4).astype(dtype)

        result = read_back(path, array)

        assert result.dtype == array.dtype
        np.testing.assert_array_equal(result, array)

    def test_tensor_of_the_documented_bytes_is_read(self, path):
        parts = [struct.pack("<3i", 4, 1, 3), b"V 1", struct.pack("<i", 17), b"torch.FloatTensor", struct.pack("<i", 2)]
        parts += [struct.pack("<5q", 2, 2, 2, 1, 1), struct.pack("<3i", 4, 2, 3), b"V 1", struct.pack("<i", 18)]
        parts += [b"torch.FloatStorage", struct.pack("<q", 4), struct.pack("<4f", 1, 2, 3, 4)]
        path.write_bytes(b"".join(parts))

        np.testing.assert_array_equal(read_torch7(path, set()), [[1, 2], [3, 4]])

    def test_transposed_tensor_with_an_offset_is_read_by_its_strides(self, path):
        writer = Torch7Writer().header("torch.DoubleTensor").int(2).long(2, 3, 1, 2, 2)
        writer.header("torch.DoubleStorage").long(7)
        path.write_bytes(writer.data + np.arange(7, dtype=np.float64).tobytes())

        np.testing.assert_array_equal(read_torch7(path, set()), [[1, 3, 5], [2, 4, 6]])

    def test_stride_of_a_single_element_may_be_any_number(self, path):
        path.write_bytes(tensor_of([1, 2], [2**62, 1]))

        np.testing.assert_array_equal(read_torch7(path, set()), [[0, 0]])

    def test_tensors_saved_on_a_gpu_are_read_as_floats(self, path):
        writer = Torch7Writer().header("torch.CudaTensor").int(1).long(2, 1, 1)
        writer.header("torch.CudaStorage").long(2)
        path.write_bytes(writer.data + np.array([1.5, 2.5], np.float32).tobytes())

        np.testing.assert_array_equal(read_torch7(path, set()), [1.5, 2.5])

    def test_tensor_without_elements_is_empty(self, path):
        path.write_bytes(Torch7Writer().header("torch.FloatTensor").int(0).long(1).int(0).data)

        assert read_torch7(path, set()).shape == (0,)

    def test_storage_alone_is_read(self, path):
        path.write_bytes(Torch7Writer().header("torch.LongStorage").long(2).long(5, 6).data)

        result = read_torch7(path, set())

        assert isinstance(result, Storage)
        np.testing.assert_array_equal(result.values, [5, 6])

    def test_module_of_an_allowed_class_comes_as_its_fields(self, path):
        result = read_back(path, Instance("nn.ReLU", {"inplace": True}))

        assert result == Module("nn.ReLU", {"inplace": True})

    def test_module_without_a_version_is_read_as_files_of_the_first_version_have_it(self, path):
        assert read_back(path, Instance("nn.ReLU", {}, version="")) == Module("nn.ReLU", {})

    def test_table_that_contains_itself_is_read_as_one_table(self, path):
        cyclic = {"name": "loop"}
        cyclic["self"] = cyclic

        result = read_back(path, cyclic)

        assert result["self"] is result

    def test_values_read_cannot_be_changed(self, path):
        with pytest.raises(ValueError, match="read-only"):
            read_back(path, np.zeros(3, np.float32))[0] = 1


def tensor_of(shape, strides, first=1, elements=4, storage="Float"):
    writer = Torch7Writer().header("torch.FloatTensor").int(len(shape)).long(*shape, *strides, first)
    writer.header(f"torch.{storage}Storage").long(elements)
    return writer.data + bytes(4 * elements)


def nested(depth):
    return Torch7Writer().data + b"".join(struct.pack("<4id", 3, level, 1, 1, 1.0) for level in range(depth)) + bytes(4)


REFUSED = {
    "an empty file": (b"", "ends after 0 bytes"),
    "an unknown type": (struct.pack("<i", 99), "99 is not a type"),
    "a Lua function": (struct.pack("<3i", 6, 1, 0), "program code"),
    "a recursive Lua function": (struct.pack("<3i", 8, 1, 0), "program code"),
    "an unknown class": (Torch7Writer().value(Instance("os.Command", {})).data, "class 'os.Command'"),
    "a module without fields": (Torch7Writer().header("nn.ReLU").value(1).data, "no table of fields"),
    "a string longer than the file": (struct.pack("<2i", 2, 2**31 - 1), "2,147,483,647 characters"),
    "a string of negative length": (struct.pack("<2i", 2, -1), "-1 characters"),
    "a table larger than the file": (struct.pack("<3i", 3, 1, 2**31 - 1), "2,147,483,647 entries"),
    "a table with a table as a key": (struct.pack("<6i", 3, 1, 1, 3, 2, 0) + bytes(16), "dict as a key"),
    "an index used for two kinds": (
        Torch7Writer().int(3, 9, 2).value(1).int(4, 5).string("torch.ByteStorage").long(0).value(2).int(3, 5).data,
        "not a table",
    ),
    "a storage larger than the file": (Torch7Writer().header("torch.FloatStorage").long(2**60).data, "elements"),
    "a storage of negative length": (Torch7Writer().header("torch.FloatStorage").long(-1).data, "-1 elements"),
    "a tensor beyond its storage": (tensor_of([5], [1]), "reaches beyond"),
    "a tensor with an offset beyond its storage": (tensor_of([1], [1], first=2**40), "reaches beyond"),
    "a tensor before its storage": (tensor_of([1], [1], first=0), "offset 0"),
    "a tensor with negative strides": (tensor_of([2], [-1], first=2), "strides"),
    "a tensor blown up by strides of 0": (tensor_of([2**30, 2**30], [0, 0]), "reaches beyond"),
    "a tensor with a negative extent": (tensor_of([-1], [1]), "shape"),
    "a tensor of 2000 dimensions": (Torch7Writer().header("torch.FloatTensor").int(2000).data, "2000 dimensions"),
    "a tensor in a storage of another type": (tensor_of([2], [1], storage="Int"), "storage of its own type"),
    "a tensor in a string": (
        Torch7Writer().header("torch.FloatTensor").int(1).long(1, 1, 1).value("text").data,
        "storage of its own type",
    ),
    "tables nested too deep": (nested(100_000), "nested more than"),
}


class TestDamagedFiles:
    @pytest.mark.parametrize("what", REFUSED)
    def test_is_refused_in_a_sentence(self, path, what):
        data, reason = REFUSED[what]
        path.write_bytes(data)

        with pytest.raises(ModelFileError, match=reason):
            read_torch7(path, CLASSES)

    def test_too_many_objects_are_refused(self, path, monkeypatch):
        monkeypatch.setattr(reader, "MAX_OBJECTS", 10)

        with pytest.raises(ModelFileError, match="more than 10 objects"):
            read_back(path, {number: 0 for number in range(6)})

    def test_too_large_a_file_is_refused_before_it_is_read(self, path, monkeypatch):
        monkeypatch.setattr(reader, "MAX_FILE_BYTES", 10)

        with pytest.raises(ModelFileError, match="at most"):
            read_back(path, "eleven bytes and more")

    def test_missing_file_is_named(self, path):
        with pytest.raises(ModelFileError, match=r"file\.t7 cannot be read"):
            read_torch7(path, CLASSES)

    def test_file_cut_anywhere_is_refused(self, path):
        value = {"a": np.arange(6, dtype=np.float32), "b": Instance("nn.ReLU", {"x": "text"}), 3: True}
        data = Torch7Writer().value(value).data

        for length in range(len(data)):
            path.write_bytes(data[:length])
            with pytest.raises(ModelFileError):
                read_torch7(path, CLASSES)

    @given(st.data())
    @settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_changed_bytes_give_plain_data_or_a_refusal(self, path, data):
        value = {"a": np.arange(6, dtype=np.float32), "b": Instance("nn.ReLU", {"x": "text"}), 3: True}
        content = bytearray(Torch7Writer().value(value).data)
        changes = st.tuples(st.integers(0, len(content) - 1), st.sampled_from([0, 1, 2, 3, 4, 5, 6, 8, 127, 128, 255]))
        for place, byte in data.draw(st.lists(changes, min_size=1, max_size=4)):
            content[place] = byte
        path.write_bytes(bytes(content))

        try:
            result = read_torch7(path, CLASSES)
        except ModelFileError:
            return

        assert isinstance(result, dict | str | float | bool | np.ndarray | Storage | Module | None)


class TestCompletionNetwork:
    @pytest.mark.parametrize("library", ["nn", "cudnn"])
    def test_converted_network_computes_what_its_source_computes(self, path, content, trained_network, library):
        write_torch7(path, content(library=library))
        x = torch.rand(1, 4, 32, 36, generator=torch.Generator().manual_seed(1))

        with torch.inference_mode():
            expected = trained_network(x.double())
            result = load_torch7_model(path).network(x)

        assert (result - expected).abs().max() < 1e-5

    @pytest.mark.parametrize("mean", [np.array([[0.5], [0.25], [0.125]]), {1: 0.5, 2: 0.25, 3: 0.125}])
    def test_mean_pixel_is_read_from_a_tensor_or_a_table(self, path, content, mean):
        write_torch7(path, content() | {"mean": mean})

        assert load_torch7_model(path).mean_pixel == (0.5, 0.25, 0.125)

    def test_kernels_stored_as_matrices_are_read(self, path, content, trained_network):
        value = content()
        first = layers_of(value)[1]
        first.class_name, first.fields["weight"] = "nn.SpatialConvolutionMM", first.fields["weight"].reshape(64, -1)
        write_torch7(path, value)

        weight = load_torch7_model(path).network.units[0].conv.weight

        torch.testing.assert_close(weight, trained_network.units[0].conv.weight.float(), rtol=0, atol=0)

    def test_inverse_deviation_of_older_files_becomes_the_variance(self, path, content, trained_network):
        value = content()
        norm = layers_of(value)[2].fields
        norm["running_std"] = (norm.pop("running_var") + np.float32(norm["eps"])) ** -0.5
        write_torch7(path, value)

        variance = load_torch7_model(path).network.units[0].norm.running_var

        torch.testing.assert_close(variance, trained_network.units[0].norm.running_var.float(), rtol=1e-5, atol=0)

    @pytest.mark.parametrize(
        ("layer", "change", "reason"),
        [
            (1, {"kW": 3}, "layer 0 has kW = 3.0 instead of 5"),
            (1, {"kW": np.array([5.0, 5.0])}, "layer 0 has kW = ndarray instead of 5"),
            (4, {"dH": 1}, "layer 3 has dH = 1.0 instead of 2"),
            (19, {"dilationW": 4}, "layer 18 has dilationW = 4.0 instead of 2"),
            (1, {"groups": 4}, "layer 0 has groups = 4.0"),
            (1, {"weight": np.zeros((64, 4, 3, 3), np.float32)}, "layer 0 has .* as its weight"),
            (1, {"bias": None}, "layer 0 has nothing as its bias"),
            (2, {"eps": 0}, "layer 1 has eps"),
            (2, {"running_var": np.full(64, -1, np.float32)}, "negative variance"),
            (49, {"weight": np.full((3, 32, 3, 3), np.nan, np.float32)}, "NaN"),
        ],
    )
    def test_wrong_layer_is_named(self, path, content, layer, change, reason):
        value = content()
        layers_of(value)[layer].fields.update(change)
        write_torch7(path, value)

        with pytest.raises(ModelFileError, match=reason):
            load_torch7_model(path)

    def test_layer_of_another_kind_is_named(self, path, content):
        value = content()
        layers_of(value)[3].class_name = "nn.Sigmoid"

        with pytest.raises(ModelFileError, match=r"layer 2 is nn\.Sigmoid instead of ReLU"):
            load_torch7_model(write_torch7(path, value))

    def test_network_without_its_sigmoid_is_refused(self, path, content):
        value = content()
        del layers_of(value)[50]

        with pytest.raises(ModelFileError, match="layer 49 is missing instead of Sigmoid"):
            load_torch7_model(write_torch7(path, value))

    def test_one_layer_too_many_is_refused(self, path, content):
        value = content()
        layers_of(value)[51] = Instance("nn.ReLU", {})

        with pytest.raises(ModelFileError, match="layer 50 is one too many"):
            load_torch7_model(write_torch7(path, value))

    @pytest.mark.parametrize("value", [{"mean": 1}, {"model": {}}, "text"])
    def test_file_without_a_network_is_refused(self, path, value):
        with pytest.raises(ModelFileError, match="without a network"):
            load_torch7_model(write_torch7(path, value))

    @pytest.mark.parametrize(
        "mean",
        [
            None,
            np.array([0.1, 0.2]),
            np.array([0.1, 0.2, 117.0]),
            {1: "a", 2: 0, 3: 0},
            {1: np.zeros(2), 2: np.zeros(3), 3: 0.5},
        ],
        ids=["none", "two numbers", "a number above 1", "a text", "tensors"],
    )
    def test_mean_pixel_that_is_none_is_refused(self, path, content, mean):
        with pytest.raises(ModelFileError, match="mean pixel"):
            load_torch7_model(write_torch7(path, content() | {"mean": mean}))
