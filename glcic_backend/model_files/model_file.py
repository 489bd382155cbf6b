"""A safetensors file in; the folded network and what must be known to use it out, and the reverse."""

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from importlib import resources
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from glcic_backend import __version__
from glcic_backend.atomic_file import write_atomically
from glcic_backend.errors import ModelFileError
from glcic_backend.model_files.description import description_of
from glcic_backend.model_files.header import REPLACE, metadata_in, read_file, read_start
from glcic_backend.network.completion_network import (
    SIZE_MULTIPLE,
    CompletionNetwork,
    fold_batch_norm,
    widen,
    without_idle_channels,
)
from glcic_backend.wire.checked import printable

ARCHITECTURE = "glcic-table2"
"""Architecture name of the paper's completion network, Table 2."""

FORMAT_VERSION = 1

_DTYPES = (torch.float16, torch.float32)


@dataclass(frozen=True)
class ModelInfo:
    """What a model file says about its network.

    Attributes:
        name: short name shown to users.
        mean_pixel: RGB, 0..1, the mean pixel of the training set, which fills the holes (section 3.4).
        hole_range: smallest and largest side of the holes it was trained for, in pixels.
        mask_kinds: shapes of the training holes.
        training_data: what it was trained on.
        licence: terms under which the weights may be used.
        attribution: credits that the training data demand.
        recipe: how it was trained, one line.
        feature_networks: networks whose features its losses compared: they must not judge it.
        architecture: name of the network's architecture.
        size_multiple: positions of the network repeat every so many pixels.
        created_with: versions of the software that wrote the file.
        sha256: digest of the stored weights, in hexadecimal; filled in by `save_model`.
    """

    name: str
    mean_pixel: tuple[float, float, float]
    hole_range: tuple[int, int]
    mask_kinds: tuple[str, ...]
    training_data: str
    licence: str
    attribution: str
    recipe: str
    feature_networks: tuple[str, ...] = ()
    architecture: str = ARCHITECTURE
    size_multiple: int = SIZE_MULTIPLE
    created_with: str = ""
    sha256: str = ""


@dataclass(frozen=True)
class Model:
    """A network ready for inference (folded, float32, evaluation mode, without idle channels) and its description."""

    network: CompletionNetwork
    info: ModelInfo


def default_model_path() -> Path:
    """The model that ships with the package."""
    return Path(str(resources.files("glcic_backend") / "models" / "default.safetensors"))


def save_model(
    path: Path, network: CompletionNetwork, info: ModelInfo, dtype: torch.dtype = torch.float16
) -> ModelInfo:
    """Write a model file, beside its place first and then renamed.

    Args:
        path: file to write.
        network, info, dtype: as for `model_bytes`.

    Returns:
        The description as written.

    Raises:
        ModelFileError: a weight is not finite in `dtype`, or the description is not valid.
        OutputError: the file could not be written.
    """
    data, written = model_bytes(network, info, dtype)
    write_atomically(path, data)
    return written


def model_bytes(
    network: CompletionNetwork, info: ModelInfo, dtype: torch.dtype = torch.float16
) -> tuple[bytes, ModelInfo]:
    """The content of a model file.

    Args:
        network: batch normalisation is folded if it is still there; one with fewer channels than Table 2 is widened.
        info: `architecture`, `size_multiple`, `created_with` and `sha256` are filled in here.
        dtype: of the stored weights; float16 halves the file.

    Returns:
        The file, and the description as written.

    Raises:
        ModelFileError: a weight is not finite in `dtype`, or the description is not valid.
    """
    normalised = any(layer.norm is not None for layer in network.layers)
    state = widen(fold_batch_norm(network) if normalised else network).state_dict()
    weights = {name: tensor.detach().to("cpu", dtype).contiguous() for name, tensor in state.items()}
    for name, tensor in weights.items():
        if not torch.isfinite(tensor).all():
            raise ModelFileError(f"Weight {name} is not finite in {dtype}: the training diverged. Nothing was written.")
    info = replace(
        info,
        architecture=ARCHITECTURE,
        size_multiple=SIZE_MULTIPLE,
        created_with=f"glcic {__version__}, torch {torch.__version__}, python {platform.python_version()}",
        sha256=_digest(weights),
    )
    metadata = {"glcic_format": str(FORMAT_VERSION)}
    metadata |= {key: value if isinstance(value, str) else json.dumps(value) for key, value in asdict(info).items()}
    try:
        description_of(metadata, SIZE_MULTIPLE)
    except ValueError as error:
        raise ModelFileError(f"The model's description is not valid: {error}. Nothing was written.") from error
    return safetensors.torch.save(weights, metadata), info


