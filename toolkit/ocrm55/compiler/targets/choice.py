"""Which targets compute a network, and in which order they are asked."""

from __future__ import annotations

from ocrm55.compiler.options import CompileOptions
from ocrm55.compiler.targets import accelerators, costs
from ocrm55.compiler.targets.base import Target
from ocrm55.compiler.targets.c.target import CTarget
from ocrm55.compiler.targets.cmsis_nn import target as cmsis_nn
from ocrm55.compiler.targets.m55.target import M55Target
from ocrm55.errors import UnsupportedError


def targets_for(options: CompileOptions) -> list[Target]:
    """The targets that may compute operators, in order of preference. The first decides the quantisation.

    Raises UnsupportedError for an accelerator that does not exist.
    """
    core = on_core(options.precision, options.kernels)
    return [accelerators.named(options.npu).of(options, core), *core] if options.npu else core


def on_core(precision: str, kernels: tuple[str, ...] = ("m55",)) -> list[Target]:
    """The targets of the core alone."""
    if precision != "int8":
        return [CTarget()]
    own: list[Target] = [M55Target(), CTarget()]
    if cmsis_nn.NAME not in kernels:
        return own
    library = cmsis_nn.CmsisNnTarget()
    alone = kernels == (cmsis_nn.NAME,)
    return [library if alone else costs.WhereCheaper(library, M55Target()), *own]


def check(options: CompileOptions) -> None:
    """Refuse options that do not go together, before any work; raises as Target.check does."""
    targets = targets_for(options)
    for target in targets:
        target.check(options)
    if options.stepwise and options.npu:
        raise UnsupportedError("an NPU's regions are not run in steps.", ["leave --npu out", "leave --stepwise out"])
    if options.weights == "int8":
        if options.int4_max_drop is not None:
            raise UnsupportedError(
                "--int4-max-drop says what int4 weights may cost, and the weights are int8.", ["--weights int4"]
            )
    elif options.precision != "int8" or not targets[0].recipe.int4:
        raise UnsupportedError(
            "only CMSIS-NN computes with int4 weights here.", [f"--kernels {cmsis_nn.NAME}", "--weights int8"]
        )
