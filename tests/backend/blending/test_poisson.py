"""Laplace's equation in holes of any shape, against a direct sparse solve."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, sparse
from scipy.sparse.linalg import spsolve

from glcic_backend.blending import poisson, thin
from glcic_backend.blending.multigrid import Multigrid, neighbour_count
from glcic_backend.blending.pieces import PieceMultigrid
from glcic_backend.blending.poisson import correction, membrane
from glcic_backend.blending.poisson_reference import direct_membrane
from glcic_backend.errors import CancelledError

QUARTER_GREY_LEVEL = 0.25 / 255
SIZE = 96
ROWS, COLUMNS = np.mgrid[:SIZE, :SIZE]
RADIUS = np.hypot(ROWS - SIZE / 2, COLUMNS - SIZE / 2)
TURN = RADIUS / 8 - np.arctan2(ROWS - SIZE / 2, COLUMNS - SIZE / 2) / (2 * np.pi)


def box(top, bottom, left, right):
    result = np.zeros((SIZE, SIZE), bool)
    result[top:bottom, left:right] = True
    return result


def smooth_noise(sigma, seed):
    return ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal((SIZE, SIZE)), sigma)


HOLES = {
    "square": box(10, 80, 12, 85),
    "one pixel": box(40, 41, 40, 41),
    "one pixel in the corner of the image": box(0, 1, 0, 1),
    "corner of the image": box(0, 50, 0, 60),
    "bottom border": box(50, SIZE, 20, 70),
    "full height": box(0, SIZE, 30, 90),
    "all but one pixel": ~box(40, 41, 40, 41),
    "all but one column": ~box(0, SIZE, 0, 1),
    "ring": (RADIUS < 45) & (RADIUS > 30),
    "ring one pixel wide": (RADIUS < 40.5) & (RADIUS >= 39.5),
    "U": box(10, 90, 10, 85) & ~box(10, 70, 30, 65),
    "comb": box(5, 90, 5, 90) & ~((COLUMNS % 8 < 2) & (ROWS < 80)),
    "slit": box(45, 48, 3, 93),
    "spiral": (TURN % 1 < 0.7) & (RADIUS < 45),
    "blobs": smooth_noise(3, 0) > 0,
    "noise": smooth_noise(0.5, 1) > -0.2,
    "checker of single pixels": (ROWS + COLUMNS) % 2 == 0,
}

# Holes whose inner walls are neither hole nor known (transparent): only natural boundaries separate the strands.
WALLED = {
    "comb with natural walls": (box(5, 95, 5, 90) & ~((COLUMNS % 4 == 0) & (ROWS < 80)), ROWS >= 95),
    "spiral with natural walls": ((TURN % 1 < 0.7) & (RADIUS < 45), RADIUS >= 45),
    "maze": (
        (ROWS % 2 == 0) | ((ROWS % 4 == 1) & (COLUMNS == SIZE - 1)) | ((ROWS % 4 == 3) & (COLUMNS == 0)),
        box(1, 2, 0, 1),
    ),
    "blobs known on the left": (smooth_noise(3, 0) > 0, COLUMNS < 5),
}


def ring_of(hole, known):
    return hole & (neighbour_count(known & ~hole) > 0)


def bound_parts(hole, ring):
    labels, _ = ndimage.label(hole)
    return hole & np.isin(labels, np.unique(labels[ring]))


def uneven_values(shape):
    """A step, a wave and noise, each from 0 to 1."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    step = columns > shape[1] / 2
    wave = 0.5 + 0.5 * np.sin(columns / 9 + rows / 30)
    noise = np.random.default_rng(5).random(shape)
    return np.stack([step, wave, noise], axis=-1).astype(np.float32)


def assert_equals_direct_solution(hole, known):
    known = known & ~hole
    ring = ring_of(hole, known)
    hole = bound_parts(hole, ring)
    values = uneven_values(hole.shape)
    u = membrane(hole, ring, hole | known, values)
    np.testing.assert_allclose(u, direct_membrane(hole, ring, values), rtol=0, atol=QUARTER_GREY_LEVEL)


