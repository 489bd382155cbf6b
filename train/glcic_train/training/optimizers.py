"""Optimisers, made from the configuration (section 3.4: ADADELTA)."""

import torch
from torch import nn

from glcic_train.config.schema import OptimizerConfig


def make_optimizer(module: nn.Module, config: OptimizerConfig, device: torch.device) -> torch.optim.Optimizer:
    """The configured optimiser of a module's parameters, in its fastest form on `device`."""
    parameters = list(module.parameters())
    if config.kind == "adamw":
        return torch.optim.AdamW(
            parameters,
            lr=config.learning_rate,
            betas=config.betas,
            eps=config.epsilon,
            weight_decay=config.weight_decay,
            fused=device.type == "cuda",
        )
    return torch.optim.Adadelta(
        parameters, lr=config.learning_rate, rho=config.rho, eps=config.epsilon, weight_decay=config.weight_decay
    )


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Use a learning rate from the next update on."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def clip_gradient(module: nn.Module, config: OptimizerConfig) -> None:
    """Shorten the gradient of a module to the configured norm."""
    if config.clip_norm:
        torch.nn.utils.clip_grad_norm_(module.parameters(), config.clip_norm)
