"""Patches' vectors in, their nearest neighbours out (PatchMatch: Barnes et al. 2009).

Each patch learns from the four beside it, row by row and backwards in every other pass, so that what one has found the
next one learns at once; then it tries places at random, each nearer than the one before. The targets are cut
into chunks that do not see what happens in the others during a pass, so that the result is the same however many
threads share them.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from glcic_backend.compiled import compiled, in_chunks, inlined
from glcic_backend.detail.bands import Band, in_bands
from glcic_backend.detail.contrast import Contrast
from glcic_backend.detail.flatness import Flatness
from glcic_backend.detail.pyramid import Level, Positions
from glcic_backend.detail.shifts import Shifts

_WORTH_A_JUMP = 0.9
"""A source from a random place replaces another one only if it costs less than so many times as much: what is gained by
little breaks pieces of the photograph apart."""

_EXACT = np.float32(1e-7)
"""Cost from which on a patch is a copy of its source, but for rounding: nothing better is looked for. Of 255 levels it
is less than a tenth."""

_EXHAUSTIVE_PAIRS = 20_000_000
_CHUNK = 4096
_FEW = 64
"""Targets that are compared with all sources together."""
_TOGETHER = 8
"""Components of a distance that are summed before it is given up for being too large already."""
_BLOCK = 128
"""Sources that are compared together with a target."""
_ROUNDING = 1e-5
"""Share by which a sum may differ from the same one in another order."""

_Patches = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]
"""Of sources, by position: vectors; calmness, ceiling (`Contrast`), texture, what is usual (`Flatness`), and rarity.
Of what targets want: vectors; contrast and texture."""

_Places = tuple[Positions, int, NDArray[np.float64], float]
"""Targets; positions from a row to the next; by target, what a source costs more for each pixel that it is away; what a
pixel to the side counts."""


class Matcher:
    """Searches the source patch that is nearest to each target patch of a level.

    Args:
        level: gives targets and sources.
        vectors: float32 [n, d], by position, the sources' patches; d is a multiple of 8.
        contrast: what the costs are multiplied by.
        flatness, added: what is added to them; the latter float32 [n], by position.
        nearness: float64 [t], by target, so many times more a source's cost counts at a distance of the hole's
            thickness. A distance to the side counts less if the hole is wide (`Level.sideways`).
        random: source of random numbers.
        check: called often; may raise.
    """

    def __init__(
        self,
        level: Level,
        vectors: NDArray[np.float32],
        contrast: Contrast,
        flatness: Flatness,
        added: NDArray[np.float32],
        nearness: NDArray[np.float64],
        random: np.random.Generator,
        check: Callable[[], None],
    ) -> None:
        self._level, self._vectors, self._random, self._check = level, vectors, random, check
        self._wanted = np.stack([contrast.wanted, flatness.wanted], axis=1)
        # Below 0 where there is no source: one look-up tells both.
        self._flaws = np.empty((level.count, 5), np.float32)

        def join(band: Band) -> None:
            flaws, place = self._flaws[band.positions], band.positions
            flaws[:, :2], flaws[:, 2:4], flaws[:, 4] = contrast.flaws[place], flatness.flaws[place], added[place]
            flaws[~level.is_source[place]] = -1

        in_bands(level, join)
        self._nearness = nearness / level.thickness
        self._shifts = np.array([1, level.stride, -1, -level.stride], np.int32)

    def first(self, wanted: NDArray[np.float32]) -> Positions:
        """Sources to begin with, int32 [t], positions: the nearest of all where they are few, else random ones.

        Args:
            wanted: float32 [t, d], the targets' vectors.
        """
        sources = self._level.sources
        if len(wanted) * len(sources) > _EXHAUSTIVE_PAIRS:
            return self.anywhere()
        found = np.empty(len(wanted), np.int32)
        first_numbers = np.ascontiguousarray(self._vectors[sources, :_TOGETHER].T)

        def run(begin: int, end: int) -> None:
            _nearest_of_all(begin, end, self._patches(wanted), self._places, sources, first_numbers, found)

        in_chunks(run, len(wanted), _FEW, torch.get_num_threads(), self._check)
        return found

    def _patches(self, wanted: NDArray[np.float32]) -> "_Patches":
        return self._vectors, self._flaws, wanted, self._wanted

    @property
    def _places(self) -> "_Places":
        return self._level.targets, self._level.stride, self._nearness, self._level.sideways

    def anywhere(self) -> Positions:
        """A random source for each target, int32 [t]."""
        return self._random.choice(self._level.sources, len(self._level.targets))

    def cost(self, wanted: NDArray[np.float32], found: Positions) -> NDArray[np.float32]:
        """Of targets and sources, float32 [t]: squared distance * contrast's factor, + what is added; all * farness."""
        cost = np.empty(len(found), np.float32)

        def run(begin: int, end: int) -> None:
            _costs(begin, end, self._patches(wanted), self._places, found, cost)

        in_chunks(run, len(found), _CHUNK, torch.get_num_threads(), self._check)
        return cost

    def improve(
        self, wanted: NDArray[np.float32], found: Positions, cost: NDArray[np.float32], backwards: bool
    ) -> None:
        """One pass of propagation and random search, in place.

        Args:
            wanted: float32 [t, d], the targets' vectors.
            found: int32 [t], the sources found so far.
            cost: float32 [t], their costs.
            backwards: from the last target to the first, as every other pass is to be.
        """
        level, before = self._level, found.copy()
        seed = int(self._random.integers(1 << 63))
        # Many targets learn from each other what one has found: each tries every other distance in turn.
        halvings = 1 if len(found) <= _CHUNK else 2
        reach = max(level.shape) >> (int(backwards) * (halvings - 1))

        def run(begin: int, end: int) -> None:
            _improve(
                begin,
                end,
                backwards,
                self._patches(wanted),
                self._places,
                (level.number, self._shifts),
                before,
                found,
                cost,
                (seed, reach, halvings, _WORTH_A_JUMP),
            )

        in_chunks(run, len(found), _CHUNK, torch.get_num_threads(), self._check)

    def continue_in_step(
        self, wanted: NDArray[np.float32], found: Positions, cost: NDArray[np.float32], shifts: Shifts
    ) -> None:
        """Try for each target the first source that it meets in steps of each shift, in place.

        Args:
            wanted, found, cost: as above.
            shifts: by which the surroundings repeat.
        """

        def run(begin: int, end: int) -> None:
            _continue_in_step(begin, end, self._patches(wanted), self._places, shifts, found, cost)

        in_chunks(run, len(found), _CHUNK, torch.get_num_threads(), self._check)


