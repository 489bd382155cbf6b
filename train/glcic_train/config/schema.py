"""Everything that can be set, with its default, its bounds and its meaning. The defaults are the paper's recipe.

Each field is declared by `option`, so that this file is the one place where an option is defined: its type is the
annotation, its bounds and its explanation stand beside it. `reading` validates against them.
"""

from dataclasses import dataclass, field
from typing import Any


def option(
    default: Any,
    meaning: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    """A field with its bounds (both inclusive, for each number of a pair) or its allowed words."""
    return field(
        default=default, metadata={"meaning": meaning, "minimum": minimum, "maximum": maximum, "choices": choices}
    )


@dataclass(frozen=True)
class DataConfig:
    """How training images are cut from photographs (section 3.5)."""

    short_side: tuple[int, int] = option((256, 384), "range of the resized shortest edge, pixels", minimum=8)
    crop: int = option(256, "side of the random square patch, pixels, a multiple of 4", minimum=8)
    flip: bool = option(True, "mirror half of the images")
    max_upscale: float = option(1.5, "leave out photographs that would be enlarged more than this", minimum=1)
    colour_jitter: float = option(
        0.0, "brightness, contrast, saturation times 1 +- this (not in the paper)", minimum=0, maximum=0.99
    )
    resident: bool = option(False, "keep all decoded photographs in the device's memory and cut them there")
    cache: str = option("", "folder that keeps the decoded photographs of `resident` for the next start; empty = none")
    max_damaged: float = option(
        0.01, "share of the photographs that may be damaged: they are skipped", minimum=0, maximum=1
    )
    workers: int = option(4, "processes that decode ahead, at most one per core; 0 = the training process", minimum=0)


@dataclass(frozen=True)
class MaskWeights:
    """How often each kind of hole is drawn, relative to the others. See `masks.shapes` for the kinds."""

    rectangle: float = option(1.0, "one rectangle: the paper's holes", minimum=0)
    rectangles: float = option(0.0, "several rectangles", minimum=0)
    strokes: float = option(0.0, "a free-form brush stroke", minimum=0)
    centre: float = option(0.0, "a rectangle in the middle of the image", minimum=0)
    blob: float = option(0.0, "a rounded, irregular shape, as selections of objects are", minimum=0)
    objects: float = option(
        0.0, "bodies with limbs, thin poles and wires, as people take out of photographs", minimum=0
    )
    folder: float = option(0.0, "pictures from `masks.folder`", minimum=0)


@dataclass(frozen=True)
class MaskConfig:
    """The random holes (section 3.5): width and height of a hole are drawn separately."""

    hole: tuple[int, int] = option((96, 128), "range of a hole's width and of its height, pixels", minimum=1)
    weights: MaskWeights = field(default_factory=MaskWeights)
    count: tuple[int, int] = option((2, 4), "range of the number of holes of kind `rectangles`", minimum=1, maximum=8)
    folder: str = option("", "folder of mask pictures (white = hole), scaled to the crop")


OPTIMIZERS = ("adadelta", "adamw")


@dataclass(frozen=True)
class OptimizerConfig:
    """An optimiser and its learning rate over the run."""

    kind: str = option("adadelta", "ADADELTA is the paper's", choices=OPTIMIZERS)
    learning_rate: float = option(1.0, "largest learning rate", minimum=0)
    rho: float = option(0.95, "ADADELTA: decay of the running averages", minimum=0, maximum=1)
    betas: tuple[float, float] = option((0.9, 0.99), "AdamW: decay of the two moments", minimum=0, maximum=1)
    epsilon: float = option(1e-6, "added to denominators", minimum=0)
    weight_decay: float = option(0.0, "decoupled weight decay (AdamW) or L2 penalty (ADADELTA)", minimum=0)
    warmup: int = option(0, "iterations in which the learning rate rises from zero", minimum=0)
    decay: str = option("constant", "course of the learning rate over its phases", choices=("constant", "cosine"))
    final: float = option(0.0, "share of the learning rate left at the end of a cosine", minimum=0, maximum=1)
    clip_norm: float = option(0.0, "largest norm of the gradient; 0 = no limit", minimum=0)


@dataclass(frozen=True)
class CompletionConfig:
    """The completion network C."""

    start: str = option(
        "",
        "model (.safetensors, or the name of an installed one) or checkpoint (.pt) to start from; empty = from scratch",
    )
    needs_start: bool = option(False, "refuse to start from scratch (fine-tuning configurations)")
    width: float = option(
        1.0,
        "channels relative to Table 2: 0.25 costs a sixteenth; the exported file is one of Table 2 all the same",
        minimum=0.0625,
        maximum=1,
    )
    channels: str = option(
        "width",
        "channels of each layer: `width` times Table 2's (1 is the paper's), those that `start` has, or the larger of "
        "both (`wider`), made up to a multiple of 8",
        choices=("width", "start", "wider"),
    )
    joint_statistics: str = option(
        "batch",
        "batch normalisation of C in the joint phase: statistics of each `batch` (section 3.5), or `frozen` as phase "
        "one left them, which small batches need",
        choices=("batch", "frozen"),
    )
    upsampling: str = option(
        "default",
        "start of the transposed convolutions: as `init` says, or a `doubling` of the pixels followed by a convolution "
        "of 3 x 3, which leaves no checkerboard",
        choices=("default", "doubling"),
    )
    init: str = option(
        "default",
        "`default` of PyTorch, or `progressive`: He initialisation, and kernels of dilation 16 that start with their "
        "centre only, because small crops never train their outer taps",
        choices=("default", "progressive"),
    )
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    ema: float = option(
        0.0, "decay of the moving average of the weights, which is what is exported; 0 = none", minimum=0, maximum=1
    )


@dataclass(frozen=True)
class DiscriminatorConfig:
    """The context discriminators D (section 3.3). The number of layers follows from the sizes."""

    use: str = option("both", "which discriminators (Fig. 6)", choices=("both", "global", "local", "none"))
    global_size: int = option(256, "side of the global discriminator's input, pixels: the crop", minimum=8)
    local_size: int = option(128, "side of the local discriminator's input, pixels", minimum=8)
    width: float = option(1.0, "channels relative to Table 3: 0.25 costs a sixteenth", minimum=0.0625, maximum=1)
    normalisation: str = option(
        "batch", "batch normalisation (section 3.5) or spectral normalisation", choices=("batch", "spectral")
    )
    augment: str = option(
        "none",
        "changes of D's images, real and completed alike: `diff` = colour and place (DiffAugment; not in the paper)",
        choices=("none", "diff"),
    )
    ready_accuracy: float = option(
        0.0,
        "area under the curve of D on held-out pairs, 0.5 = chance, that it must reach before C follows it; T_D is "
        "prolonged until then. 0 = T_D iterations, as in Algorithm 1",
        minimum=0,
        maximum=0.99,
    )
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)


