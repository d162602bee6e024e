"""A functional model of Arm's Ethos-U55 NPU: runs the command streams that Vela compiles, bit for bit, on numpy.

    from ocrm55.npu_model import run
    run(command_stream, {0: weights, 1: arena}, accelerator="ethos-u55-128")   # results are in `arena`

It models what a command stream computes, not how long that takes. See docs/npu_model.md.
"""

from ocrm55.npu_model.accelerators import ACCELERATORS, Accelerator
from ocrm55.npu_model.machine import Result, run

__all__ = ["ACCELERATORS", "Accelerator", "Result", "run"]