@inlined
def _distance(
    vectors: NDArray[np.float32], source: int, wanted: NDArray[np.float32], target: int, limit: Any
) -> np.float32:
    """Squared distance of a source and a target, or infinity if it is at least `limit`."""
    total = np.float32(0)
    for first in range(0, vectors.shape[1], _TOGETHER):
        part = np.float32(0)
        for component in range(first, first + _TOGETHER):
            difference = vectors[source, component] - wanted[target, component]
            part += difference * difference
        total += part
        if total >= limit:
            return np.float32(np.inf)
    return total


@inlined
def _cost_below(
    limit: Any,
    source: int,
    target: int,
    vectors: NDArray[np.float32],
    flaws: NDArray[np.float32],
    wanted: NDArray[np.float32],
    texture: NDArray[np.float32],
    targets: Positions,
    stride: int,
    nearness: NDArray[np.float64],
    sideways: float,
) -> Any:
    """The cost of a source for a target; infinity or any other that is no less than `limit` where it is no less.

    Args:
        vectors, flaws, wanted, texture: a `_Patches`.
        targets, stride, nearness, sideways: a `_Places`. Passed as tuples, they would be counted anew at each call.
    """
    factor = max(min(texture[target, 0] * flaws[source, 0], flaws[source, 1]), np.float32(1))
    flat = max(min(texture[target, 1], flaws[source, 3]) - flaws[source, 2], np.float32(0))
    added = flat + flaws[source, 4]
    cost = _distance(vectors, source, wanted, target, (limit - added) / factor) * factor + added
    # Most are dear enough wherever they are.
    if cost >= limit:
        return np.float32(np.inf)
    down = source // stride - targets[target] // stride
    across = sideways * (source % stride - targets[target] % stride)
    return cost * np.float32(1 + nearness[target] * math.sqrt(down * down + across * across))


