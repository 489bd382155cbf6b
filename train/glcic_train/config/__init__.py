"""Configuration of a training run: what can be set (`schema`) and how it is read (`reading`)."""

from glcic_train.config.reading import load_config, named_configs, parse_config, to_toml
from glcic_train.config.schema import (
    CompletionConfig,
    Config,
    CropStage,
    DataConfig,
    DiscriminatorConfig,
    LossConfig,
    MaskConfig,
    MaskWeights,
    OptimizerConfig,
    RunConfig,
    ScheduleConfig,
    ValidationConfig,
)

__all__ = [
    "CompletionConfig",
    "Config",
    "CropStage",
    "DataConfig",
    "DiscriminatorConfig",
    "LossConfig",
    "MaskConfig",
    "MaskWeights",
    "OptimizerConfig",
    "RunConfig",
    "ScheduleConfig",
    "ValidationConfig",
    "load_config",
    "named_configs",
    "parse_config",
    "to_toml",
]
