"""Rules between options that a type or a bound alone cannot state."""

from collections.abc import Iterator

from glcic_backend.errors import InvalidInputError
from glcic_train.config.schema import Config


def check_rules(config: Config, source: str) -> None:
    """Raise InvalidInputError for the first rule that the configuration breaks."""
    for problem in _problems(config):
        raise InvalidInputError(f"{source}: {problem}")


def _problems(config: Config) -> Iterator[str]:
    yield from _range_problems(config)
    yield from _crop_problems("data", config.data.crop, config.data.short_side, config.masks.hole)
    for number, stage in enumerate(config.schedule.stages):
        yield from _crop_problems(f"schedule.stages[{number}]", stage.crop, stage.short_side, stage.hole)
    yield from _schedule_problems(config)
    yield from _start_problems(config)
    yield from _mask_problems(config)
    yield from _discriminator_problems(config)


def _range_problems(config: Config) -> Iterator[str]:
    ranges = {
        "data.short_side": config.data.short_side,
        "masks.hole": config.masks.hole,
        "masks.count": config.masks.count,
    }
    for number, stage in enumerate(config.schedule.stages):
        ranges[f"schedule.stages[{number}].short_side"] = stage.short_side
        ranges[f"schedule.stages[{number}].hole"] = stage.hole
    for name, (low, high) in ranges.items():
        if low > high:
            yield f"{name} is [{low}, {high}]: the first number must not be larger than the second."


def _crop_problems(where: str, crop: int, short_side: tuple[int, int], hole: tuple[int, int]) -> Iterator[str]:
    from glcic_backend.network.completion_network import SIZE_MULTIPLE  # brings torch, for which --help must not wait

    # Imported here: it brings torch, which `glcic-train --help` and the workers of `data prepare` do without.

    if crop % SIZE_MULTIPLE:
        yield (
            f"{where}: the crop is {crop} pixels; it must be a multiple of {SIZE_MULTIPLE}, because the network halves "
            "it twice."
        )
    if short_side[0] < crop:
        yield f"{where}: the shortest edge starts at {short_side[0]}, smaller than the crop of {crop} pixels."
    if hole[1] > crop:
        yield f"{where}: holes reach {hole[1]} pixels, more than the crop of {crop}."


def _schedule_problems(config: Config) -> Iterator[str]:
    schedule = config.schedule
    before_joint = schedule.completion_steps + schedule.discriminator_steps
    if before_joint > schedule.total_steps:
        yield (
            f"schedule: completion_steps + discriminator_steps is {before_joint}, more than total_steps "
            f"({schedule.total_steps})."
        )
    if schedule.stages and abs(sum(stage.share for stage in schedule.stages) - 1) > 1e-6:
        total = sum(stage.share for stage in schedule.stages)
        yield f"schedule.stages: the shares add up to {total:g}; they must add up to 1."
    if schedule.completion_steps == 0 and not config.completion.start and not config.completion.needs_start:
        yield (
            "schedule.completion_steps is 0 and completion.start is empty: the discriminators would meet an untrained "
            "network. Name a model in completion.start."
        )


def _start_problems(config: Config) -> Iterator[str]:
    completion = config.completion
    if completion.channels != "width" and not completion.start and not completion.needs_start:
        yield (
            f"completion.channels is {completion.channels}, but completion.start is empty: name the model whose "
            "channels are taken."
        )


def _mask_problems(config: Config) -> Iterator[str]:
    weights = config.masks.weights
    if not any(vars(weights).values()):
        yield "masks.weights: all weights are 0; at least one kind of hole must have a weight above 0."
    if weights.folder and not config.masks.folder:
        yield "masks.weights.folder is above 0, but masks.folder is empty: name the folder of mask pictures."


def _discriminator_problems(config: Config) -> Iterator[str]:
    discriminator, losses, schedule = config.discriminator, config.losses, config.schedule
    adversarial_steps = schedule.total_steps - schedule.completion_steps
    if discriminator.use == "none":
        if adversarial_steps:
            yield (
                "discriminator.use is none, so every iteration belongs to the completion phase: set "
                f"schedule.completion_steps to {schedule.total_steps}."
            )
        return
    if discriminator.use != "local" and discriminator.global_size != config.data.crop:
        yield (
            f"discriminator.global_size is {discriminator.global_size}, but crops are {config.data.crop} pixels: the "
            "global discriminator sees the whole crop, so both must be equal."
        )
    if discriminator.use != "global" and discriminator.local_size > config.data.crop:
        yield (
            f"discriminator.local_size is {discriminator.local_size}, more than the crop of {config.data.crop} pixels."
        )
    if losses.feature_matching and discriminator.augment != "none":
        yield (
            "losses.feature_matching compares D's features of a completed image with those of its original, and "
            "discriminator.augment changes each in another way: set one of the two to 0 or to none."
        )
    if discriminator.ready_accuracy and not config.validation.count:
        yield (
            "discriminator.ready_accuracy is measured on held-out photographs, and validation.count is 0: set it to 16 "
            "or more, or discriminator.ready_accuracy to 0."
        )
    if discriminator.ready_accuracy and not schedule.discriminator_steps:
        yield (
            "discriminator.ready_accuracy prolongs the phase of the discriminators, and schedule.discriminator_steps "
            "is 0: set it to 1 or more."
        )
    if losses.gradient_ratio and losses.balance_gradients:
        yield (
            "losses.gradient_ratio holds the ratio of the gradients, which losses.balance_gradients lets go: set one "
            "of them to 0."
        )
    if losses.r1 and config.run.sync_batch_norm and discriminator.normalisation == "batch":
        yield (
            "losses.r1 needs second derivatives, which synchronised batch normalisation does not have: set "
            "discriminator.normalisation to spectral, or run.sync_batch_norm to false."
        )
