#!/usr/bin/env python3
"""Read a few samples on QEMU and on the FVP, with every build, and compare the texts.

    fvp/smoke.py [--build-dir DIR] [--builds int8,float32,npu,npu-fallback,cmsis-nn] [--simulators qemu,fvp]

`npu` is the int8 network on the FVP's own Ethos-U55, and on its model beside QEMU. `npu-fallback` brings the CPU's
kernels too: it is also run without an NPU, on QEMU, and has to read the same. `cmsis-nn` calls Arm's kernels, from the
copy of CMSIS-NN that CMSIS_NN_ROOT names.

Ends with status 1 where a text differs from models/samples/samples.json.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

SAMPLES = Path(__file__).resolve().parents[1] / "models" / "samples"
PICTURES = ("word_capital.png", "price.png", "inverted.png", "blank.png")
BUILDS = {
    "int8": ["--precision", "int8"],
    "float32": ["--precision", "float32"],
    "cmsis-nn": ["--kernels", "cmsis-nn"],
    "npu": ["--npu", "ethos-u55-128"],
    "npu-fallback": ["--npu", "ethos-u55-128", "--npu-fallback"],
}
USUAL = ("int8", "float32", "npu")


def read(simulator: str, options: list[str], build_dir: str) -> dict[str, str]:
    """Sample -> text, as `ocrm55 run-fvp` reads it on this simulator."""
    pictures = [str(SAMPLES / name) for name in PICTURES]
    command = ["ocrm55", "run-fvp", "--json", "--simulator", simulator, "--build-dir", build_dir, *options, *pictures]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return {Path(row["image"]).name: row["text"] for row in json.loads(done.stdout)}


def runs(builds: list[str], simulators: list[str]) -> Iterator[tuple[str, str, list[str]]]:
    """Build, simulator, and options of the run."""
    for build in builds:
        for simulator in simulators:
            yield build, simulator, []
        if build == "npu-fallback" and "qemu" in simulators:
            yield build, "qemu", ["--npu-fault", "absent"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build-dir", default="build")
    parser.add_argument("--builds", default=",".join(USUAL))
    parser.add_argument("--simulators", default="qemu,fvp")
    chosen = parser.parse_args()
    truth = {name: json.loads((SAMPLES / "samples.json").read_text())[name] for name in PICTURES}
    wrong = 0
    for build, simulator, more in runs(chosen.builds.split(","), chosen.simulators.split(",")):
        found = read(simulator, [*BUILDS[build], *more], chosen.build_dir)
        for name, text in found.items():
            verdict = "ok" if text == truth[name] else f"WRONG, it says {truth[name]!r}"
            wrong += text != truth[name]
            print(f"{build:12} {simulator:5} {' '.join(more):19} {name:20} {text!r:15} {verdict}", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
