"""TVM's fused TIR functions: scheduled to need no scratch where possible, then lowered to flat loops."""

from __future__ import annotations

from math import prod
from typing import Any

import tvm
import tvm_ffi
from tvm import s_tir, tirx

from ocrm55.compiler.targets.c.schedules.loops import Kernel, Parameter, make_kernel

_REDUCTION = 2  # tirx.IterVar.iter_type of a reduction axis
# Local arrays up to this size stay on the stack of the function; larger ones are workspaces in the arena.
STACK_BYTES = 256


def generic(function: tirx.PrimFunc) -> Kernel:
    """A kernel with the parameters of `function`, the last of which is its output."""
    scheduled = _schedule(function.with_attr("global_symbol", "main"))
    in_place = elementwise_inputs(scheduled)
    lowered = _lowering()(tvm.IRModule({"main": scheduled}))["main"]
    inputs = len(function.params) - 1
    names = [*(("input",) if inputs == 1 else (f"input{index}" for index in range(inputs))), "output"]
    parameters = [
        Parameter(buffer, _shape(original), written=name == "output", name=name)
        for buffer, original, name in zip(lowered.params, function.params, names, strict=True)
    ]
    body, large = _split_allocations(lowered.body)
    scratch = [Parameter(buffer, _shape(buffer), written=True) for buffer in large]
    return make_kernel(parameters, scratch, body, in_place)


def elementwise_inputs(function: tirx.PrimFunc) -> tuple[int, ...]:
    """Inputs of a scheduled function that its output may overwrite.

    They have the output's shape, and the function's only block reads from them only the element that it writes.
    """
    schedule = s_tir.Schedule(function)
    blocks = _blocks(schedule)
    if len(blocks) != 1:
        return ()
    block = schedule.get(blocks[0])
    place = [r.min for r in block.writes[0].region]
    if any(variable.iter_type == _REDUCTION for variable in block.iter_vars) or len(block.writes) != 1:
        return ()
    output = function.params[-1]
    fitting = []
    for index, parameter in enumerate(function.params[:-1]):
        reads = [read for read in block.reads if read.source.same_as(parameter)]
        same = all(
            int(r.extent) == 1 and tvm_ffi.structural_equal(r.min, p)
            for read in reads
            for r, p in zip(read.region, place, strict=False)
        )
        if reads and same and _shape(parameter) == _shape(output) and _dtype(parameter) == _dtype(output):
            fitting.append(index)
    return tuple(fitting)


def _schedule(function: tirx.PrimFunc) -> tirx.PrimFunc:
    """Inline elementwise blocks, and start a reduction where its result is needed."""
    schedule = s_tir.Schedule(function)
    _inline(schedule)
    for block in _blocks(schedule):
        loops = schedule.get_loops(block)
        kinds = [variable.iter_type for variable in schedule.get(block).iter_vars]
        if _REDUCTION in kinds and len(loops) == len(kinds):
            schedule.decompose_reduction(block, loops[kinds.index(_REDUCTION)])
    return schedule.mod["main"]


def _inline(schedule: Any) -> None:
    """Inline every block but the last that TVM allows; reductions and padding that is read twice stay."""
    for block in _blocks(schedule)[:-1]:
        if any(variable.iter_type == _REDUCTION for variable in schedule.get(block).iter_vars):
            continue
        try:
            schedule.compute_inline(block)
        except s_tir.ScheduleError:
            continue  # it keeps its scratch buffer: correct, only larger


def _blocks(schedule: Any) -> list[Any]:
    return list(schedule.get_child_blocks(schedule.get_sblock("root")))


def _lowering() -> Any:
    """Blocks to flat loops over flat buffers, indices in 32 bits."""
    s, x = s_tir.transform, tirx.transform
    target = tvm.target.Target({"kind": "c"})
    return tvm.transform.Sequential(
        [
            x.BindTarget(target.with_host(target)),
            s.CanonicalizeLoop(),
            s.LowerInitBlock(),
            s.PlanAndUpdateBufferAllocationLocation(),
            s.ConvertBlocksToOpaque(),
            s.CompactBufferAllocation(),
            s.LowerMatchBuffer(),
            s.StmtSimplify(),
            s.LowerOpaqueBlock(),
            x.FlattenBuffer(),
            x.NarrowDataType(32),
            s.LoopPartition(),
            x.VectorizeLoop(True),
            x.StorageRewrite(),
            s.HoistIfThenElse(),
            x.UnrollLoop(),
            s.RenormalizeSplitPattern(),
            x.StmtSimplify(),
            x.RemoveNoOp(),
            s.RewriteUnsafeSelect(),
            x.CommonSubexprElim(),
        ]
    )


def _split_allocations(body: tirx.Stmt) -> tuple[tirx.Stmt, list[tirx.Buffer]]:
    """Turn the large allocations at the top level of a body into parameters."""
    statements = list(body.seq) if isinstance(body, tirx.SeqStmt) else [body]
    scratch, rest = [], []
    for statement in statements:
        if isinstance(statement, tirx.AllocBuffer) and _bytes(statement.buffer) > STACK_BYTES:
            scratch.append(statement.buffer)
        else:
            rest.append(statement)
    return (rest[0] if len(rest) == 1 else tirx.SeqStmt(rest)), scratch


def _shape(buffer: Any) -> tuple[int, ...]:
    return tuple(int(d) for d in buffer.ty.shape)


def _dtype(buffer: Any) -> str:
    return str(buffer.ty.dtype)


def _bytes(buffer: Any) -> int:
    return prod(_shape(buffer)) * (tvm.DataType(_dtype(buffer)).bits // 8)
