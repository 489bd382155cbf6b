"""Choice of the device that computes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from glcic_backend.errors import InvalidInputError

if TYPE_CHECKING:
    import torch

DEVICE_CHOICES = ("auto", "cpu", "cuda", "mps")


def choose_device(name: str = "auto") -> torch.device:
    """Turn a user's choice into a device.

    Args:
        name: one of `DEVICE_CHOICES`; auto takes CUDA, then MPS, then the CPU.

    Raises:
        InvalidInputError: the name is unknown or the device is not there.
    """
    import torch  # takes seconds; who only needs the names must not wait for it

    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        name = next(candidate for candidate in ("cuda", "mps", "cpu") if available[candidate])
    if name not in available:
        raise InvalidInputError(f"Device {name!r} is not known. Choose one of {', '.join(DEVICE_CHOICES)}.")
    if not available[name]:
        there = ", ".join(device for device, is_there in available.items() if is_there)
        raise InvalidInputError(
            f"Device {name!r} is not available to torch {torch.__version__} here (available: {there}). "
            "Choose one of these with `device=`, or leave it out."
        )
    return torch.device(name)