@dataclass(frozen=True)
class LossConfig:
    """The losses (section 3.4). A weight of 0 switches a loss off."""

    reconstruction: str = option(
        "mse",
        "distance from the original in the hole: Eq. 2, or the absolute one, whose best guess is the median",
        choices=("mse", "l1"),
    )
    gradient: float = option(
        0.0, "weight of the absolute distance between the gradients in the hole (not in the paper)", minimum=0
    )
    alpha: float = option(0.0004, "weight of the GAN loss (Eq. 4, section 4)", minimum=0)
    generator: str = option(
        "minimax",
        "what C minimises: log(1 - D) as in Eq. 5, or -log D, whose gradient does not vanish when D is sure",
        choices=("minimax", "non-saturating"),
    )
    balance_gradients: int = option(
        0,
        "joint iterations over which the norms of both gradients are kept to the same order (section 3.4); 0 = off",
        minimum=0,
    )
    gradient_ratio: float = option(
        0.0,
        "norm of the adversarial gradient relative to the reconstruction's, held through the whole joint phase; "
        "0 = what alpha gives (Eq. 5)",
        minimum=0,
        maximum=10,
    )
    gradient_chroma: float = option(
        1.0, "share of the adversarial gradient's colour that C gets; its brightness counts whole", minimum=0, maximum=1
    )
    feature_matching: float = option(0.0, "weight of the distance between features of D (not in the paper)", minimum=0)
    perceptual: float = option(
        0.0, "weight of the distance between EfficientNet-Lite0 features in the hole (not in the paper)", minimum=0
    )
    gram: float = option(
        0.0, "weight of the distance between Gram matrices of such features in the hole (not in the paper)", minimum=0
    )
    r1: float = option(0.0, "weight of the gradient penalty on real images (not in the paper)", minimum=0)
    r1_every: int = option(16, "discriminator iterations from one gradient penalty to the next", minimum=1)


