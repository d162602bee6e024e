"""Draw the pages of this folder, on which `ocrm55 compile --precision int8` calibrates a text detector.

    python models/calibration_pages/make_calibration_pages.py [FOLDER]

Receipts, labels, books and streets from the training's own renderer, with fonts that it trains with; nothing is taken
from a data set. Their texts do not matter: calibration only looks at the ranges of the network's activations.
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

from ocrm55.training.draw_pages import pages
from ocrm55.training.fonts import find_fonts, split

COUNT = 24
LONGEST = 480  # pixels: small letters stay above six
SEED = 55
QUALITY = 70  # of JPEG: text stays sharp enough, and frames of cameras come as JPEG too


def main(folder: Path) -> None:
    """Write page_00.jpg .. page_23.jpg; every fourth of a look is grey, as many cameras see."""
    fonts, _ = split(find_fonts())
    for number, page in enumerate(pages(fonts, COUNT, longest=LONGEST, seed=SEED)):
        picture = Image.fromarray(page.pixels)
        if number // 4 % 3 == 2:
            picture = picture.convert("L")
        picture.save(folder / f"page_{number:02d}.jpg", quality=QUALITY, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