@pytest.fixture(params=["list", "grid"])
def solver(request, monkeypatch):
    """Thin holes are solved on a list of their pixels, the others on grids: either must be right for any."""
    monkeypatch.setattr(poisson, "is_thin", lambda free: request.param == "list")
    monkeypatch.setattr(thin, "_WORK_PER_PIXEL", 1 << 20)


@pytest.mark.parametrize("name", HOLES)
def test_membrane_equals_the_direct_solution(solver, name):
    assert_equals_direct_solution(HOLES[name], ~HOLES[name])


@pytest.mark.parametrize("name", WALLED)
def test_membrane_equals_the_direct_solution_between_natural_walls(solver, name):
    assert_equals_direct_solution(*WALLED[name])


def test_membrane_equals_the_direct_solution_in_a_large_hole_in_float32():
    hole = np.zeros((420, 420), bool)
    hole[:400, 10:410] = True
    assert_equals_direct_solution(hole, ~hole)


@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    grain=st.floats(0, 5),
    share=st.floats(0.05, 0.98),
    void=st.sampled_from([0.0, 0.1, 0.5, 0.9]),
    seed=st.integers(0, 2**32 - 1),
)
def test_membrane_equals_the_direct_solution_in_random_holes(height, width, grain, share, void, seed):
    random = np.random.default_rng(seed)
    texture = ndimage.gaussian_filter(random.standard_normal((height, width)), grain)
    hole = texture <= np.quantile(texture, share)
    # Some pixels that are neither hole nor known, of the same grain.
    texture = ndimage.gaussian_filter(random.standard_normal((height, width)), grain)
    known = ~hole & (texture >= np.quantile(texture, void))
    assert_equals_direct_solution(hole, known)


def test_given_values_are_kept_exactly():
    hole = HOLES["blobs"]
    ring, values = ring_of(hole, ~hole), uneven_values(hole.shape)
    u = membrane(hole, ring, np.ones_like(hole), values)
    assert np.array_equal(u[ring], values[ring])


def test_a_constant_on_the_ring_fills_the_hole():
    hole = HOLES["U"]
    values = np.full((*hole.shape, 1), 0.37, np.float32)
    u = membrane(hole, ring_of(hole, ~hole), np.ones_like(hole), values)
    np.testing.assert_allclose(u[hole], 0.37, rtol=0, atol=1e-7)


def test_a_linear_ramp_on_the_ring_goes_on_through_the_hole():
    hole = HOLES["spiral"]
    ramp = ((2 * COLUMNS + ROWS) / (3 * SIZE)).astype(np.float32)[..., None]
    u = membrane(hole, ring_of(hole, ~hole), np.ones_like(hole), ramp)
    np.testing.assert_allclose(u[hole], ramp[hole], rtol=0, atol=QUARTER_GREY_LEVEL)


@pytest.mark.parametrize("name", HOLES)
def test_no_value_is_beyond_the_given_ones(name):
    hole = HOLES[name]
    ring, values = ring_of(hole, ~hole), uneven_values(hole.shape)
    hole = bound_parts(hole, ring)
    u = membrane(hole, ring, np.ones_like(hole), values)
    assert (u[hole] >= values[ring].min(axis=0)).all()
    assert (u[hole] <= values[ring].max(axis=0)).all()


def test_the_same_input_gives_the_same_bits():
    hole = HOLES["blobs"]
    ring, values = ring_of(hole, ~hole), uneven_values(hole.shape)
    first = membrane(hole, ring, np.ones_like(hole), values)
    second = membrane(hole, ring, np.ones_like(hole), values)
    assert np.array_equal(first, second)


@pytest.mark.parametrize("unit", [1e-6, 65535.0])
def test_the_error_bound_follows_the_unit_of_the_values(unit):
    hole = HOLES["U"]
    ring, values = ring_of(hole, ~hole), uneven_values(hole.shape) * np.float32(unit)
    u = membrane(hole, ring, np.ones_like(hole), values)
    np.testing.assert_allclose(u, direct_membrane(hole, ring, values), rtol=0, atol=QUARTER_GREY_LEVEL * unit)


