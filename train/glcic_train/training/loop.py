"""Algorithm 1 of the paper."""

from glcic_train.config.schema import Config
from glcic_train.training.batches import Batch, BatchSource
from glcic_train.training.distributed import Processes
from glcic_train.training.networks import Networks
from glcic_train.training.optimizers import set_learning_rate
from glcic_train.training.records import Ending, Records, WeakDiscriminatorError
from glcic_train.training.schedule import Phase, Schedule
from glcic_train.training.updates import Losses, Updates


def train(
    config: Config, networks: Networks, updates: Updates, batches: BatchSource, records: Records, processes: Processes
) -> Ending:
    """Train until T_train, a time limit, or an interruption; the state is saved at the end.

    Raises:
        DivergedError: a loss or a weight is not finite.
        WeakDiscriminatorError: D did not learn enough for the joint phase.
        OutputError: a checkpoint could not be written.
    """
    schedule = Schedule(config)
    while True:
        order = processes.agree(records.order())
        if order.checkpoint:
            records.checkpoint(order.place)
        if order.fault:
            raise WeakDiscriminatorError(order.fault)
        if order.ending is not None:
            return order.ending
        stage = schedule.stage(order.place)
        batch = batches.batch(records.step, stage)
        losses = iterate(config, schedule, networks, updates, batch, records.step, order.place)
        records.count(order.place, losses, stage.batch)


def iterate(
    config: Config, schedule: Schedule, networks: Networks, updates: Updates, batch: Batch, step: int, place: float
) -> Losses:
    """One iteration of Algorithm 1: lines 4 to 12, with the images x and the masks M_c and M_d in `batch`.

    The paper's line 9 says t > T_C + T_D; with iterations counted from 0 that is t >= T_C + T_D.
    """
    phase = schedule.phase(place)
    set_learning_rate(networks.completion_optimizer, schedule.completion_rate(config.completion.optimizer, place))
    if networks.discriminator_optimizer is not None:
        set_learning_rate(
            networks.discriminator_optimizer, schedule.discriminator_rate(config.discriminator.optimizer, place)
        )
    if phase is Phase.DISCRIMINATOR:
        return updates.discriminator_alone(batch, step)
    if phase is Phase.COMPLETION:
        losses = updates.completion_alone(batch)
    else:
        balanced = config.losses.balance_gradients
        progress = min(1.0, schedule.joint_iterations(place) / balanced) if balanced else 1.0
        losses = updates.jointly(batch, step, progress)
    if networks.average is not None:
        networks.average.update(networks.completion, step)
    return losses
