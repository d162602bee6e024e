#!/usr/bin/env python3
"""Read a few samples on QEMU and on the FVP, with every build, and compare the texts.

    fvp/smoke.py [--build-dir DIR] [--builds int8,float32] [--simulators qemu,fvp]

Ends with status 1 where a text differs from models/samples/samples.json.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

SAMPLES = Path(__file__).resolve().parents[1] / "models" / "samples"
PICTURES = ("word_capital.png", "price.png", "inverted.png", "blank.png")
BUILDS = {"int8": ["--precision", "int8"], "float32": ["--precision", "float32"]}


def read(simulator: str, options: list[str], build_dir: str) -> dict[str, str]:
    """Sample -> text, as `ocrm55 run-fvp` reads it on this simulator."""
    pictures = [str(SAMPLES / name) for name in PICTURES]
    command = ["ocrm55", "run-fvp", "--json", "--simulator", simulator, "--build-dir", build_dir, *options, *pictures]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return {Path(row["image"]).name: row["text"] for row in json.loads(done.stdout)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build-dir", default="build")
    parser.add_argument("--builds", default=",".join(BUILDS))
    parser.add_argument("--simulators", default="qemu,fvp")
    chosen = parser.parse_args()
    truth = {name: json.loads((SAMPLES / "samples.json").read_text())[name] for name in PICTURES}
    wrong = 0
    for build in chosen.builds.split(","):
        for simulator in chosen.simulators.split(","):
            found = read(simulator, BUILDS[build], chosen.build_dir)
            for name, text in found.items():
                verdict = "ok" if text == truth[name] else f"WRONG, it says {truth[name]!r}"
                wrong += text != truth[name]
                print(f"{build:8} {simulator:5} {name:20} {text!r:15} {verdict}", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
