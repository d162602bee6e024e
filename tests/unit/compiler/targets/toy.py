"""An accelerator of tests that computes largest values over windows. It is all that an accelerator needs.

`toy_pools` in its C file are its commands, and the C that reads them is the accelerator: `toy_start` wakes it. While it
is not awake every run fails, and the core computes instead where the options ask for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from ocrm55.compiler.memory.placement import Reach
from ocrm55.compiler.memory.planner import MemoryPlan
from ocrm55.compiler.operators.float32 import LEFT_OUT, Spec
from ocrm55.compiler.operators.int8.pool import MaxPool
from ocrm55.compiler.operators.program import Operator, Program
from ocrm55.compiler.options import CompileOptions
from ocrm55.compiler.reference.int8.pool import COMPUTE
from ocrm55.compiler.targets.base import Accelerator, Additions, Recipe, Target, assign_one
from ocrm55.errors import UnsupportedError

FIELDS = 11  # int32 of a command

HEADER = f"""#include <stdbool.h>
#include <stdint.h>

extern const int32_t toy_pools[][{FIELDS}];
extern bool toy_is_awake;

bool toy_pool(const int32_t *pool, const int8_t *x, int8_t *y);
"""

SOURCE = """#include "toy.h"

#include "weights.h"

bool toy_is_awake;

const int32_t toy_pools[][%d] __attribute__((section(OCRM55_WEIGHTS_SECTION))) = {
    %s
};

bool toy_pool(const int32_t *pool, const int8_t *x, int8_t *y) {
    const int32_t channels = pool[0], height = pool[1], width = pool[2];
    for (int32_t row = 0; toy_is_awake && row < pool[3]; row++) {
        for (int32_t column = 0; column < pool[4]; column++) {
            for (int32_t channel = 0; channel < channels; channel++) {
                int8_t largest = INT8_MIN;
                for (int32_t tap = 0; tap < pool[5] * pool[6]; tap++) {
                    const int32_t i = row * pool[7] + tap / pool[6] - pool[9];
                    const int32_t j = column * pool[8] + tap %% pool[6] - pool[10];
                    if (i >= 0 && i < height && j >= 0 && j < width) {
                        const int8_t value = x[(i * width + j) * channels + channel];
                        largest = value > largest ? value : largest;
                    }
                }
                *y++ = largest;
            }
        }
    }
    return toy_is_awake;
}
"""

START = """static int toy_start(void) {
    toy_is_awake = true;
    return 0;
}

static int toy_status(void) {
    return toy_is_awake ? 0 : 1;
}
"""


@dataclass(frozen=True, eq=False)
class Windows(Spec):
    """A command of the accelerator. pool: the operator that it stands for."""

    kind: ClassVar[str] = "toy_windows"
    number: int
    pool: Operator | None = field(default=None, metadata=LEFT_OUT)

    @property
    def parts(self) -> Sequence[Operator]:
        return [self.pool] if self.pool else []


def command(spec: MaxPool) -> list[int]:
    sizes = [spec.channels, spec.height, spec.width, spec.output_height, spec.output_width]
    return [*sizes, *spec.kernel, *spec.strides, *spec.pads]


class Toy(Accelerator):
    name = "toy"
    names = ("toy-1", "toy-2")
    specs = (Windows,)
    recipe = Recipe(fused=True)

    def __init__(self, core: Sequence[Target], *, fallback: bool) -> None:
        self._core = core if fallback else ()

    @classmethod
    def of(cls, options: CompileOptions, core: Sequence[Target]) -> Self:
        return cls(core, fallback=options.npu_fallback)

    def check(self, options: CompileOptions) -> None:
        if options.precision != "int8":
            raise UnsupportedError("the toy computes int8.", ["leave --npu out"])

    def prepare(self, program: Program, way: int = 0) -> Program:
        made = deepcopy(program)
        pools = [operator for operator in made.operators if isinstance(operator.spec, MaxPool)]
        for number, pool in enumerate(pools):
            name = f"windows_{number}"
            taken = Operator(name, name, Windows(number, pool), [*pool.inputs], [*pool.outputs])
            made.operators[made.operators.index(pool)] = taken
        return made

    def refusal(self, operator: Operator, program: Program) -> str | None:
        return None if isinstance(operator.spec, Windows) else "computes windows only"

    def emit(self, operator: Operator, program: Program) -> None:
        assert isinstance(operator.spec, Windows)
        operator.arguments = [*operator.inputs, *operator.outputs]
        operator.attempt = f"toy_pool(toy_pools[{operator.spec.number}], {', '.join(operator.arguments)})"
        operator.fallback = [replace(each) for each in operator.spec.parts] if self._core else []
        for step in operator.fallback:
            assign_one(step, program, self._core)

    def commands(self, program: Program) -> list[list[int]]:
        return [command(part.spec) for step in program.steps for part in step.spec.parts]

    def sources(self, program: Program, plan: MemoryPlan) -> Mapping[str, str]:
        rows = [f"{{{', '.join(map(str, row))}}}," for row in self.commands(program)]
        return {"toy.c": SOURCE % (FIELDS, "\n    ".join(rows)), "toy.h": HEADER}

    def additions(self, program: Program) -> Additions:
        return Additions(
            headers=("<stdbool.h>", '"toy.h"'),
            code=START,
            members=(("npu_start", "toy_start"), ("npu_status", "toy_status")),
            sizes=(("TOY_POOLS", len(self.commands(program)), ""),),
            variables=(("TOY", "awake"),),
            arena_align=64,
        )

    def constants(self, program: Program) -> int:
        return 4 * FIELDS * len(self.commands(program))

    def reach(self) -> Reach:
        return Reach(tightly_coupled=False)

    def metadata(self, program: Program) -> Mapping[str, Any]:
        return {"toy": {"pools": len(self.commands(program))}}

    def write_files(self, program: Program, folder: Path) -> None:
        np.save(folder / "toy.npy", np.array(self.commands(program), np.int32))

    @classmethod
    def read_files(cls, program: Program, folder: Path) -> None:
        """The commands again, as operators."""
        for step in program.steps:
            if isinstance(step.spec, Windows):
                values = [int(value) for value in np.load(folder / "toy.npy")[step.spec.number]]
                kernel, strides, pads = (tuple(values[at : at + 2]) for at in (5, 7, 9))
                pool = MaxPool(*values[:5], kernel, strides, pads)  # type: ignore[arg-type]
                step.spec = replace(step.spec, pool=Operator(step.name, step.layer, pool, step.inputs, step.outputs))

    @classmethod
    def computed(cls, operator: Operator, program: Program, values: Sequence[np.ndarray]) -> list[np.ndarray]:
        (pool,) = operator.spec.parts
        return [COMPUTE[MaxPool](pool.spec, *values)]
