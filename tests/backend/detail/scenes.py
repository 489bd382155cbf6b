"""Pictures whose continuation is known to every eye, float32 [H, W, 3], 0..1."""

import cv2
import numpy as np


def ramp(height, width, rng):
    """A gradient, without noise."""
    down, across = np.mgrid[0:height, 0:width].astype(np.float32) / max(height, width)
    return np.stack([0.2 + 0.6 * down, 0.3 + 0.3 * across, 0.8 - 0.3 * down], axis=2)


def sky(height, width, rng):
    """A clear sky with the noise of a camera."""
    down = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    colour = np.array([0.35, 0.55, 0.85], np.float32) + down * np.array([0.35, 0.25, 0.08], np.float32)
    return colour + rng.normal(0, 0.012, (height, width, 3)).astype(np.float32)


def bricks(height, width, rng):
    """Bricks of 32 x 16 pixels in mortar of 3, each row half a brick aside, every brick of its own shade."""
    picture = np.full((height, width, 3), 0.72, np.float32)
    for row in range(-1, height // 16 + 1):
        for column in range(-1, width // 32 + 2):
            x, y = column * 32 - 16 * (row % 2), row * 16
            shade = np.array([0.55, 0.25, 0.18]) * rng.uniform(0.85, 1.15)
            picture[max(y, 0) : max(y + 13, 0), max(x, 0) : max(x + 29, 0)] = shade
    return cv2.GaussianBlur(picture, (0, 0), 0.7) + rng.normal(0, 0.02, picture.shape).astype(np.float32)


def horizon(height, width, rng):
    """Sky above, dark sea below."""
    picture = sky(height, width, rng)
    line = int(height * 0.53)
    waves = cv2.GaussianBlur(rng.normal(0, 0.25, (height - line, width)).astype(np.float32), (0, 0), 3, sigmaY=1)
    picture[line:] = np.array([0.1, 0.22, 0.32], np.float32) + waves[..., None]
    return cv2.GaussianBlur(picture, (0, 0), 0.7)


def fence(height, width, rng):
    """Light boards of 9 pixels with dark gaps of 5, and a bar across."""
    picture = np.full((height, width, 3), 0.15, np.float32)
    picture[:, np.arange(width) % 14 < 9] = (0.8, 0.75, 0.65)
    picture[int(height * 0.45) : int(height * 0.45) + 8] = (0.6, 0.55, 0.45)
    return cv2.GaussianBlur(picture, (0, 0), 0.8) + rng.normal(0, 0.01, picture.shape).astype(np.float32)


SCENES = {scene.__name__: scene for scene in (ramp, sky, bricks, horizon, fence)}


def rim_jump(picture, hole):
    """Mean difference across the rim of a hole, over that of neighbours in a band of 12 pixels round it."""
    values = picture.astype(np.float64)
    band = (cv2.dilate(hole.astype(np.uint8), np.ones((25, 25), np.uint8)) > 0) & ~hole
    across_rim, around = [], []
    for axis in (0, 1):
        step = np.abs(np.diff(values, axis=axis)).mean(axis=2)
        one, other = (np.take(mask, range(size), axis) for mask, size in ((hole, hole.shape[axis] - 1),) * 2)
        other = np.roll(hole, -1, axis)[tuple(slice(0, n) for n in step.shape)]
        both = band & np.roll(band, -1, axis)
        across_rim.append(step[one != other])
        around.append(step[both[tuple(slice(0, n) for n in step.shape)]])
    return np.concatenate(across_rim).mean() / np.concatenate(around).mean()