@dataclass(frozen=True)
class CropStage:
    """A part of the completion phase on smaller crops: most of what C learns there costs a fraction of the time."""

    share: float = option(1.0, "share of the completion phase", minimum=0, maximum=1)
    crop: int = option(256, "side of the patch, pixels, a multiple of 4", minimum=8)
    short_side: tuple[int, int] = option((256, 384), "range of the resized shortest edge, pixels", minimum=8)
    hole: tuple[int, int] = option((96, 128), "range of a hole's width and of its height, pixels", minimum=1)
    batch: int = option(96, "images per iteration", minimum=1)


@dataclass(frozen=True)
class ScheduleConfig:
    """Algorithm 1: how long each phase lasts."""

    completion_steps: int = option(90_000, "T_C: iterations of C with the MSE loss alone", minimum=0)
    discriminator_steps: int = option(10_000, "T_D: iterations of D alone", minimum=0)
    total_steps: int = option(500_000, "T_train: iterations in all; the rest is joint training", minimum=1)
    minutes: float = option(
        0.0, "> 0: the run lasts this long, and phases, stages and learning rates are scaled to it", minimum=0
    )
    stages: tuple[CropStage, ...] = ()


@dataclass(frozen=True)
class ValidationConfig:
    """Error on photographs of the validation split under frozen masks; decides which checkpoint is the best."""

    count: int = option(64, "photographs; 0 = no validation", minimum=0)
    every: int = option(5000, "iterations from one validation to the next", minimum=1)
    seed: int = option(2017, "seed of the frozen masks", minimum=0)


@dataclass(frozen=True)
class RunConfig:
    """How the run is computed and kept."""

    batch: int = option(96, "images per iteration over all processes", minimum=1)
    seed: int = option(0, "seed of the weights, crops and masks", minimum=0)
    device: str = option("auto", "where to compute", choices=("auto", "cpu", "cuda", "mps"))
    threads: int = option(0, "CPU threads; 0 = as many as there are cores", minimum=0)
    precision: str = option(
        "auto",
        "bfloat16 autocast or float32; auto = bfloat16 on CUDA and on CPUs that compute it natively",
        choices=("auto", "float32", "bfloat16"),
    )
    channels_last: bool = option(True, "memory layout that convolutions run fastest on")
    compile: bool = option(False, "torch.compile: minutes at the start, faster iterations after")
    sync_batch_norm: bool = option(False, "batch statistics over all processes")
    time_limit: float = option(0.0, "minutes after which the session ends with a checkpoint; 0 = none", minimum=0)
    checkpoint_minutes: float = option(15.0, "wall-clock time from one checkpoint to the next", minimum=0)
    checkpoint_steps: int = option(0, "iterations from one checkpoint to the next; 0 = by the clock only", minimum=0)
    keep: int = option(3, "checkpoints kept, besides the best", minimum=1)
    log_every: int = option(50, "iterations from one line of the log to the next", minimum=1)
    pictures_every: int = option(1000, "iterations from one picture grid to the next; 0 = none", minimum=0)


@dataclass(frozen=True)
class Config:
    """A whole run. `name` and `summary` are shown in lists and written to the model file."""

    name: str = option("", "name of the configuration")
    summary: str = option("", "one sentence on what it is for")
    data: DataConfig = field(default_factory=DataConfig)
    masks: MaskConfig = field(default_factory=MaskConfig)
    completion: CompletionConfig = field(default_factory=CompletionConfig)
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    losses: LossConfig = field(default_factory=LossConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    validation: ValidationConfig = field(default_factory=ValidationConfig)
    run: RunConfig = field(default_factory=RunConfig)
