"""Which build of PyTorch this machine needs: the one for the CPU is a tenth of the one for CUDA."""

import ctypes
import os
import platform
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass

CPU_INDEX = "https://download.pytorch.org/whl/cpu"
"""PyTorch's own index of CPU builds."""

CHOICES = ("auto", "cpu", "cuda")

_PATIENCE_SECONDS = 5.0


@dataclass(frozen=True)
class TorchBuild:
    """A build, and what it takes; sizes with PyTorch 2.13.0 on Linux x86-64, see docs/manual/install.md.

    Attributes:
        name: `CPU` or `CUDA`.
        reason: why this one, for people.
        download_gb, disk_gb: in units of 10^9 bytes; on the disk while installing, when downloads lie there too.
        pip_arguments: what leads pip to it, beside pip's own settings.
    """

    name: str
    reason: str
    download_gb: float = 0.4
    disk_gb: float = 1.8
    pip_arguments: tuple[str, ...] = ()


def choose_build(
    wish: str = "auto",
    *,
    chooses: bool | None = None,
    has_driver: Callable[[], bool] | None = None,
    can_reach_index: Callable[[], bool] | None = None,
) -> TorchBuild:
    """The build for this machine.

    Args:
        wish: one of `CHOICES`.
        chooses: whether the default package index has the CUDA build here, as on Linux x86-64, so that there is a
            choice.
        has_driver: whether there is an NVIDIA GPU with its driver.
        can_reach_index: whether the index of CPU builds can be reached.
    """
    if chooses is None:
        chooses = sys.platform == "linux" and platform.machine() in ("x86_64", "AMD64")
    if not chooses:
        return TorchBuild("default", f"the one that pip finds for {platform.system()} on {platform.machine()}")
    if wish == "auto":
        found = (has_driver or has_nvidia_driver)()
        wish, reason = ("cuda", "an NVIDIA driver was found") if found else ("cpu", "no NVIDIA driver was found")
    else:
        reason = "as you asked"
    if wish == "cuda":
        return TorchBuild("CUDA", reason, download_gb=2.9, disk_gb=8.0)
    if (can_reach_index or can_reach_cpu_index)():
        return TorchBuild("CPU", reason, pip_arguments=("--extra-index-url", CPU_INDEX))
    unreached = (
        f"{reason}; but the index of CPU builds cannot be reached, so pip takes what its settings here lead to: "
        "a CPU build where they offer one, else the CUDA build with a download of 2.9 GB, up to 8 GB on the disk"
    )
    return TorchBuild("CPU", unreached, download_gb=2.9, disk_gb=8.0)


def has_nvidia_driver() -> bool:
    """Whether an NVIDIA driver finds a GPU: the driver's library is asked, then its program."""
    library = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        driver = ctypes.CDLL(library)
        count = ctypes.c_int(0)
        if driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0:
            return count.value > 0
    except (OSError, AttributeError):
        pass  # no such library: the program may still be there
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return listed.returncode == 0 and "GPU" in listed.stdout


def can_reach_cpu_index() -> bool:
    """Whether the index of CPU builds answers. Not asked where pip is told to use no index."""
    if os.environ.get("PIP_NO_INDEX"):
        return False
    request = urllib.request.Request(f"{CPU_INDEX}/torch/", method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=_PATIENCE_SECONDS) as answer:
            return bool(answer.status == 200)
    except (OSError, ValueError):  # ValueError: a malformed proxy setting
        return False