def load_model(path: Path | None = None) -> Model:
    """Read a model file; nothing in it is executed.

    Args:
        path: the file; None for the model that ships with the package.

    Raises:
        ModelFileError: the file is missing, damaged, not of this kind, or its weights do not fit the network.
    """
    path = default_model_path() if path is None else Path(path)
    return load_bytes(path, read_file(path))


def load_bytes(path: Path, data: bytes) -> Model:
    """As `load_model`, of a file's content; `path` is for messages."""
    metadata = metadata_in(path, data)
    weights = _weights(path, data)
    info = _parse_info(path, metadata)
    network = CompletionNetwork(normalised=False)
    expected = network.state_dict()
    if missing := sorted(expected.keys() - weights.keys()):
        raise ModelFileError(f"{path} lacks {len(missing)} of {len(expected)} weights, first {missing[0]}. {REPLACE}")
    if foreign := sorted(weights.keys() - expected.keys()):
        raise ModelFileError(f"{path} has {len(foreign)} weights too many, first {foreign[0]}. {REPLACE}")
    for name, tensor in weights.items():
        shape, wanted = list(tensor.shape), list(expected[name].shape)
        if shape != wanted:
            raise ModelFileError(f"{path}: weight {name} has shape {shape} instead of {wanted}. {REPLACE}")
        if tensor.dtype not in _DTYPES:
            raise ModelFileError(f"{path}: weight {name} is stored as {tensor.dtype}, not as float16 or 32. {REPLACE}")
        if not torch.isfinite(tensor).all():
            raise ModelFileError(f"{path}: weight {name} holds NaN or infinity. {REPLACE}")
    if _digest(weights) != info.sha256:
        raise ModelFileError(f"{path}: the weights do not match their sha-256 {info.sha256[:12]}.... {REPLACE}")
    network.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
    return Model(without_idle_channels(network).requires_grad_(False), info)


def read_info(path: Path) -> ModelInfo:
    """What a model file says about itself, without its weights, which may therefore still be damaged.

    Raises:
        ModelFileError: the file is missing, or not of this kind.
    """
    return _parse_info(path, metadata_in(path, read_start(path)))


def _weights(path: Path, data: bytes) -> dict[str, Tensor]:
    """The tensors of a file's content, as copies."""
    try:
        return safetensors.torch.load(data)
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError, OverflowError) as error:
        raise ModelFileError(f"{path} is not a readable safetensors file ({error!s:.200}). {REPLACE}") from error


def _parse_info(path: Path, metadata: Mapping[str, str]) -> ModelInfo:
    version, architecture = metadata.get("glcic_format"), metadata.get("architecture")
    if version is None:
        raise ModelFileError(f"{path} is a safetensors file without a GLCIC description. {REPLACE}")
    if version != str(FORMAT_VERSION) or architecture != ARCHITECTURE:
        stated = printable(f"format {version:.20} and architecture {architecture or 'none':.40}")
        raise ModelFileError(
            f"{path} has {stated}; this program reads format {FORMAT_VERSION} "
            f"and {ARCHITECTURE}. Update the program, or choose another model with `model=`."
        )
    try:
        return ModelInfo(**description_of(metadata, SIZE_MULTIPLE))
    except ValueError as error:
        raise ModelFileError(f"{path}: its description is not valid ({error}). {REPLACE}") from error


def _digest(weights: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(name.encode())
        digest.update(weights[name].contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
