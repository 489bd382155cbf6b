"""Weights of feature networks, from files that the user brings."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from glcic_backend.errors import ModelFileError


def read_weights(path: Path) -> dict[str, Tensor]:
    """Tensors of a state dict by their names, on the CPU; nothing in the file is executed.

    Args:
        path: a .safetensors file, or what `torch.save(network.state_dict(), path)` wrote.

    Raises:
        ModelFileError: the file cannot be read, or holds something else.
    """
    try:
        if path.suffix == ".safetensors":
            state = load_file(path)
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
