"""Distort text as a camera does: perspective, bent lines, blur, shake, light, noise, few pixels, JPEG."""

from __future__ import annotations

import random
from dataclasses import dataclass

import cv2
import numpy as np

Pixels = np.ndarray  # uint8 [height, width, 3] RGB
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Strength:
    """The strength of the distortions: the probability of each effect, and the reach of geometry (1 = scene text)."""

    geometry: float
    optics: float
    light: float


CLEAN = Strength(0.0, 0.0, 0.0)
PRINT = Strength(0.45, 0.45, 0.5)  # a scanner, a screen, a camera held straight
SCENE = Strength(1.0, 0.9, 0.9)  # signs and shop fronts from across the street
WORDS = Strength(0.4, 0.25, 0.45)  # photographs: they have been through a camera once
WORDS_GENTLY = Strength(0.2, 0.12, 0.22)


def corners(rng: random.Random, box: Box, strength: float) -> np.ndarray:
    """The new places of the box's four corners [4, 2], clockwise from the upper left, in the box's own pixels."""
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    quad = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)
    middle = quad.mean(0)
    if rng.random() < 0.6:  # turn; the axis-parallel box around a turned long word would hold mostly background
        most = np.radians(34 * strength) * min(1.0, 3.0 * height / max(width, 1))
        angle = rng.gauss(0, most / 6) if rng.random() < 0.65 else rng.uniform(-most, most)
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]], np.float32)
        quad = (quad - middle) @ turn.T + middle
    if rng.random() < 0.4:  # slant
        quad[:, 0] += (quad[:, 1] - middle[1]) * rng.uniform(-0.35, 0.35) * strength
    if rng.random() < 0.5:  # one end further away
        far = rng.uniform(0, 0.28) * strength
        ends = (0, 3) if rng.random() < 0.5 else (1, 2)
        half = (quad[ends[1]] - quad[ends[0]]) * far / 2
        quad[ends[0]] += half
        quad[ends[1]] -= half
    jitter = [[rng.gauss(0, 0.03) * height * strength for _ in range(2)] for _ in range(4)]
    return quad + np.array(jitter, np.float32)


def photograph(
    rng: random.Random, pixels: Pixels, box: Box, height: int, strength: float, stretch: float
) -> tuple[Pixels, np.ndarray]:
    """View the box of an image from another place: (image [height, w, 3], homography [3, 3] from the old pixels).

    stretch: the factor by which the result is too wide. Crops are tight or loose by up to a fifth of the height.
    """
    quad = corners(rng, box, strength) if strength else np.array(
        [[box[0], box[1]], [box[2], box[1]], [box[2], box[3]], [box[0], box[3]]]
    , np.float32)  # fmt: skip
    source = np.array([[box[0], box[1]], [box[2], box[1]], [box[2], box[3]], [box[0], box[3]]], np.float32)
    low, high = quad.min(0), quad.max(0)
    line = box[3] - box[1]
    if strength:
        low = low - np.array([rng.uniform(-0.05, 0.25) * line, rng.uniform(-0.04, 0.15) * line], np.float32)
        high = high + np.array([rng.uniform(-0.05, 0.25) * line, rng.uniform(-0.04, 0.15) * line], np.float32)
    else:
        low = low - np.array([rng.uniform(0.05, 0.25) * line, rng.uniform(0.02, 0.15) * line], np.float32)
        high = high + np.array([rng.uniform(0.05, 0.25) * line, rng.uniform(0.02, 0.15) * line], np.float32)
    scale = height / max(float(high[1] - low[1]), 1.0)
    width = max(4, round(float(high[0] - low[0]) * scale * stretch))
    move = np.array(
        [[scale * stretch, 0, -low[0] * scale * stretch], [0, scale, -low[1] * scale], [0, 0, 1]], np.float64
    )
    homography = move @ cv2.getPerspectiveTransform(source, np.array(quad, np.float32))
    if scale < 0.6:  # the warp samples points, so thin strokes would vanish without this
        pixels = cv2.GaussianBlur(pixels, (0, 0), 0.35 / scale)
    edge = cv2.BORDER_REPLICATE if rng.random() < 0.8 else cv2.BORDER_REFLECT
    seen = cv2.warpPerspective(pixels, homography, (width, height), flags=cv2.INTER_LINEAR, borderMode=edge)
    return seen, homography.astype(np.float32)


