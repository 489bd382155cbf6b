"""The profile's floating-point operations against a count by hand from Table 2."""

import pytest

from glcic_backend.network import completion_network as network
from glcic_train.training import profiling
from glcic_train.training.profiling import profile
from glcic_train.training.run import assemble
from glcic_train.training.schedule import Phase

pytestmark = pytest.mark.usefixtures("narrow_module")


def multiply_adds(size: int) -> list[int]:
    """Multiply-adds of each layer of Table 2 for an image of `size` x `size` pixels."""
    counts, inputs = [], network.INPUT_CHANNELS
    for spec in network.TABLE_2:
        # A transposed convolution multiplies each of its inputs with the whole kernel.
        area = size * size if spec.kind == "deconv" else (size // spec.stride) ** 2
        counts.append(area * spec.kernel**2 * inputs * spec.outputs)
        size, inputs = size * spec.stride if spec.kind == "deconv" else size // spec.stride, spec.outputs
    return counts


def test_the_completion_phase_counts_a_forward_and_a_backward_pass(quick, photos):
    config = quick("discriminator.use=none", "schedule.completion_steps=5", "schedule.discriminator_steps=0")
    with assemble(config, [photos], None) as parts:
        (measured,) = list(profile(config, parts, iterations=1))
    forward = multiply_adds(config.data.crop)
    # Backward: gradients of the weights and of the inputs, as much as forward each; the image needs no gradient.
    by_hand = 2 * (3 * sum(forward) - forward[0])
    assert measured.phase is Phase.COMPLETION
    assert measured.flops_per_second / measured.samples_per_second == pytest.approx(by_hand)
    assert 0 <= measured.waiting < 1


def test_each_row_comes_when_it_is_measured(quick, photos, monkeypatch):
    measured: list[float] = []
    profile_place = profiling._profile_place

    def counted(config, parts, schedule, place, iterations):
        measured.append(place)
        return profile_place(config, parts, schedule, place, iterations)

    monkeypatch.setattr(profiling, "_profile_place", counted)
    config = quick()
    with assemble(config, [photos], None) as parts:
        rows = profile(config, parts, iterations=1)
        assert measured == []
        assert next(rows).phase is Phase.COMPLETION
        assert len(measured) == 1
