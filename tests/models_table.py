"""The two tables of docs/models.md: networks of networks.py with random weights, compiled, run and verified on QEMU.

`python -m tests.models_table [--build-dir DIR] [NAME...]` prints a row in both for each network and precision.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ocrm55 import simulation, stages
from ocrm55.compiler.options import CompileOptions
from ocrm55.evaluation import verification
from ocrm55.simulators import find_simulator
from tests.networks import RECIPES

SAMPLES = Path(__file__).parents[1] / "models" / "samples"
PICTURES = [SAMPLES / "word_capital.png", SAMPLES / "wide.png"]
BOTH = ("int8", "float32")
# In float32 the 6,625 classes differ by 1.007e-4 from Paddle, over the tolerance; ONNX Runtime by 0.7e-4.
TRIED = {"ppocrv4": BOTH, "plain": BOTH, "ppocrv3_48x160": BOTH, "ppocrv3_chinese": ("int8",)}
WORK = "| network | input, classes | MACs | instructions | verified |\n|---|---|---:|---:|---|"
BYTES = "| network | arena | weights | ELF |\n|---|---:|---:|---:|"


def rows(name: str, precision: str, build_dir: Path) -> tuple[str, str]:
    """A line of each table, work and bytes: what the compiler and the simulator say."""
    options = stages.Options(
        build_dir=build_dir, source=str(build_dir / "networks" / name), compile=CompileOptions(precision=precision)
    )
    compared = verification.compare(PICTURES, options, find_simulator("qemu"))
    (counted,) = simulation.read_images(
        simulation.load(PICTURES[1:]), stages.prepare(options), find_simulator("qemu"), stats=True
    ).results
    metadata = json.loads((stages.compiled(options).artifact / "metadata.json").read_text(encoding="utf-8"))
    recipe, elf = RECIPES[name], stages.prepare(options).elf
    assert counted.inference_instructions is not None
    if not all(each.passed for each in compared):
        how = "DIFFERS"
    elif precision == "int8":
        how = "bit for bit"
    else:
        how = f"within {max(each.target_difference for each in compared):.0e} of Paddle"
    network = f"{name}, {precision}"
    work = [
        network,
        f"{recipe.height}x{recipe.width}, {recipe.classes:,}",
        f"{metadata['macs'] / 1e6:,.1f} M",
        f"{counted.inference_instructions / 1e6:,.1f} M",
        how,
    ]
    sizes = [metadata["arena_bytes"], metadata["weight_bytes"], elf.stat().st_size]
    return _line(work), _line([network, *(f"{size:,}" for size in sizes)])


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def main(words: list[str]) -> None:
    """Print the table of work row by row, then the table of bytes."""
    build_dir = Path("build")
    if words[:1] == ["--build-dir"]:
        build_dir, words = Path(words[1]), words[2:]
    sizes = [BYTES]
    print(WORK)
    for name in words or TRIED:
        folder = build_dir / "networks" / name
        if not folder.is_dir():
            RECIPES[name].write(folder)
        for precision in TRIED.get(name, BOTH):
            work, size = rows(name, precision, build_dir)
            sizes.append(size)
            print(work, flush=True)
    print("", *sizes, sep="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
