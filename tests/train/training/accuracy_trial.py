"""How accurate a run's D is on held-out pairs, by how its batches are normalised.

    python -m tests.train.training.accuracy_trial RUN

RUN is the folder of a run with batch normalisation in D, or one of its checkpoints. Printed are the areas under the
curve with photographs and completions in batches of their own, in one batch, and with D's running statistics.
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from glcic_train.training.accuracy import area_under_curve, hole_centres
from glcic_train.training.checkpoint import load_checkpoint
from glcic_train.training.discriminators import ContextDiscriminator
from glcic_train.training.export import completion_of
from glcic_train.training.run import open_held_out, read_run

CPU, PAIRS = torch.device("cpu"), 64
Judged = tuple[Tensor, Tensor]


def apart(judge: ContextDiscriminator, real: Judged, made: Judged) -> Judged:
    judge.train()
    return judge(*real), judge(*made)


def together(judge: ContextDiscriminator, real: Judged, made: Judged) -> Judged:
    judge.train()
    logits = judge(*(torch.cat(both) for both in zip(real, made, strict=True)))
    return logits.split(len(real[0]))


def running(judge: ContextDiscriminator, real: Judged, made: Judged) -> Judged:
    judge.eval()
    return judge(*real), judge(*made)


@torch.no_grad()
def main(path: Path) -> None:
    checkpoint = load_checkpoint(path)
    config, data = read_run(path if path.is_dir() else path.parent)
    held_out = open_held_out(replace(config, validation=replace(config.validation, count=PAIRS)), data)
    assert held_out is not None
    network, mean = completion_of(checkpoint), torch.tensor(checkpoint["mean_pixel"])
    centres = hole_centres(held_out.holes)
    sys.stdout.write(f"{checkpoint['step']} iterations, {len(centres)} pairs in batches of 8\n")
    for way in (apart, together, running):
        sys.stdout.write(f"{way.__name__:10}{_area(way, checkpoint, config, network, held_out, centres, mean):.3f}\n")


def _area(way: Callable[..., Judged], checkpoint, config, network, held_out, centres, mean) -> float:
    discriminator = ContextDiscriminator(config.discriminator)
    discriminator.load_state_dict(checkpoint["networks"]["discriminator"])
    judge, logits, first = discriminator, [], 0
    for image, hole, output in held_out.completions(network, mean, CPU):
        numbers = slice(first, first + len(image))
        first += len(image)
        relative = [one - mean.view(1, 3, 1, 1) for one in (image, torch.lerp(image, output, hole))]
        real = relative[0], centres.roll(1, dims=0)[numbers]
        logits.append(way(judge, real, (relative[1], centres[numbers])))
    return area_under_curve(*(torch.cat(one) for one in zip(*logits, strict=True)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