@compiled
def _nearest_of_all(
    begin: int,
    end: int,
    patches: "_Patches",
    places: "_Places",
    sources: Positions,
    first_numbers: NDArray[np.float32],
    found: Positions,
) -> None:
    """The nearest source of each target from `begin` to `end`; the first of several.

    Args:
        first_numbers: float32 [_TOGETHER, s], the beginnings of the sources' vectors, in rows: the processor compares
            several sources at once, and few cost so little that the rest of their vector has to be looked at.
    """
    wanted = patches[2]
    parts = np.empty(_BLOCK, np.float32)
    best = sources[0]
    for target in range(begin, end):
        # That of the target before is likely to be near.
        least = _cost_below(np.float32(np.inf), best, target, *patches, *places)
        if not least < np.inf:  # no number
            least = np.float32(np.inf)
        for block in range(0, len(sources), _BLOCK):
            count = min(_BLOCK, len(sources) - block)
            parts[:count] = 0
            for component in range(len(first_numbers)):
                some, own = first_numbers[component, block : block + count], wanted[target, component]
                for number in range(count):
                    difference = some[number] - own
                    parts[number] += difference * difference
            enough = least * np.float32(1 + _ROUNDING)
            nearer = 0
            for number in range(count):
                nearer += parts[number] <= enough
            if nearer == 0:
                continue
            for number in range(count):
                if parts[number] > enough:
                    continue
                source = sources[block + number]
                cost = _cost_below(least, source, target, *patches, *places)
                if cost < least or (cost == least and source < best):
                    least, best = cost, source
                    enough = least * np.float32(1 + _ROUNDING)
        found[target] = best


@compiled
def _costs(
    begin: int, end: int, patches: "_Patches", places: "_Places", found: Positions, cost: NDArray[np.float32]
) -> None:
    for target in range(begin, end):
        cost[target] = _cost_below(np.float32(np.inf), found[target], target, *patches, *places)


@compiled
def _improve(
    begin: int,
    end: int,
    backwards: bool,
    patches: "_Patches",
    places: "_Places",
    field: tuple[NDArray[np.int32], Positions],
    before: Positions,
    found: Positions,
    cost: NDArray[np.float32],
    search: tuple[int, int, int, float],
) -> None:
    """One pass over the targets from `begin` to `end`, of which only their own entries are changed.

    Args:
        backwards: from the last to the first.
        field: the targets' numbers by position, shifts to the neighbours that are learnt from.
        before: int32 [t], what had been found before the pass.
        search: seed of the pass; largest reach of random places, and how often it is halved from one to the next;
            what they have to be worth.
    """
    flaws, targets, stride = patches[1], places[0], places[1]
    number, shifts = field
    seed, reach, halvings, worth = search
    count = len(flaws)
    towards = 1 if backwards else -1
    for step in range(end - begin):
        target = end - 1 - step if backwards else begin + step
        best = found[target]
        least = cost[target]
        if least < _EXACT:
            continue
        for side in range(len(shifts)):
            shift = towards * shifts[side]
            neighbour = number[targets[target] + shift]
            if neighbour == len(targets):
                continue
            other = (found[neighbour] if begin <= neighbour < end else before[neighbour]) - shift
            if other == best or other < 0 or other >= count or flaws[other, 0] < 0:
                continue
            new = _cost_below(least, other, target, *patches, *places)
            if new < least:
                best, least = np.int32(other), new
        # Numbers by splitmix64, from the seed and the target alone.
        state = np.uint64(seed) + np.uint64(target) * np.uint64(0xD1342543DE82EF95)
        radius = reach
        while radius >= 1:
            state += np.uint64(0x9E3779B97F4A7C15)
            mixed = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            mixed ^= mixed >> np.uint64(31)
            span = np.uint64(2 * radius + 1)
            down = np.int64(((mixed >> np.uint64(32)) * span) >> np.uint64(32)) - radius
            across = np.int64(((mixed & np.uint64(0xFFFFFFFF)) * span) >> np.uint64(32)) - radius
            radius >>= halvings
            other = best + down * stride + across
            if other < 0 or other >= count or flaws[other, 0] < 0:
                continue
            new = _cost_below(worth * least, other, target, *patches, *places)
            if new < worth * least:
                best, least = np.int32(other), new
        found[target] = best
        cost[target] = least


@compiled
def _continue_in_step(
    begin: int,
    end: int,
    patches: "_Patches",
    places: "_Places",
    shifts: Shifts,
    found: Positions,
    cost: NDArray[np.float32],
) -> None:
    """What repeats goes on in step across the hole, however many steps wide it is."""
    flaws, targets, stride = patches[1], places[0], places[1]
    height = len(flaws) // stride
    # Targets side by side have sources side by side, which are at hand.
    for turn in range(2 * len(shifts)):
        way = 1 - 2 * (turn % 2)
        down, across = way * shifts[turn // 2, 0], way * shifts[turn // 2, 1]
        step = down * stride + across
        for target in range(begin, end):
            least = cost[target]
            if least < _EXACT:
                continue
            row, column = targets[target] // stride + down, targets[target] % stride + across
            other = targets[target] + step
            while 0 <= row < height and 0 <= column < stride and flaws[other, 0] < 0:
                row += down
                column += across
                other += step
            if not (0 <= row < height and 0 <= column < stride):
                continue
            new = _cost_below(least, other, target, *patches, *places)
            if new < least:
                found[target], cost[target] = other, new
