"""The NPU as a target: it takes the regions of partition.py, and no other operator."""

from __future__ import annotations

from collections.abc import Sequence

from ocrm55.compiler.operators.program import Operator, Program, Workspace
from ocrm55.compiler.targets.base import Target, assign_one
from ocrm55.compiler.targets.ethos_u import support
from ocrm55.compiler.targets.ethos_u.region import Region

SCRATCH = "scratch"


class NpuTarget(Target):
    """Regions as command streams.

    fallback: the targets that compute a region's operators on the core if the NPU is absent; none without a fallback.
    """

    name = support.NAME

    def __init__(self, fallback: Sequence[Target] = ()) -> None:
        self._fallback = fallback

    def refusal(self, operator: Operator, program: Program) -> str | None:
        if isinstance(operator.spec, Region):
            return None
        return support.refusal(operator, program) or "does not write what the core writes other parts of"

    def emit(self, operator: Operator, program: Program) -> None:
        spec = operator.spec
        assert isinstance(spec, Region) and spec.compiled is not None
        operator.function = program.function_name(spec.name)
        operator.arguments = []
        operator.workspaces = [Workspace(SCRATCH, "uint8", spec.compiled.scratch_bytes)]
        operator.fallback = list(spec.operators) if self._fallback else []
        for step in operator.fallback:
            assign_one(step, program, self._fallback)

    def kernel_sources(self, program: Program) -> list[str]:
        """The kernels of the fallback report themselves, because Program.calls contains the regions' operators."""
        return []