def bend(rng: random.Random, pixels: Pixels, strength: float) -> Pixels:
    """Move the columns up and down along an arch or a wave, up to a sixth of the height."""
    height, width = pixels.shape[:2]
    x = np.linspace(-1, 1, width, dtype=np.float32)
    if rng.random() < 0.7:
        shift = (x**2 - 0.5) * rng.uniform(-0.32, 0.32)
    else:
        shift = np.sin(x * rng.uniform(2, 5) + rng.uniform(0, 6)) * rng.uniform(0, 0.08)
    rows = np.arange(height, dtype=np.float32)[:, None] + (shift * height * strength)[None]
    columns = np.broadcast_to(np.arange(width, dtype=np.float32), (height, width))
    return cv2.remap(pixels, np.ascontiguousarray(columns), rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def shake(rng: random.Random, pixels: Pixels) -> Pixels:
    """Blur along a line of 2 to 7 pixels."""
    length = rng.uniform(2, 7) * pixels.shape[0] / 48
    angle = rng.uniform(0, np.pi) if rng.random() < 0.5 else rng.gauss(0, 0.3)
    size = int(length) | 1
    if size < 3:
        return pixels
    kernel = np.zeros((size, size), np.float32)
    half = size // 2
    step = (np.cos(angle) * half, np.sin(angle) * half)
    start, end = (round(half - step[0]), round(half - step[1])), (round(half + step[0]), round(half + step[1]))
    cv2.line(kernel, start, end, (1.0,))
    return cv2.filter2D(pixels, -1, kernel / kernel.sum())


def optics(rng: random.Random, pixels: Pixels, strength: float) -> Pixels:
    """Defocus, shake and sharpening."""
    if rng.random() < 0.55 * strength:
        sigma = rng.uniform(0.3, 1.5) if rng.random() < 0.8 else rng.uniform(1.5, 2.6)
        pixels = cv2.GaussianBlur(pixels, (0, 0), max(0.25, sigma * pixels.shape[0] / 48))
    if rng.random() < 0.2 * strength:
        pixels = shake(rng, pixels)
    if rng.random() < 0.12 * strength:
        soft = cv2.GaussianBlur(pixels, (0, 0), 1.0)
        pixels = cv2.addWeighted(pixels, 1 + rng.uniform(0.3, 1.5), soft, -rng.uniform(0.3, 1.0), 0)
    return pixels


def light(rng: random.Random, pixels: Pixels, strength: float) -> Pixels:
    """Contrast, brightness, tint, gradients, cast shadows, highlights, glare, inversion, mixed-up channels."""
    height, width = pixels.shape[:2]
    image: np.ndarray = pixels.astype(np.float32)
    if rng.random() < 0.5 * strength:
        mean = image.mean() if rng.random() < 0.5 else 128.0
        image = (image - mean) * rng.uniform(0.35, 1.35) + mean + rng.uniform(-40, 40)
    if rng.random() < 0.3 * strength:
        image *= np.array([rng.uniform(0.75, 1.2) for _ in range(3)], np.float32)
    if rng.random() < 0.3 * strength:
        ramp = np.linspace(rng.uniform(-45, 45), rng.uniform(-45, 45), width, dtype=np.float32)[None, :, None]
        fall = np.linspace(rng.uniform(-25, 25), rng.uniform(-25, 25), height, dtype=np.float32)[:, None, None]
        image += ramp + fall
    if rng.random() < 0.12 * strength:  # the edge of a shadow across the word
        points = np.array(
            [[rng.randint(0, width), 0], [width, 0], [width, height], [rng.randint(0, width), height]], np.int32
        )
        veil = np.ones((height, width), np.float32)
        cv2.fillPoly(veil, [points], (rng.uniform(0.45, 0.85),))
        image *= cv2.GaussianBlur(veil, (0, 0), rng.uniform(0.5, 3))[:, :, None]
    if rng.random() < 0.06 * strength:  # glare
        spot = np.zeros((height, width), np.float32)
        radius = rng.randint(3, max(4, height // 2))
        cv2.circle(spot, (rng.randint(0, width), rng.randint(0, height)), radius, (rng.uniform(50, 160),), -1)
        image += cv2.GaussianBlur(spot, (0, 0), radius / 2)[:, :, None]
    image = np.clip(image, 0, 255)
    if rng.random() < 0.15 * strength:
        image = 255 - image
    if rng.random() < 0.25 * strength:
        image = image[:, :, rng.sample(range(3), 3)]
    if rng.random() < 0.12 * strength:
        image = np.repeat(image.mean(2, keepdims=True), 3, axis=2)
    return np.ascontiguousarray(image).astype(np.uint8)


def sensor(rng: random.Random, pixels: Pixels, strength: float) -> Pixels:
    """Noise of the sensor, and blocks of a JPEG."""
    if rng.random() < 0.25 * strength:
        noise = np.random.default_rng(rng.getrandbits(32))
        grain = noise.standard_normal((*pixels.shape[:2], rng.choice((1, 3))), np.float32) * rng.uniform(2, 14)
        pixels = np.clip(pixels + grain, 0, 255).astype(np.uint8)
    if rng.random() < 0.4 * strength:
        _, packed = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, rng.randint(25, 90)])
        pixels = cv2.imdecode(packed, cv2.IMREAD_COLOR)
    return pixels


def shrink(rng: random.Random, strength: float) -> int:
    """The height in pixels at which the word was seen, before it was enlarged to 48. ICDAR's words have 15 to 80."""
    if rng.random() > 0.75 * strength:
        return rng.randint(40, 64)
    return rng.randint(14, 24) if rng.random() < 0.25 else rng.randint(20, 44)


def treat(rng: random.Random, pixels: Pixels, strength: Strength) -> Pixels:
    """Apply everything but geometry, in the order of a camera. Shape and type stay the same."""
    return sensor(rng, light(rng, optics(rng, pixels, strength.optics), strength.light), strength.optics)
