"""Pictures with straight edges that a hole interrupts, and how well they are continued. float64 [H, W, 3], 0..1.

`python -m tests.backend.detail.line_scenes` prints how well.
"""

from dataclasses import dataclass, replace
from functools import partial

import cv2
import numpy as np

from glcic_backend import Inpainter

_BARK = 120
"""Brightness, 0..255, up to which a pixel may be bark; of what stands behind only the shadow is darker."""

_FINE = 4
"""Edges are drawn at so many times the size, so that they pass through pixels as a camera's do."""


@dataclass(frozen=True)
class Broken:
    """A picture, uint8 [H, W, 3], its hole, bool [H, W], and where the interrupted thing stands in it, 0..1 [H, W]."""

    image: np.ndarray
    hole: np.ndarray
    thing: np.ndarray

    def kept(self, completed: np.ndarray) -> float:
        """How much of the thing's difference from its surroundings is found where it belongs; 1 is all of it.

        Its edges may be off by a pixel, which costs a thin line much, so what stands beside it is taken together.
        """
        core = cv2.dilate(self.thing, np.ones((3, 3))) > 0.1
        truth, found = (self._stands_out(picture) for picture in (self.image, completed))
        inside = core & self.hole
        return float(found[inside].clip(0).sum() / truth[inside].clip(0).sum())

    def _stands_out(self, picture: np.ndarray) -> np.ndarray:
        """By how much each pixel is on the thing's side of its surroundings' mean colour."""
        values = picture.astype(np.float64)
        thing, beside = (values[part & ~self.hole].mean(axis=0) for part in (self.thing > 0.9, self._beside()))
        direction = thing - beside
        return (values - beside) @ direction / (direction @ direction)

    def _beside(self) -> np.ndarray:
        wide = cv2.dilate(self.thing, np.ones((15, 15))) > 0
        return wide & (cv2.dilate(self.thing, np.ones((5, 5))) == 0)

    def error(self, completed: np.ndarray, band: int = 4) -> float:
        """Mean difference from the truth within some pixels of the thing's edges, in the hole, 0..1."""
        solid = (self.thing > 0.5).astype(np.uint8)
        kernel = np.ones((2 * band + 1, 2 * band + 1), np.uint8)
        edges = (cv2.dilate(solid, kernel) > cv2.erode(solid, kernel)) & self.hole
        return float(np.abs(completed[edges].astype(float) - self.image[edges]).mean() / 255)


def band(height: int, width: int, angle: float, thickness: float) -> np.ndarray:
    """How much of each pixel a straight band about the middle covers; the angle in radians, 0 is level."""
    return _between(height, width, angle, -thickness / 2, thickness / 2)


def below(height: int, width: int, angle: float) -> np.ndarray:
    """How much of each pixel lies below a straight line through the middle."""
    return _between(height, width, angle, 0, height + width)


def _between(height: int, width: int, angle: float, low: float, high: float) -> np.ndarray:
    big = np.zeros((height * _FINE, width * _FINE), np.uint8)
    middle = np.array([width / 2 + 0.3, height / 2 + 0.3]) * _FINE
    along = np.array([np.cos(angle), np.sin(angle)]) * _FINE * (width + height)
    across = np.array([-np.sin(angle), np.cos(angle)]) * _FINE
    corners = [middle + s * along + t * across for s, t in ((-1, low), (1, low), (1, high), (-1, high))]
    cv2.fillPoly(big, [np.rint(np.array(corners) * 16).astype(np.int32)], 255, shift=4)
    return cv2.resize(big, (width, height), interpolation=cv2.INTER_AREA) / 255.0


def noise(shape: tuple[int, int], blur: float, strength: float, random: np.random.Generator) -> np.ndarray:
    """Grain of some size, [H, W, 1], with a standard deviation of `strength`."""
    grain = cv2.GaussianBlur(random.normal(size=shape), (0, 0), blur) if blur else random.normal(size=shape)
    return (grain / grain.std() * strength)[..., None]


