"""Stands in for FVP_Corstone_SSE-300_Ethos-U55 where Arm's model cannot be had: QEMU does the work.

It takes the options of the FVP that are documented in fvp/README.md and refuses all others, so that a runner that
drifts from the documentation fails here. It behaves like the FVP where the runner could tell: banners around the UART's
output, the semihosting command line cut at 256 characters, no semihosting unless it is switched on, an end at the
shutdown tag, and no instruction counts. Its NPU has the size that ethosu.num_macs says; npu_model plays it beside QEMU.

STAND_IN_VERSION sets the version that it claims; STAND_IN_FAILS=licence makes it refuse as an FVP without licence does.
"""

import argparse
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

VERSION = os.environ.get("STAND_IN_VERSION", "11.27.42")

_FLAG = re.compile(r"[01]")
# Parameter -> what it may be. The documented ones, and nothing else.
PARAMETERS = {
    "mps3_board.visualisation.disable-visualisation": _FLAG,
    "mps3_board.telnetterminal0.start_telnet": _FLAG,
    "mps3_board.telnetterminal1.start_telnet": _FLAG,
    "mps3_board.telnetterminal2.start_telnet": _FLAG,
    "mps3_board.telnetterminal5.start_telnet": _FLAG,
    "mps3_board.uart0.out_file": re.compile(r".*"),
    "mps3_board.uart0.unbuffered_output": _FLAG,
    "mps3_board.uart0.shutdown_tag": re.compile(r".*"),
    "mps3_board.uart0.shutdown_on_eot": _FLAG,
    "cpu0.FPU": _FLAG,
    "cpu0.MVE": re.compile(r"[012]"),
    "cpu0.semihosting-enable": _FLAG,
    "cpu0.semihosting-cmd_line": re.compile(r".*"),
    "cpu0.semihosting-cwd": re.compile(r".+"),
    "cpu0.semihosting-stack_base": re.compile(r"0|0x[0-9a-fA-F]+"),
    "cpu0.semihosting-heap_limit": re.compile(r"0|0x[0-9a-fA-F]+"),
    "ethosu.num_macs": re.compile(r"32|64|128|256"),
}
CUT = 256
USUAL_MACS = "128"


def refuse(sentence: str) -> None:
    """End as the FVP does over a bad option."""
    print(f"Error: {sentence}", file=sys.stderr)
    sys.exit(1)


def parse(arguments: list[str]) -> tuple[dict[str, str], str, float | None]:
    """Parameters, application, time limit in seconds."""
    parser = argparse.ArgumentParser(allow_abbrev=False, exit_on_error=False)
    parser.add_argument("-C", dest="parameters", action="append", default=[])
    parser.add_argument("-a", dest="application")
    parser.add_argument("--timelimit", type=float)
    try:
        known, unknown = parser.parse_known_args(arguments)
    except (argparse.ArgumentError, SystemExit) as trouble:
        refuse(f"command line: {trouble}")
    if unknown:
        refuse(f"unknown option '{unknown[0]}'")
    if not known.application:
        refuse("no application (-a)")
    parameters = {}
    for setting in known.parameters:
        name, equals, value = setting.partition("=")
        if not equals or name not in PARAMETERS:
            refuse(f"unknown parameter '{name}'")
        if not PARAMETERS[name].fullmatch(value):
            refuse(f"parameter '{name}' cannot be '{value}'")
        parameters[name] = value
    return parameters, known.application, known.timelimit


def check(parameters: dict[str, str]) -> None:
    """What the real FVP would let pass and the firmware could not live with."""
    if parameters.get("cpu0.FPU") != "1" or parameters.get("cpu0.MVE") != "2":
        refuse("stand-in: the firmware needs cpu0.FPU=1 and cpu0.MVE=2")
    if parameters.get("mps3_board.uart0.out_file") != "-":
        refuse("stand-in: only uart0.out_file=- is played")
    if parameters.get("mps3_board.visualisation.disable-visualisation") != "1":
        refuse("cannot open a window")


def beside(application: str, parameters: dict[str, str]):  # type: ignore[no-untyped-def]
    """Who plays the NPU: nobody for a program that has no driver for one."""
    from ocrm55.errors import InputError
    from ocrm55.npu_model.accelerators import by_macs
    from ocrm55.simulators.companion import Companion
    from ocrm55.simulators.npu_coupling import NpuCoupling

    try:
        return NpuCoupling(Path(application), by_macs(int(parameters.get("ethosu.num_macs", USUAL_MACS))))
    except InputError:
        return Companion()


def main() -> int:
    if "--version" in sys.argv[1:]:
        print(f"Fast Models [{VERSION} (Jan  1 2025)]\nCopyright 2000-2025 ARM Limited.\nAll Rights Reserved.\n")
        return 0
    if os.environ.get("STAND_IN_FAILS") == "licence":
        print("License check failed for feature Arm_Corstone_SSE-300", file=sys.stderr)
        return 1
    parameters, application, limit = parse(sys.argv[1:])
    check(parameters)

    qemu = ["qemu-system-arm", "-M", "mps3-an547", "-display", "none", "-monitor", "none", "-serial", "stdio"]
    if parameters.get("cpu0.semihosting-enable") == "1":
        line = parameters.get("cpu0.semihosting-cmd_line", "")[:CUT]
        words = "".join(",arg=" + word.replace(",", ",,") for word in line.split())
        qemu += ["-semihosting-config", f"enable=on,target=native{words}"]
    qemu += ["-kernel", str(Path(application).resolve())]

    print("\n    Fast Models [stand-in]\n", flush=True)
    print("telnetterminal0: Listening for serial connection on port 5000", flush=True)
    npu = beside(application, parameters)
    process = subprocess.Popen(
        [*qemu, *npu.arguments],
        pass_fds=npu.descriptors,
        cwd=parameters.get("cpu0.semihosting-cwd") or ".",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    threading.Thread(target=npu.attend, args=(process, limit or 3600.0), daemon=True).start()
    timer = threading.Timer(limit, process.kill) if limit else None
    if timer:
        timer.start()
    tag = parameters.get("mps3_board.uart0.shutdown_tag", "").encode()
    heard = b""
    while chunk := process.stdout.read1(4096):
        sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
        heard = (heard + chunk)[-4096:]
        if tag and tag in heard:
            time.sleep(0.05)
            process.kill()
    status = process.wait()
    if timer:
        timer.cancel()
    print("\nInfo: /OSCI/SystemC: Simulation stopped by user.", flush=True)
    return max(status, 0)


if __name__ == "__main__":
    sys.exit(main())
