"""Runs a network that Vela compiled, or prints its command stream.

python -m ocrm55.npu_model network_vela.tflite input.npy --out output.npy
python -m ocrm55.npu_model network_vela.tflite input.npy --trace
python -m ocrm55.npu_model network_vela.tflite input.npy --count
python -m ocrm55.npu_model network_vela.tflite --disassemble
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ocrm55 import console
from ocrm55.errors import InputError, Ocrm55Error
from ocrm55.files import atomic_file
from ocrm55.npu_model import counts, trace
from ocrm55.npu_model.commands import disassemble
from ocrm55.npu_model.machine import Result, Watch
from ocrm55.npu_model.vela_files import Program, Tensor, load


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m ocrm55.npu_model",
        description="Run a network that Vela compiled for the Ethos-U55 on a functional model of the NPU.",
    )
    parser.add_argument("network", type=Path, help="network_vela.tflite, or network_vela.npz of --output-format raw")
    parser.add_argument("inputs", type=Path, nargs="*", metavar="input.npy", help="an array for each input, in order")
    parser.add_argument("--out", type=Path, help="write the output here (.npy; _1, _2 ... are added for further ones)")
    parser.add_argument("--trace", action="store_true", help="print each operation with what it wrote, a line each")
    parser.add_argument(
        "--count", action="store_true", help="print MACs and bytes, and beside them what Vela estimated"
    )
    parser.add_argument("--disassemble", action="store_true", help="print the command stream, one command a line")
    chosen = parser.parse_args(arguments)
    try:
        program = load(chosen.network)
        if chosen.disassemble:
            for line in disassemble(program.command_stream):
                console.result(line)
        elif not chosen.inputs:
            _describe(program)
        else:
            result = _run(program, chosen.inputs, chosen.out, trace.show if chosen.trace else None)
            if chosen.count:
                counts.show(program, result, counts.estimates(chosen.network))
    except Ocrm55Error as trouble:
        console.error(trouble)
        return trouble.exit_code
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return 0


def _describe(program: Program) -> None:
    console.result(f"{program.accelerator.name}, {4 * program.command_stream.size} bytes of command stream")
    for kind, tensors in (("input", program.inputs), ("output", program.outputs)):
        for tensor in tensors:
            console.result(f"{kind} {_words(tensor)}")
    for region, size in program.region_bytes.items():
        console.result(f"region {region}: {size} bytes")


def _run(program: Program, inputs: Sequence[Path], out: Path | None, watch: Watch | None) -> Result:
    outputs, result = program.run([_read(path) for path in inputs], watch)
    console.note(", ".join(f"{name} {count}" for name, count in sorted(result.operations.items())))
    for number, (tensor, values) in enumerate(zip(program.outputs, outputs, strict=True)):
        console.result(f"output {_words(tensor)}: {values.min()} to {values.max()}")
        if out:
            place = out if number == 0 else out.with_stem(f"{out.stem}_{number}")
            with atomic_file(place) as staging, staging.open("wb") as file:
                np.save(file, values)
            console.note(f"written to {place}")
    return result


def _read(path: Path) -> NDArray[Any]:
    try:
        return np.asarray(np.load(path, allow_pickle=False))
    except (OSError, ValueError) as trouble:
        raise InputError(f"{path} cannot be read as an array of numpy ({trouble}).") from trouble


def _words(tensor: Tensor) -> str:
    quantised = f", scale {tensor.scale:g}, zero point {tensor.zero_point}" if tensor.scale else ""
    return f"{tensor.name}: {tensor.dtype}{list(tensor.shape)}{quantised}"


if __name__ == "__main__":
    sys.exit(main())
