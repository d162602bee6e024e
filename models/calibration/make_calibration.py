"""Draw the pictures of this folder, on which `ocrm55 compile --precision int8` calibrates.

    python models/calibration/make_calibration.py [FOLDER]

Signs and printed lines from the training's own renderer, with fonts that it trains with; nothing is taken from a data
set. Their texts do not matter: calibration only looks at the ranges of the network's activations.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

from PIL import Image

from ocrm55.training.fonts import find_fonts, split
from ocrm55.training.samples import Mix, SampleStream

COUNT = 96
SEED = 55
QUALITY = 88  # of JPEG: a third of PNG's bytes, and photographs come as JPEG too


def main(folder: Path) -> None:
    """Write word_00.jpg .. word_95.jpg."""
    fonts, _ = split(find_fonts())
    stream = SampleStream(random.Random(SEED), fonts, Mix(photographs=0.0, scene=0.65, lines=0.35), None)
    for number in range(COUNT):
        pixels = stream.sample().pixels
        Image.fromarray(pixels).save(folder / f"word_{number:02d}.jpg", quality=QUALITY, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
