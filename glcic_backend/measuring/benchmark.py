"""Measured speed: exact region against whole image, blending against sparse LU, and the counterpart of Table 4.

Ratios come from one run: the things compared take turns, the first round is dropped, medians are compared.
"""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from glcic_backend.blending import blend
from glcic_backend.inpainter import Inpainter
from glcic_backend.network.completion_network import CompletionNetwork, embed, network_input
from glcic_backend.network.region import region_cost
from glcic_backend.wire.geometry import Rectangle

TABLE_4_SIDES = (512, 768, 1024)
"""Sides of the square images of the paper's Table 4, in pixels."""

PAPER_TABLE_4_CPU = {512: 2.286, 768: 4.933, 1024: 8.262}
"""Seconds on 8 cores of an Intel i7-5960X, by side, from Table 4."""

_MATRIX_SIDE = 1024


@dataclass(frozen=True)
class Scene:
    """An image size and a square hole in its middle, in pixels."""

    width: int
    height: int
    hole: int

    @property
    def name(self) -> str:
        return f"{self.width}x{self.height}, hole {self.hole}"

    def hole_rectangle(self) -> Rectangle:
        # Off the grid of 4, as a user's selection is.
        return Rectangle((self.width - self.hole) // 2 + 1, (self.height - self.hole) // 2 + 1, self.hole, self.hole)

    def image_and_mask(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        image = np.random.default_rng(0).integers(0, 256, (self.height, self.width, 3), np.uint8)
        mask = np.zeros((self.height, self.width), np.uint8)
        hole = self.hole_rectangle()
        mask[hole.y : hole.bottom, hole.x : hole.right] = 255
        return image, mask


SCENES = (Scene(512, 512, 96), Scene(768, 768, 128), Scene(1024, 1024, 128), Scene(4000, 3000, 200))
WHOLE_OVER_REGION_GOALS = (3.5, 6.75, 12.0, 85.0)
"""On two CPU cores, for each of `SCENES`; for 768 x 768 that of 1024 x 1024 by the pixels."""


@dataclass(frozen=True)
class RegionResult:
    """Seconds, medians, of one scene. `extrapolated`: the whole image was computed from another by its pixels."""

    scene: Scene
    region_s: float
    whole_s: float
    extrapolated: bool
    region_gflops: float

    @property
    def ratio(self) -> float:
        return self.whole_s / self.region_s


@dataclass(frozen=True)
class BlendResult:
    """Seconds, medians, of blending a square hole in a picture; `sparse_lu_s` is None where scipy is not installed."""

    hole: int
    blend_s: float
    sparse_lu_s: float | None = None


@dataclass(frozen=True)
class Report:
    """All that one run measured."""

    device: str
    threads: int
    rounds: int
    matrix_gflops: float
    regions: tuple[RegionResult, ...]
    whole_image_s: Mapping[int, float]
    blend_200: BlendResult
    blend_800: BlendResult


def at_full_width(engine: Inpainter) -> Inpainter:
    """The same engine as the paper's: all channels of Table 2, idle or not, and no hole completed in a smaller copy."""
    full = embed(engine.model.network.cpu(), CompletionNetwork(normalised=False)).eval().requires_grad_(False)
    holes = (1, max(scene.hole for scene in SCENES))
    return Inpainter(
        replace(engine.model, network=full, info=replace(engine.model.info, hole_range=holes)), engine.device
    )


def run_benchmark(engine: Inpainter, rounds: int, tell: Callable[[str], None]) -> Report:
    """Measure everything.

    Args:
        engine: the model and device to measure.
        rounds: measured rounds; one more is run first and dropped.
        tell: receives one line before each step.
    """
    tasks: dict[str, Callable[[], object]] = {"matrix": _matrix_product(engine.device)}
    for scene in SCENES:
        tasks[f"region {scene.name}"] = _region_task(engine, scene)
    for side in TABLE_4_SIDES:
        tasks[f"whole {side}"] = _whole_image_task(engine, side)
    tasks["blend 200"], tasks["blend 800"] = _blend_task(200), _blend_task(800)
    seconds = _take_turns(tasks, rounds, engine.device, tell)
    tell("sparse LU, hole 800, once")
    lu_s = _sparse_lu_seconds(800)

    regions = []
    for scene in SCENES:
        measured = scene.width in TABLE_4_SIDES
        whole_s = (
            seconds[f"whole {scene.width}"] if measured else seconds["whole 1024"] * scene.width * scene.height / 2**20
        )
        multiply_adds = int(region_cost([scene.hole_rectangle()], scene.width, scene.height)[0])
        region_s = seconds[f"region {scene.name}"]
        regions.append(RegionResult(scene, region_s, whole_s, not measured, 2e-9 * multiply_adds / region_s))
    return Report(
        device=str(engine.device),
        threads=torch.get_num_threads(),
        rounds=rounds,
        matrix_gflops=2e-9 * _MATRIX_SIDE**3 / seconds["matrix"],
        regions=tuple(regions),
        whole_image_s={side: seconds[f"whole {side}"] for side in TABLE_4_SIDES},
        blend_200=BlendResult(200, seconds["blend 200"]),
        blend_800=BlendResult(800, seconds["blend 800"], lu_s),
    )


def _take_turns(
    tasks: Mapping[str, Callable[[], object]], rounds: int, device: torch.device, tell: Callable[[str], None]
) -> dict[str, float]:
    times: dict[str, list[float]] = {name: [] for name in tasks}
    for number in range(rounds + 1):
        tell(f"round {number} of {rounds}" if number else "warm-up round")
        for name, task in tasks.items():
            begin = time.perf_counter()
            task()
            if device.type == "cuda":
                torch.cuda.synchronize()
            if number:
                times[name].append(time.perf_counter() - begin)
    return {name: statistics.median(values) for name, values in times.items()}


def _matrix_product(device: torch.device) -> Callable[[], object]:
    a, b = torch.rand(2, _MATRIX_SIDE, _MATRIX_SIDE, device=device)

    def multiply() -> object:
        return a @ b

    return multiply


def _region_task(engine: Inpainter, scene: Scene) -> Callable[[], object]:
    image, mask = scene.image_and_mask()
    return lambda: engine.complete(image, mask, blend=False)


def _whole_image_task(engine: Inpainter, side: int) -> Callable[[], object]:
    image, mask = Scene(side, side, 96).image_and_mask()
    x = network_input(
        torch.from_numpy(image).permute(2, 0, 1)[None] / 255,
        torch.from_numpy(mask > 0)[None, None].float(),
        engine.model.info.mean_pixel,
    )
    x = x.to(engine.device).contiguous(memory_format=torch.channels_last)

    @torch.inference_mode()
    def complete_whole() -> object:
        return engine.model.network(x)

    return complete_whole


def _blend_inputs(side: int) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
    """Completion and surroundings, float32 [H, W, 3], and a square hole, bool [H, W]."""
    size = side + 8
    rng = np.random.default_rng(0)
    image = rng.random((size, size, 3)).astype(np.float32)
    completion = np.clip(image + rng.normal(0.1, 0.05, image.shape), 0, 1).astype(np.float32)
    hole = np.zeros((size, size), np.bool_)
    hole[4:-4, 4:-4] = True
    return completion, image, hole


def _sparse_lu_seconds(side: int) -> float | None:
    """Seconds of the same membrane by a direct sparse solve in float64: assembly, LU and three right-hand sides."""
    try:
        from glcic_backend.blending.poisson_reference import direct_membrane
    except ImportError:
        return None
    completion, image, hole = _blend_inputs(side)
    inner = np.zeros_like(hole)
    inner[5:-5, 5:-5] = True
    begin = time.perf_counter()
    direct_membrane(hole, hole & ~inner, image - completion)
    return time.perf_counter() - begin


def _blend_task(side: int) -> Callable[[], object]:
    completion, image, hole = _blend_inputs(side)
    return lambda: blend(completion, image, hole, ~hole)
