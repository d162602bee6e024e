"""Write a region as an int8 TFLite file, for Vela or for LiteRT, which can run it as a check.

Rows that nobody reads are cut off in front. Each family says how its operators are written.
"""

from __future__ import annotations

from ocrm55.compiler.operators.program import Operator, Program
from ocrm55.compiler.targets.ethos_u.region import Region
from ocrm55.compiler.targets.ethos_u.support import OPERATORS
from ocrm55.compiler.targets.ethos_u.tflite_file import File, StandIn

# Suffixes of tensors that only the file has.
HELPERS = ("_open", "_above", "_sigmoid", "_mean", "_padded", "_rows", "_reshaped")


def write(region: Operator, program: Program, stand_ins: list[StandIn] | None = None) -> bytes:
    """The file of a region; its inputs and outputs stand in the region's order.

    stand_ins: takes what the file for Vela has instead of tables; without it the file is LiteRT's.
    """
    assert isinstance(region.spec, Region)
    file = File(program, region.spec, stand_ins)
    inputs = [file.tensor(name).index for name in region.inputs]
    for operator in region.spec.operators:
        OPERATORS[type(operator.spec)].write(file, operator)
    return file.writer.finish(inputs, [file.images[name].index for name in region.outputs])