def test_few_multigrid_cycles_are_enough_whatever_the_size(monkeypatch):
    cycles = []
    original = Multigrid.cycle

    def counted(self, residual, level=0):
        cycles.append(level)
        return original(self, residual, level)

    monkeypatch.setattr(Multigrid, "cycle", counted)
    for size in (50, 400):
        cycles.clear()
        hole = np.zeros((size + 2, size + 2), bool)
        hole[1:-1, 1:-1] = True
        membrane(hole, ring_of(hole, ~hole), np.ones_like(hole), uneven_values(hole.shape)[..., :1])
        assert cycles.count(0) <= 10


def test_strands_between_natural_walls_are_solved_on_connected_pieces(monkeypatch):
    cycles = []
    original = PieceMultigrid.cycle

    def counted(self, residual):
        cycles.append(1)
        return original(self, residual)

    monkeypatch.setattr(PieceMultigrid, "cycle", counted)
    monkeypatch.setattr(poisson, "is_thin", lambda free: False)
    hole, known = WALLED["maze"]
    ring = ring_of(hole, known)
    membrane(bound_parts(hole, ring), ring, hole | known, uneven_values(hole.shape))
    assert 0 < len(cycles) <= 60


def test_cancelling_stops_between_cycles():
    hole = HOLES["square"]
    answers = iter([False, False, True])
    with pytest.raises(CancelledError):
        membrane(hole, ring_of(hole, ~hole), np.ones_like(hole), uneven_values(hole.shape), lambda: next(answers))


def test_the_multigrid_cycle_is_symmetric_and_positive():
    hole = np.pad(HOLES["blobs"], 2)
    ring = hole & (neighbour_count(~hole) > 0)
    solver = Multigrid(hole & ~ring, ring, np.ones_like(hole))
    random = np.random.default_rng(0)
    one, other = (random.standard_normal(hole.shape).astype(np.float32) * solver.finest.free for _ in range(2))
    cycled = solver.cycle(one)
    energy = float(np.vdot(one, cycled))
    assert energy > 0
    assert float(np.vdot(cycled, other)) == pytest.approx(float(np.vdot(one, solver.cycle(other))), abs=1e-5 * energy)


def test_a_correction_fades_as_fast_at_each_place_as_the_screen_there_lets_it():
    """Against a direct solve. Odd sides and a screen of noise would notice a place that is taken for another."""
    rng = np.random.default_rng(0)
    free = np.zeros((131, 143), np.bool_)
    free[10:121, 9:130] = True
    free[60:70, 40:50] = False
    pinned = ndimage.binary_dilation(free) & ~free
    excess = np.where(free, rng.normal(0, 0.1, free.shape), 0).astype(np.float32)[..., None]
    screen = (10 ** rng.uniform(-3.5, -0.5, free.shape)).astype(np.float32)

    found = correction(free, pinned, excess, screen)[..., 0]

    number = np.full(free.shape, -1)
    number[free] = np.arange(free.sum())
    own = screen.astype(np.float64) + neighbour_count(free | pinned)
    pairs = [(number[:, :-1].ravel(), number[:, 1:].ravel()), (number[:-1].ravel(), number[1:].ravel())]
    links = [(a[(a >= 0) & (b >= 0)], b[(a >= 0) & (b >= 0)]) for a, b in pairs]
    rows, columns = (np.concatenate([link[side] for link in links]) for side in (0, 1))
    off = sparse.coo_matrix((-np.ones(len(rows)), (rows, columns)), shape=(free.sum(),) * 2)
    truth = spsolve((off + off.T + sparse.diags(own[free])).tocsc(), excess[free, 0].astype(np.float64))
    assert np.abs(found[free] - truth).max() < 4e-4
    assert np.abs(truth).max() > 0.1
