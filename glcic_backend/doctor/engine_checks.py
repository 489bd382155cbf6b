"""Versions, models, the device that computes, free disk."""

import platform
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from glcic_backend import __version__
from glcic_backend.doctor.finding import FAILED, OK, WARNING, Finding
from glcic_backend.installer.prefix import free_gb
from glcic_backend.installer.torch_build import has_nvidia_driver
from glcic_backend.wire.codec import PROTOCOL_VERSION
from glcic_backend.wire.connection import home_folder

if TYPE_CHECKING:
    from glcic_backend.model_files.library import Entry

_WARN_GB, _FAIL_GB = 1.0, 0.1
_MOST_DIFFERENCE = 1e-2


def check_versions() -> list[Finding]:
    """Of the program and of what it stands on."""
    import torch

    text = (
        f"glcic-backend {__version__}, protocol {PROTOCOL_VERSION}, Python {platform.python_version()}, "
        f"PyTorch {torch.__version__}, {platform.platform()}"
    )
    return [Finding("versions", OK, text)]


def check_disk() -> list[Finding]:
    """Room for logs, models and the socket where they lie, and for temporary files."""
    return [
        _disk(name, folder) for name, folder in (("data", home_folder()), ("temporary", Path(tempfile.gettempdir())))
    ]


def _disk(name: str, folder: Path) -> Finding:
    free = free_gb(folder)
    state = FAILED if free < _FAIL_GB else WARNING if free < _WARN_GB else OK
    advice = "" if state == OK else "Free some space on this disk."
    return Finding(f"disk, {name} files", state, f"{free:.1f} GB are free in {folder}", advice)


def check_models() -> list[Finding]:
    """The default model loads; the others are whole."""
    from glcic_backend.model_files import library as model_library

    default = model_library.default_name()
    entries = model_library.list_models()
    findings = [_model(entry) for entry in entries]
    if default not in {entry.name for entry in entries}:
        advice = "Choose one with `glcic-backend models use`; `glcic-backend models list` shows them."
        findings.append(Finding(f"model {default}", FAILED, "it is the one in use, but is not installed", advice))
    return findings


def _model(entry: "Entry") -> Finding:
    name = f"model {entry.name}" + (", in use" if entry.is_default else "")
    if entry.info is not None:
        return Finding(name, OK, f"{entry.info.name}, weights {entry.info.sha256[:12]}, loads")
    advice = "Choose another with `glcic-backend models use`, or import it again."
    return Finding(name, FAILED if entry.is_default else WARNING, entry.problem, advice)


def check_device() -> list[Finding]:
    """The device that `auto` chooses computes a convolution, and what comes out is right."""
    import torch

    from glcic_backend.network.devices import choose_device

    device = choose_device("auto")
    torch.manual_seed(0)
    image, weights = torch.rand(1, 3, 64, 64), torch.rand(8, 3, 3, 3) - 0.5
    here = torch.nn.functional.conv2d(image, weights)
    there = torch.nn.functional.conv2d(image.to(device), weights.to(device)).cpu()
    difference = float((here - there).abs().max())
    name = f"{device} ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else str(device)
    if difference > _MOST_DIFFERENCE:
        advice = "Use the CPU (`glcic-backend serve --device cpu`), and update the driver of the GPU."
        return [Finding("device", FAILED, f"{name} computes wrongly: it is off by {difference:.3g}", advice)]
    if device.type == "cpu" and has_nvidia_driver():
        advice = "Run install.py again; it takes the CUDA build where it finds the driver."
        text = f"{name} works, but there is an NVIDIA GPU that PyTorch {torch.__version__} does not use"
        return [Finding("device", WARNING, text, advice)]
    return [Finding("device", OK, f"{name}, {torch.get_num_threads()} CPU threads, a convolution is right")]
