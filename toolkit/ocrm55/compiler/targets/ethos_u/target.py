"""The NPU as a target: it takes the regions of partition.py, and no other operator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, Self

import numpy as np

from ocrm55.compiler.memory.placement import Reach
from ocrm55.compiler.memory.planner import MemoryPlan
from ocrm55.compiler.operators.program import Operator, Program, Workspace
from ocrm55.compiler.options import CompileOptions
from ocrm55.compiler.targets.base import Accelerator, Additions, Recipe, Target, assign_one
from ocrm55.compiler.targets.ethos_u import model, regions, support, vela
from ocrm55.compiler.targets.ethos_u.options import MEMORY_MODES, NpuOptions
from ocrm55.compiler.targets.ethos_u.region import SCRATCH, Region
from ocrm55.errors import UnsupportedError
from ocrm55.npu_model.accelerators import ACCELERATORS


class NpuTarget(Accelerator):
    """Regions as command streams.

    core: the targets that compute a region's operators on the core if the NPU is absent; asked with a fallback only.
    """

    name = support.NAME
    names = tuple(ACCELERATORS)
    specs = (Region,)
    recipe = Recipe(fused=False, halves_down=False)
    ways = len(vela.STRATEGIES)

    def __init__(self, npu: NpuOptions, core: Sequence[Target] = ()) -> None:
        self._npu, self._fallback = npu, core if npu.fallback else ()

    @classmethod
    def of(cls, options: CompileOptions, core: Sequence[Target]) -> Self:
        return cls(NpuOptions.of(options), core)

    def check(self, options: CompileOptions) -> None:
        if not options.board.has_npu:
            raise UnsupportedError(
                f"the board {options.board.name} has no NPU.", ["leave --npu out", "--board corstone300"]
            )
        if options.board.accelerator not in ("", self._npu.accelerator):
            raise UnsupportedError(
                f"the NPU of the board {options.board.name} is an {options.board.accelerator}.",
                [f"--npu {options.board.accelerator}", "leave --npu out"],
            )
        if options.precision != "int8":
            raise UnsupportedError("the NPU computes int8.", ["--precision int8", "leave --npu out"])
        if len(options.widths) > 1:
            raise UnsupportedError(
                "several widths cannot share a program for the NPU: its command streams are made for one.",
                ["leave --widths out", "leave --npu out"],
            )
        vela.check(self._npu)

    def prepare(self, program: Program, way: int = 0) -> Program:
        return regions.compile_regions(deepcopy(program), self._npu, vela.STRATEGIES[way])

    def least_arena(self, program: Program, limit: int, *, closely: bool = False) -> int:
        return regions.least_arena(deepcopy(program), self._npu if closely else None, limit)

    def least_weights(self, program: Program) -> int:
        return regions.least_weights(deepcopy(program), fallback=bool(self._fallback))

    def refusal(self, operator: Operator, program: Program) -> str | None:
        if isinstance(operator.spec, Region):
            return None
        return support.refusal(operator, program) or "does not write what the core writes other parts of"

    def emit(self, operator: Operator, program: Program) -> None:
        spec = operator.spec
        assert isinstance(spec, Region) and spec.compiled is not None
        operator.function = program.function_name(spec.name)
        operator.attempt = f"is_done_by_npu(&{operator.function}, arena)"
        operator.arguments = []
        operator.workspaces = [Workspace(SCRATCH, "uint8", spec.compiled.scratch_bytes)]
        operator.fallback = list(spec.operators) if self._fallback else []
        for step in operator.fallback:
            assign_one(step, program, self._fallback)

    # The kernels of a fallback report themselves, because Program.calls contains the regions' operators.

    def sources(self, program: Program, plan: MemoryPlan) -> Mapping[str, str]:
        if not regions.regions_of(program):
            return {}
        name = self._npu.accelerator
        source, header = regions.source(program, plan, name), regions.header(program, name)
        return {"npu_regions.c": source, "npu_regions.h": header}

    def additions(self, program: Program) -> Additions:
        found = regions.regions_of(program)
        fallback = any(operator.fallback for operator in found)
        return regions.additions(self._npu.macs, fallback=fallback) if found else Additions()

    def constants(self, program: Program) -> int:
        return regions.constants(program)

    def reach(self) -> Reach:
        if vela.weights_on_chip(self._npu):
            return Reach(tightly_coupled=False, off_chip=False, tries=(f"--npu-memory-mode {MEMORY_MODES[0]}",))
        return Reach(tightly_coupled=False)

    def metadata(self, program: Program) -> Mapping[str, Any]:
        return {"npu": regions.metadata(program, self._npu)}

    def write_files(self, program: Program, folder: Path) -> None:
        regions.write_files(program, folder / "npu")

    @classmethod
    def read_files(cls, program: Program, folder: Path) -> None:
        regions.read_regions(program, folder)

    @classmethod
    def computed(cls, operator: Operator, program: Program, values: Sequence[np.ndarray]) -> list[np.ndarray]:
        return model.computed(operator, program, values)

    @classmethod
    def computed_as_placed(
        cls, operator: Operator, program: Program, plan: MemoryPlan, values: Sequence[np.ndarray]
    ) -> list[np.ndarray]:
        return model.computed_as_placed(operator, program, plan, values)

    @classmethod
    def wrong_weights(cls, operator: Operator, program: Program, plan: MemoryPlan) -> int:
        return model.wrong_weights(operator, program, plan)
