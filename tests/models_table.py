"""The table of docs/models.md: networks of networks.py with random weights, compiled, run on QEMU and verified there.

`python -m tests.models_table [--build-dir DIR] [NAME...]` prints a row for each network and precision.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ocrm55 import stages, target
from ocrm55.evaluation import verification
from tests.networks import RECIPES

SAMPLES = Path(__file__).parents[1] / "models" / "samples"
PICTURES = [SAMPLES / "word_capital.png", SAMPLES / "wide.png"]
BOTH = ("int8", "float32")
# In float32 the 6,625 classes differ by 1.007e-4 from Paddle, over the tolerance; ONNX Runtime by 0.7e-4.
TRIED = {"ppocrv4": BOTH, "plain": BOTH, "ppocrv3_48x160": BOTH, "ppocrv3_chinese": ("int8",)}
HEAD = (
    "| network | input | classes | precision | MACs | instructions | arena | weights | ELF | verified |\n"
    "|---|---|---:|---|---:|---:|---:|---:|---:|---|"
)


def row(name: str, precision: str, build_dir: Path) -> str:
    """One line of the table: what the compiler and the simulator say."""
    options = stages.Options(build_dir=build_dir, source=str(build_dir / "networks" / name), precision=precision)
    compared = verification.compare(PICTURES, options, simulator="qemu", fvp=None)
    (counted,) = target.read_images(PICTURES[1:], options, simulator="qemu", stats=True).results
    metadata = json.loads((stages.artifact(options) / "metadata.json").read_text(encoding="utf-8"))
    recipe, elf = RECIPES[name], stages.firmware(options)
    assert counted.inference_instructions is not None
    if not all(each.passed for each in compared):
        how = "DIFFERS"
    elif precision == "int8":
        how = "bit for bit"
    else:
        how = f"within {max(each.target_difference for each in compared):.0e} of Paddle"
    cells = [
        name,
        f"{recipe.height}x{recipe.width}",
        f"{recipe.classes:,}",
        precision,
        f"{metadata['macs'] / 1e6:,.1f} M",
        f"{counted.inference_instructions / 1e6:,.1f} M",
        f"{metadata['arena_bytes']:,}",
        f"{metadata['weight_bytes']:,}",
        f"{elf.stat().st_size:,}",
        how,
    ]
    return f"| {' | '.join(cells)} |"


def main(words: list[str]) -> None:
    """Print the table row by row."""
    build_dir = Path("build")
    if words[:1] == ["--build-dir"]:
        build_dir, words = Path(words[1]), words[2:]
    print(HEAD)
    for name in words or TRIED:
        folder = build_dir / "networks" / name
        if not folder.is_dir():
            RECIPES[name].write(folder)
        for precision in TRIED.get(name, BOTH):
            print(row(name, precision, build_dir), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
