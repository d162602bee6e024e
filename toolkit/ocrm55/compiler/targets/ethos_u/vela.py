"""Run Arm's compiler Vela as a separate program: a TFLite file goes in, a command stream and weights come out.

Inputs and outputs get base pointers of their own (`--separate-io-regions`). So the planner chooses their places in the
arena, and relocation.py writes these into the stream.
"""

from __future__ import annotations

import configparser
import csv
import importlib.util
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ocrm55 import processes, temporary
from ocrm55.compiler.targets.ethos_u.options import MEMORY_MODES, NpuOptions
from ocrm55.compiler.targets.ethos_u.region import Compiled, Place
from ocrm55.errors import InputError, ToolchainError, UnsupportedError
from ocrm55.npu_model import vela_files
from ocrm55.npu_model.accelerators import ACCELERATORS

BUNDLED_CONFIG = "Arm/vela.ini"  # comes with Vela
SYSTEM = "Ethos_U55_High_End_Embedded"
STRATEGIES = ((), ("--optimise", "Size"))  # Vela's, the fastest first
TIME_LIMIT = 600  # seconds; a region takes about one
COLUMNS = {
    "Op Cycles": "cycles",
    "NPU": "npu_cycles",
    "SRAM AC": "sram_cycles",
    "MAC Count": "macs",
    "Util% (MAC)": "utilisation",
}


def check(options: NpuOptions) -> None:
    """Refuse missing or wrong parts before anything is compiled."""
    if options.accelerator not in ACCELERATORS:
        raise UnsupportedError(
            f"the NPU {options.accelerator} is not one of {', '.join(ACCELERATORS)}.", ["--npu ethos-u55-128"]
        )
    if importlib.util.find_spec("ethosu") is None or importlib.util.find_spec("ethosu.vela") is None:
        raise ToolchainError("--npu needs Arm's compiler Vela, which is not installed.", ["pip install 'ocrm55[npu]'"])
    modes, _ = _sections(options)
    if options.memory_mode not in modes:
        raise InputError(
            f"Vela's configuration has no memory mode {options.memory_mode}; it has {', '.join(modes) or 'none'}.",
            [f"--npu-memory-mode {mode}" for mode in modes],
        )


def _sections(options: NpuOptions) -> tuple[list[str], str]:
    """The memory modes of the configuration, and the system configuration to use."""
    if options.config is None:
        return list(MEMORY_MODES), options.system or SYSTEM
    parser = configparser.ConfigParser(interpolation=None)
    try:
        read = parser.read(options.config, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError) as trouble:
        raise InputError(f"{options.config} is no configuration of Vela: {trouble}.".replace("\n", " ")) from trouble
    if not read:
        raise InputError(f"Vela's configuration {options.config} cannot be read.", ["--vela-config FILE"])
    modes = [name.removeprefix("Memory_Mode.") for name in parser.sections() if name.startswith("Memory_Mode.")]
    systems = [name.removeprefix("System_Config.") for name in parser.sections() if name.startswith("System_Config.")]
    system = options.system or (SYSTEM if SYSTEM in systems else systems[0] if len(systems) == 1 else "")
    if system not in systems:
        raise InputError(
            f"{options.config} has the system configurations {', '.join(systems) or 'none'}; which one is meant?",
            [f"name one [System_Config.{SYSTEM}]"],
        )
    return modes, system


def system_of(options: NpuOptions) -> str:
    """Name of the system configuration."""
    return _sections(options)[1]


def weights_on_chip(options: NpuOptions) -> bool:
    """Whether the memory mode reads weights through port M0, from SRAM, as it does the arena."""
    if options.config is None:
        return options.memory_mode == "Sram_Only"
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(options.config, encoding="utf-8")
    section = parser[f"Memory_Mode.{options.memory_mode}"]
    for _ in parser.sections():  # no chain without a circle is longer
        if "const_mem_area" in section or section.get("inherit") not in parser:
            break
        section = parser[section["inherit"]]
    return section.get("const_mem_area", "Axi1") == "Axi0"


def command(tflite: Path, folder: Path, options: NpuOptions, extra: Sequence[str] = ()) -> list[str]:
    """Vela's command line."""
    return [
        sys.executable, "-P", "-m", "ethosu.vela", str(tflite), "--output-dir", str(folder),
        "--accelerator-config", options.accelerator,
        "--config", BUNDLED_CONFIG if options.config is None else str(options.config.resolve()),
        "--system-config", system_of(options), "--memory-mode", options.memory_mode,
        "--output-format", "raw", "--cop-format", "COP2", "--separate-io-regions", "--verbose-performance", *extra,
    ]  # fmt: skip


def compile_region(name: str, tflite: bytes, options: NpuOptions, extra: Sequence[str] = ()) -> Compiled:
    """Run Vela on a region. Raises UnsupportedError if Vela does not take all of it, ToolchainError if Vela hangs."""
    with temporary.folder() as folder:
        source = folder / f"{name}.tflite"
        source.write_bytes(tflite)
        words = command(source, folder, options, extra)
        shown = " ".join(["vela", *words[4:]])
        try:
            done = processes.completed(words, TIME_LIMIT, cwd=folder)
        except subprocess.TimeoutExpired as late:
            raise ToolchainError(f"Vela did not end within {TIME_LIMIT} s on {name}.", [shown]) from late
        result = folder / f"{name}_vela.npz"
        on_cpu = re.search(r"CPU operators = (\d+)", done.stdout)
        if done.returncode or not result.is_file() or (on_cpu and int(on_cpu[1])):
            said = [line for line in (done.stdout + done.stderr).splitlines() if "rror" in line or "arning" in line]
            reason = (
                said[-1].strip() if said else f"exit status {done.returncode}, {on_cpu[0] if on_cpu else 'no file'}"
            )
            raise UnsupportedError(f"Vela does not take {name} as a whole ({reason}).", [shown])
        return read(name, source, result, _layers(folder / f"{name}_per-layer.csv"))


def read(name: str, tflite: Path, result: Path, layers: Sequence[Mapping[str, Any]] = ()) -> Compiled:
    """A region from the file that Vela read and the one that it wrote."""
    program = vela_files.load(result)
    scratch, own = vela_files.ARENA_REGION, (vela_files.WEIGHTS_REGION, vela_files.ARENA_REGION)
    places = [*program.inputs, *program.outputs]
    if any(place.region in own for place in places) or vela_files.FAST_REGION in program.region_bytes:
        raise UnsupportedError(
            f"Vela's memory mode gives {name} more than one scratch memory; one arena is what there is.",
            [f"--npu-memory-mode {MEMORY_MODES[0]}"],
        )
    return Compiled(
        program.accelerator.name,
        tflite.read_bytes(),
        result.read_bytes(),
        program.command_stream,
        program.weights,
        program.region_bytes.get(scratch, 0),
        tuple(Place(t.region, t.offset, t.bytes) for t in program.inputs),
        tuple(Place(t.region, t.offset, t.bytes) for t in program.outputs),
        tuple(layers),
        sum(int(layer["cycles"]) for layer in layers),
    )


def _layers(path: Path) -> list[dict[str, Any]]:
    """The rows of NAME_per-layer.csv: Vela's estimates, not measurements."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        return [
            {"operator": row["Original Operator"], "name": row["Name"]}
            | {ours: float(row[theirs]) for theirs, ours in COLUMNS.items()}
            for row in rows
        ]
    except (OSError, KeyError, ValueError) as trouble:
        raise ToolchainError(
            f"Vela's estimates in {path.name} are not as Vela 5.2.0 writes them ({trouble})."
        ) from trouble
