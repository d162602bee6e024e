"""Draw the sample word images of this folder, and samples.json with what they say.

    python models/samples/make_samples.py [FOLDER]

Everything is drawn with Pillow from fonts of Debian 12; nothing is taken from a data set. The fonts are in the packages
fonts-dejavu-core, fonts-liberation, fonts-freefont-ttf, fonts-lato, fonts-open-sans, fonts-roboto-unhinted,
fonts-crosextra-caladea, fonts-crosextra-carlito, fonts-inconsolata, fonts-oldstandard, fonts-play.
"""

from __future__ import annotations

import json
import random
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

FONTS = Path("/usr/share/fonts/truetype")
WHITE, BLACK = (255, 255, 255), (0, 0, 0)
Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Sample:
    """One picture: `text` in `font` at `size` pixels, ink on paper, and what the camera did to it."""

    name: str
    text: str
    font: str
    size: int = 36
    ink: Colour = BLACK
    paper: Colour = WHITE
    noise: float = 0.0  # standard deviation, grey levels
    blur: float = 0.0  # radius, pixels
    slant: float = 0.0  # horizontal shift for each pixel of height
    shade: int = 0  # how much darker the right edge is, grey levels
    margin: int = 6  # pixels around the text


SAMPLES = [
    Sample("word_lower", "recognizer", "dejavu/DejaVuSans.ttf"),
    Sample("word_capital", "Cambridge", "liberation/LiberationSerif-Regular.ttf", 40),
    Sample("word_upper", "STATION", "liberation/LiberationSans-Bold.ttf", 44),
    Sample("word_italic", "harbour", "liberation/LiberationSerif-Italic.ttf", 40, (30, 30, 60), (250, 246, 235)),
    Sample("word_mixed", "OpenSource", "lato/Lato-Regular.ttf", 38),
    Sample("word_camel", "eBook", "open-sans/OpenSans-Regular.ttf", 40, (20, 20, 20), (235, 235, 235)),
    Sample("word_short", "of", "freefont/FreeSerif.ttf", 48),
    Sample("letter", "A", "roboto/unhinted/RobotoTTF/Roboto-Medium.ttf", 44),
    Sample("digit", "7", "dejavu/DejaVuSerif.ttf", 44),
    Sample("two_words", "Coffee House", "crosextra/Carlito-Bold.ttf", 42, (90, 45, 10), (245, 235, 215)),
    Sample("three_words", "mind the gap", "liberation/LiberationSans-Regular.ttf", 34),
    Sample("wide", "The quick brown fox jumps", "dejavu/DejaVuSans.ttf", 32),
    Sample("year", "1984", "freefont/FreeSansBold.ttf", 44),
    Sample("number_long", "3141592653", "liberation/LiberationMono-Regular.ttf", 36),
    Sample("price", "$24.95", "roboto/unhinted/RobotoTTF/Roboto-Bold.ttf", 44, (180, 0, 0), (255, 255, 220)),
    Sample("percent", "50%", "lato/Lato-Bold.ttf", 46, (255, 255, 255), (200, 30, 30)),
    Sample("time", "12:45", "dejavu/DejaVuSansMono-Bold.ttf", 44, (90, 255, 120), (10, 25, 10)),
    Sample("date", "2024-03-17", "inconsolata/Inconsolata.otf", 40),
    Sample("thousands", "1,250,000", "crosextra/Caladea-Regular.ttf", 38),
    Sample("phone", "+44 20 7946", "liberation/LiberationSans-Regular.ttf", 36),
    Sample("code", "KX-2047B", "liberation/LiberationMono-Bold.ttf", 40, (20, 20, 20), (240, 220, 60)),
    Sample("question", "Ready?", "open-sans/OpenSans-Semibold.ttf", 42),
    Sample("exclamation", "Stop!", "dejavu/DejaVuSans-Bold.ttf", 42, WHITE, (190, 20, 20)),
    Sample("apostrophe", "don't", "liberation/LiberationSerif-Regular.ttf", 44),
    Sample("brackets", "(optional)", "freefont/FreeSans.ttf", 38),
    Sample("ampersand", "R&D", "lato/Lato-Black.ttf", 44, (0, 60, 130), (225, 235, 245)),
    Sample("address", "me@example.org", "dejavu/DejaVuSans.ttf", 34),
    Sample("path", "src/main.c", "dejavu/DejaVuSansMono.ttf", 32),
    Sample("hash", "#42", "roboto/unhinted/RobotoTTF/Roboto-Regular.ttf", 44),
    Sample("inverted", "Midnight", "liberation/LiberationSans-Regular.ttf", 42, WHITE, BLACK),
    Sample("blue_on_yellow", "Market", "play/Play-Bold.ttf", 42, (10, 30, 140), (250, 220, 40)),
    Sample("low_contrast", "whisper", "lato/Lato-Regular.ttf", 42, (120, 120, 120), (200, 200, 200)),
    Sample("noisy", "Signal", "dejavu/DejaVuSans.ttf", 42, paper=(215, 215, 205), ink=(50, 50, 60), noise=22),
    Sample("blurred", "Distance", "liberation/LiberationSans-Bold.ttf", 42, blur=1.4),
    Sample("shaded", "Evening", "liberation/LiberationSerif-Bold.ttf", 42, (40, 20, 10), (250, 235, 200), shade=110),
    Sample("slanted", "Speed", "open-sans/OpenSans-Bold.ttf", 42, (10, 10, 90), slant=0.2),
    Sample("small", "footnote", "dejavu/DejaVuSerif.ttf", 14, margin=3),
    Sample("large", "Poster", "fonts-oldstandard/OldStandard-Regular.ttf", 110, margin=16),
]
BLANK = ("blank", (200, 48))


def draw(sample: Sample) -> Image.Image:
    """The picture of one sample, RGB; the same every time."""
    font = ImageFont.truetype(str(FONTS / sample.font), sample.size)
    left, _, right, _ = font.getbbox(sample.text)
    ascent, descent = font.getmetrics()
    size = (int(right - left) + 2 * sample.margin, ascent + descent + sample.margin)
    image = Image.new("RGB", size, sample.paper)
    ImageDraw.Draw(image).text((sample.margin - left, sample.margin // 2), sample.text, font=font, fill=sample.ink)
    if sample.slant:
        offset = -sample.slant * size[1] / 2
        image = image.transform(
            size,
            Image.Transform.AFFINE,
            (1, sample.slant, offset, 0, 1, 0),
            Image.Resampling.BICUBIC,
            fillcolor=sample.paper,
        )
    if sample.blur:
        image = image.filter(ImageFilter.GaussianBlur(sample.blur))
    levels = np.asarray(image).astype(np.float32)
    if sample.shade:
        levels -= np.linspace(0, sample.shade, levels.shape[1], dtype=np.float32)[None, :, None]
    if sample.noise:
        grain = random.Random(sample.name)
        levels += np.array([grain.gauss(0, sample.noise) for _ in range(levels.size)], np.float32).reshape(levels.shape)
    return Image.fromarray(np.clip(np.rint(levels), 0, 255).astype(np.uint8))


def main(folder: Path) -> None:
    texts = {}
    for sample in SAMPLES:
        draw(sample).save(folder / f"{sample.name}.png", optimize=True)
        texts[f"{sample.name}.png"] = sample.text
    name, size = BLANK
    Image.new("RGB", size, WHITE).save(folder / f"{name}.png", optimize=True)
    texts[f"{name}.png"] = ""
    (folder / "samples.json").write_text(json.dumps(texts, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
