"""What an accelerator's compiler made, run on the accelerator's model, against the operators that it stands for.

Those have ONNX Runtime's numbers when this is asked (check.py). The commands run as the image holds them, in an arena
as the plan lays it out. So a wrong command, wrong weights and a wrong address are all found.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ocrm55 import console
from ocrm55.compiler.memory.planner import MemoryPlan
from ocrm55.compiler.operators.program import Operator, Program
from ocrm55.compiler.targets import accelerators
from ocrm55.errors import MiscompiledError, Ocrm55Error, UnsupportedError

MOST_MACS = 1_500_000_000  # of all pictures: some three seconds
# In steps. An operator may round otherwise than the reference, and those behind it multiply that: on bundled networks
# the mean was 0.002 of one operator, 1.1 of nine, 2.1 of 105; of the worst channel 1.5 of nine, 5.2 of 105.
MEAN_OFF, MOST_MEAN_OFF = 0.25, 4.0  # an operator, and at the most
CHANNEL_OFF, MOST_CHANNEL_OFF = 0.5, 10.0
ASTRAY, MOST_ASTRAY = 12, 0.01  # steps, and the share of outputs that may be off by more
FEW = 3  # outputs that may be astray whatever the share

_TRIES = ["leave --npu out", "report the model", "--no-check, to look at the C"]


def pictures(program: Program, most: int) -> int:
    """How many pictures, `most` at the most, an accelerator's part is compared on in the time that a check may take."""
    macs = sum(operator.macs for operator in _accelerated(program))
    fitting = min(most, MOST_MACS // macs) if macs else 0
    if macs and not fitting:
        console.note(f"the accelerator's part was not compared: {macs:,} multiply-accumulates take too long here.")
    return fitting


def check_weights(program: Program, plan: MemoryPlan) -> None:
    """Raise MiscompiledError where the image holds other weights for an accelerator than the program, by one even."""
    for operator in _accelerated(program):
        accelerator = accelerators.maker(operator.spec)
        assert accelerator is not None
        try:
            wrong = accelerator.wrong_weights(operator, program, plan)
        except UnsupportedError as unknown:
            console.note(f"the weights of the accelerator's {operator.layer} were not compared: {unknown}")
            continue
        except Ocrm55Error as trouble:
            raise MiscompiledError(
                f"the weights of the accelerator's {operator.layer} cannot be read: {trouble}", _TRIES
            ) from trouble
        if wrong:
            raise MiscompiledError(f"{wrong} outputs of the accelerator's {operator.layer} have other weights.", _TRIES)


def check(program: Program, plan: MemoryPlan, tensors: Mapping[str, np.ndarray]) -> None:
    """Raise MiscompiledError where an accelerator computes something else than the operators that it stands for.

    program, plan: as they are written. tensors: of the network, by name, all of one picture.
    """
    for operator in _accelerated(program):
        accelerator = accelerators.maker(operator.spec)
        assert accelerator is not None
        try:
            values = [tensors[name] for name in operator.inputs]
            found = accelerator.computed_as_placed(operator, program, plan, values)
        except UnsupportedError as unknown:  # a command that the model lacks says nothing against the commands
            console.note(f"the accelerator's {operator.layer} was not compared: {unknown}")
            continue
        except Ocrm55Error as trouble:
            raise MiscompiledError(
                f"the accelerator's {operator.layer} does not run on its model: {trouble}", _TRIES
            ) from trouble
        for name, result in zip(operator.outputs, found, strict=True):
            _compare(operator, name, result, np.asarray(tensors[name]).reshape(result.shape))


def _accelerated(program: Program) -> list[Operator]:
    return [operator for operator in program.operators if accelerators.maker(operator.spec) is not None]


def _compare(operator: Operator, name: str, result: np.ndarray, wanted: np.ndarray) -> None:
    off = np.abs(result.astype(np.int64) - wanted.astype(np.int64)).reshape(-1, result.shape[-1])
    parts = max(1, len(operator.spec.parts))
    mean, channel, astray = float(off.mean()), float(off.mean(axis=0).max()), float((off > ASTRAY).mean())
    slack = FEW / len(off)  # of a channel that has few outputs, one or two may be off
    if (
        mean > min(MOST_MEAN_OFF, MEAN_OFF * (1 + parts))
        or channel > min(MOST_CHANNEL_OFF, CHANNEL_OFF * (1 + parts) + slack)
        or astray > MOST_ASTRAY + FEW / off.size
    ):
        raise MiscompiledError(
            f"the accelerator's {operator.layer} computes other numbers than the model: {name} is off by {mean:.1f} "
            f"steps on average, by {channel:.1f} in the worst channel.",
            _TRIES,
        )