def foliage(height: int, width: int, random: np.random.Generator) -> np.ndarray:
    """Leaves of many sizes and greens."""
    picture = np.full((height, width, 3), (0.12, 0.2, 0.08), np.float32)
    for _ in range(height * width // 40):
        place = int(random.integers(width)), int(random.integers(height))
        axes = int(random.integers(3, 9)), int(random.integers(2, 5))
        colour = np.array([0.25, 0.45, 0.12]) * random.uniform(0.3, 1.4)
        cv2.ellipse(picture, place, axes, random.uniform(0, 180), 0, 360, colour.tolist(), -1, cv2.LINE_AA)
    return picture.astype(np.float64)


def sky(height: int, width: int, random: np.random.Generator) -> np.ndarray:
    down = np.linspace(0, 1, height)[:, None, None]
    return np.array([0.4, 0.55, 0.8]) + down * np.array([0.2, 0.15, 0.05]) + noise((height, width), 0, 0.012, random)


def broken(background: np.ndarray, thing: np.ndarray, colour: np.ndarray, hole: tuple[int, int, int, int]) -> Broken:
    """A thing before a background, and a hole at x, y, of a width and a height."""
    share = thing[..., None]
    image = np.rint(np.clip(background * (1 - share) + share * colour, 0, 1) * 255).astype(np.uint8)
    mask = np.zeros(thing.shape, bool)
    x, y, width, height = hole
    mask[y : y + height, x : x + width] = True
    return Broken(image, mask, thing)


def thin_line(thickness: int, gap: int, angle: float, random: np.random.Generator) -> Broken:
    """A dark line before a sky, and a square hole over its middle."""
    height, width = 240, 320
    hole = (width - gap) // 2, (height - gap) // 2, gap, gap
    return broken(sky(height, width, random), band(height, width, angle, thickness), np.full(3, 0.15), hole)


def wire(random: np.random.Generator) -> Broken:
    """A light wire of three pixels before leaves."""
    return broken(foliage(240, 360, random), band(240, 360, -0.15, 3), np.full(3, 0.85), (140, 70, 80, 100))


def horizon(random: np.random.Generator) -> Broken:
    """A sea below a sky, a little aslant."""
    height, width = 240, 360
    sea = np.array([0.1, 0.25, 0.35]) + noise((height, width), 1.5, 0.05, random)
    return broken(sky(height, width, random), below(height, width, 0.04), sea, (130, 70, 100, 100))


def roof(random: np.random.Generator) -> Broken:
    """A slanting roof before trees."""
    height, width = 240, 360
    tiles = np.array([0.6, 0.28, 0.2]) + noise((height, width), 0.7, 0.03, random)
    return broken(foliage(height, width, random), below(height, width, 0.45), tiles, (135, 75, 90, 90))


def boards(random: np.random.Generator) -> Broken:
    """Boards that run away from the viewer, with dark gaps between them."""
    height, width = 260, 400
    wood = np.array([0.62, 0.5, 0.38]) + noise((height, width), 0.8, 0.03, random)
    big = np.zeros((height * _FINE, width * _FINE), np.uint8)
    for number in range(-14, 15):
        near, far = width / 2 + number * 46, width / 2 + number * 10
        corners = [(near - 2, height), (near + 2, height), (far + 0.7, 0), (far - 0.7, 0)]
        cv2.fillPoly(big, [np.rint(np.array(corners) * _FINE * 16).astype(np.int32)], 255, shift=4)
    gaps = cv2.resize(big, (width, height), interpolation=cv2.INTER_AREA) / 255.0
    return broken(wood, gaps, np.array([0.14, 0.1, 0.08]), (150, 80, 100, 90))


def fence(random: np.random.Generator) -> Broken:
    """A rail across a fence of uneven pickets, hidden over 440 pixels."""
    height, width = 220, 800
    pickets = np.full((height, width, 3), (0.15, 0.18, 0.12))
    left = 0
    while left < width:
        right = left + int(random.integers(9, 14))
        pickets[:, left:right] = np.array([0.75, 0.72, 0.65]) * random.uniform(0.85, 1.05)
        left = right + int(random.integers(4, 8))
    pickets = cv2.GaussianBlur(pickets, (0, 0), 0.7) + noise((height, width), 0, 0.01, random)
    rail = np.array([0.5, 0.33, 0.2]) + noise((height, width), 0, 0.012, random)
    return broken(pickets, band(height, width, 0.0, 14), rail, (180, 90, 440, 40))


def wall(
    random: np.random.Generator,
    size: tuple[int, int],
    step: tuple[int, int],
    gap: int,
    colour: tuple[float, float, float],
    shades: tuple[float, float],
) -> tuple[np.ndarray, np.ndarray]:
    """Bricks in courses, every other one moved by half a brick: the clay, and how much is mortar, 0..1.

    Args:
        size: height and width, pixels.
        step: from a brick to the next, down and across, pixels.
        gap: of mortar between bricks, pixels.
        colour: RGB, 0..1.
        shades: range of the factor on the colour, drawn for each brick.
    """
    (height, width), (course, length) = size, step
    mortar, clay = np.ones(size), np.zeros((*size, 3))
    for row in range(height // course + 1):
        for column in range(-1, width // length + 2):
            x, y = column * length - length // 2 * (row % 2), row * course
            brick = slice(y, y + course - gap), slice(max(x, 0), max(x + length - gap, 0))
            mortar[brick] = 0
            clay[brick] = np.array(colour) * random.uniform(*shades)
    mortar = cv2.GaussianBlur(mortar, (0, 0), 0.6)
    return cv2.GaussianBlur(clay, (0, 0), 1) + noise((height, width), 0, 0.02, random), mortar


def bricks(random: np.random.Generator) -> Broken:
    """A strip of 400 x 24 pixels through a wall with courses of 16; the thing is the mortar."""
    clay, mortar = wall(random, (200, 560), (16, 32), 3, (0.55, 0.25, 0.18), (0.9, 1.1))
    return broken(clay, mortar, np.full(3, 0.75), (80, 88, 400, 24))


def uneven_bricks(random: np.random.Generator) -> Broken:
    """A round hole in a wall of large bricks, of which no two have the same shade; the thing is the mortar."""
    height, width = 420, 600
    clay, mortar = wall(random, (height, width), (26, 52), 4, (0.55, 0.3, 0.22), (0.55, 1.35))
    whole = broken(clay, mortar, np.full(3, 0.75), (0, 0, 0, 0))
    down, across = np.mgrid[:height, :width]
    return replace(whole, hole=((across - 300) / 100) ** 2 + ((down - 210) / 90) ** 2 < 1)


def trunk(lean: float, random: np.random.Generator) -> Broken:
    """A trunk before a blurred street and a white ground.

    The hole hides where street and ground meet at the trunk: of that nothing else in the picture shows anything.

    Args:
        lean: pixels to the right on 400 pixels downwards.
    """
    height, width = 1040, 960
    down = np.arange(height)
    edge = 300 + lean * (down - 400) / 400 + 6 * np.sin(down / 62 + random.uniform(0, 6))
    thing = np.clip(edge[:, None] - np.arange(width) + 0.5, 0, 1)
    grain = cv2.GaussianBlur(random.normal(size=(height, width)), (0, 0), 4, sigmaY=24)[..., None]
    bark = np.array([0.42, 0.39, 0.36]) + 0.1 * grain / grain.std() + noise((height, width), 1.2, 0.06, random)
    blue, yellow = np.array([0.25, 0.5, 0.95]), np.array([0.95, 0.9, 0.7])
    street = blue + np.clip((np.arange(width) - 370) / 90, 0, 1)[:, None] * (yellow - blue)
    ground = (1 / (1 + np.exp(-(down - 430) / 12)))[:, None, None]
    shadow = 0.45 * np.exp(-(((down - 410) / 18) ** 2))[:, None, None]
    behind = street * (1 - ground) + ground - shadow + noise((height, width), 0, 0.003, random)
    corners = [
        (292 - 0.25 * lean, 300),
        (332 - 0.25 * lean, 300),
        (490 + 0.4 * lean, 560),
        (320 + 0.5 * lean, 600),
        (284, 480),
    ]
    mask = cv2.fillPoly(np.zeros((height, width), np.uint8), [np.array(corners).astype(np.int32)], 1)
    return replace(broken(behind, thing, bark, (0, 0, 0, 0)), hole=mask > 0)


def overgrown(scene: Broken, completed: np.ndarray) -> float:
    """How much of the hole beside a dark thing has become as dark, 0..1."""
    beside = scene.hole & (cv2.dilate(scene.thing, np.ones((9, 9))) < 0.1)
    was, now = (picture[beside].mean(axis=1) < _BARK for picture in (scene.image, completed))
    return float((now & ~was).mean())


def misplaced(scene: Broken, completed: np.ndarray) -> int:
    """Pieces of mortar of more than 20 pixels where none belongs, or none where it does, beyond a pixel's tolerance."""
    found = scene._stands_out(completed) > 0.5
    truth = scene.thing > 0.5
    square = np.ones((3, 3), np.uint8)
    grown, shrunk = (change(truth.astype(np.uint8), square) > 0 for change in (cv2.dilate, cv2.erode))
    wrong = ((found & ~grown) | (~found & shrunk)) & scene.hole
    sizes = cv2.connectedComponentsWithStats(wrong.astype(np.uint8))[2][1:, cv2.CC_STAT_AREA]
    return int(np.count_nonzero(sizes > 20))


def trunks_overgrown(engine: Inpainter) -> float:
    """How much becomes bark beside a trunk, the mean of six trunks with two seeds each."""
    scenes = [trunk(lean, np.random.default_rng(seed)) for lean in (120, -60) for seed in range(3)]
    return float(
        np.mean([overgrown(one, engine.complete(one.image, one.hole, seed=seed)) for one in scenes for seed in (0, 1)])
    )


def main() -> None:
    """Print how well the scenes are continued; three seeds each."""
    engine = Inpainter.load("shipped", device="cpu")
    scenes = {
        f"{thickness} px over {gap}": partial(thin_line, thickness, gap, 0.7)
        for thickness in (1, 2)
        for gap in (20, 40, 80)
    }
    scenes |= {scene.__name__: scene for scene in (wire, horizon, roof, boards, fence, bricks, uneven_bricks)}
    for name, scene in scenes.items():
        kept, errors, wrong = [], [], []
        for seed in range(3):
            broken_one = scene(np.random.default_rng(seed))
            completed = engine.complete(broken_one.image, broken_one.hole, seed=seed)
            kept.append(broken_one.kept(completed))
            errors.append(broken_one.error(completed))
            wrong.append(misplaced(broken_one, completed))
        print(f"{name}: kept {np.mean(kept):.2f}, error {np.mean(errors):.3f}, misplaced {wrong}", flush=True)  # noqa: T201
    print(f"trunk: {trunks_overgrown(engine):.3f} of what is beside it overgrown")  # noqa: T201


if __name__ == "__main__":
    main()
