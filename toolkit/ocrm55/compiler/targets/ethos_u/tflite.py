"""Write a region as an int8 TFLite file. Vela reads it, and LiteRT can run it as a check.

Rows that nobody reads are cut off in front. Each family says how its operators are written.
"""

from __future__ import annotations

from ocrm55.compiler.operators.program import Operator, Program
from ocrm55.compiler.targets.ethos_u.region import Region
from ocrm55.compiler.targets.ethos_u.support import OPERATORS
from ocrm55.compiler.targets.ethos_u.tflite_file import File

# Suffixes of tensors that only the file has.
HELPERS = ("_open", "_above", "_sigmoid", "_curve", "_mean", "_padded", "_rows", "_reshaped")


def write(region: Operator, program: Program) -> bytes:
    """The file of a region; its inputs and outputs stand in the region's order."""
    assert isinstance(region.spec, Region)
    file = File(program, region.spec)
    inputs = [file.tensor(name).index for name in region.inputs]
    for operator in region.spec.operators:
        OPERATORS[type(operator.spec)].write(file, operator)
    return file.writer.finish(inputs, [file.images[name].index for name in region.outputs])
