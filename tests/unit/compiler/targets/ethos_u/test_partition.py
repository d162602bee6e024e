"""Who takes what, in how many turns."""

from collections.abc import Callable

import pytest

from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.int8.elementwise import Lookup, Quantize, Sum, SumInt8
from ocrm55.compiler.operators.int8.pool import AveragePool, MaxPool
from ocrm55.compiler.operators.program import Operator, Program, Tensor
from ocrm55.compiler.operators.quantization import Quantization
from ocrm55.compiler.targets.ethos_u import support
from ocrm55.compiler.targets.ethos_u.partition import partition
from ocrm55.compiler.targets.ethos_u.region import Region


def program(edges: dict[str, tuple[str, ...]], on_core: str) -> Program:
    """Operators named a letter each, which read what those named write; `i` is the input, the last the output."""
    network = Program("letters", "int8")
    for name in ("i", *edges):
        role = "input" if name == "i" else "output" if name == list(edges)[-1] else "activation"
        network.add(Tensor(name, (1, 1, 1, 4), "int8", role, name))  # type: ignore[arg-type]
    for name, read in edges.items():
        spec = Sum(4) if name in on_core else Lookup(4, "relu")
        network.operators.append(Operator(name, name, spec, list(read), [name]))
    return network


def by_kind(operator: Operator, _: Program) -> str | None:
    return "adds nothing" if isinstance(operator.spec, Sum) else None


def turns(network: Program) -> list[str]:
    """Regions as their letters, others in brackets."""
    partition(network, by_kind)
    return [
        "".join(o.layer for o in step.spec.operators) if isinstance(step.spec, Region) else f"({step.layer})"
        for step in network.operators
    ]


def test_a_chain_is_cut_where_the_core_must_work() -> None:
    network = program({"a": ("i",), "b": ("a",), "c": ("b",), "d": ("c",)}, on_core="c")
    assert turns(network) == ["ab", "(c)", "d"]
    first, core, last = network.operators
    assert (first.inputs, first.outputs, last.inputs, last.outputs) == (["i"], ["b"], ["c"], ["d"])
    assert core.why_not == {support.NAME: "adds nothing"}


def test_what_does_not_depend_on_the_core_is_taken_in_one_turn() -> None:
    """c and e could follow the order of the model, in three regions; they need nothing of the core's b and d."""
    edges = {"a": ("i",), "b": ("a",), "c": ("a",), "d": ("b",), "e": ("c",), "f": ("d", "e")}
    assert turns(program(edges, on_core="bd")) == ["ace", "(b)", "(d)", "f"]


def test_a_tensor_that_is_read_inside_and_outside_leaves_the_region() -> None:
    network = program({"a": ("i",), "b": ("a",), "c": ("a", "b")}, on_core="c")
    assert turns(network) == ["ab", "(c)"]
    assert network.operators[0].outputs == ["a", "b"]


def test_parts_of_a_concatenation_stay_together(drawn: Callable[[int], Program]) -> None:
    network = drawn(7)  # a concatenation of the input and of what an activation makes of it
    partition(network)
    (region,) = (step for step in network.operators if isinstance(step.spec, Region))
    kinds = [operator.kind for operator in region.spec.operators]  # type: ignore[attr-defined]
    assert kinds.count("copy_int8") % 2 == 0
    whole = network.storage(region.spec.operators[kinds.index("copy_int8")].outputs[0])  # type: ignore[attr-defined]
    assert all(name == network.storage(name) for name in region.outputs)
    assert whole in network.tensors


@pytest.mark.parametrize("seed", range(8))
def test_all_that_is_drawn_is_one_region(seed: int, drawn: Callable[[int], Program]) -> None:
    network = drawn(seed)
    macs = network.macs
    partition(network)
    assert [type(step.spec).__name__ for step in network.operators] == ["Region", "Dequantize"]
    assert network.macs == macs


def test_reasons() -> None:
    network = program({"a": ("i",)}, on_core="")
    (operator,) = network.operators
    reason = support.refusal(operator, network)
    assert reason is not None and "one scale a tensor" in reason
    operator.spec = Lookup(4, "tan")
    network.tensors["i"].dtype = "float32"
    assert "float32" in str(support.refusal(operator, network))
    operator.spec = Quantize(4, 1.0, 0)
    assert "reads float32" in str(support.refusal(operator, network))


@pytest.mark.parametrize(
    ("factor", "step", "reason"), [(1.0, 0.5, None), (2.0, 0.5, "a factor"), (1.0, -0.5, "negative")]
)
def test_sums_with_factors_stay_on_the_core(factor: float, step: float, reason: str | None) -> None:
    """TFLite's sum knows nothing but the scales of the tensors."""
    network = program({"a": ("i",), "b": ("i", "a")}, on_core="")
    for tensor in network.tensors.values():
        tensor.quantization = Quantization(step, 0)
    network.operators[1].spec = SumInt8(4, step, 0, factor * step, 0, step, 0)
    found = support.refusal(network.operators[1], network)
    assert found is None if reason is None else reason in str(found)


@pytest.mark.parametrize(
    ("kernel", "size", "step", "reason"),
    [
        ((256, 256), (260, 260), 1.0, None),
        ((257, 2), (300, 4), 1.0, "up to 256 rows"),
        ((256, 257), (260, 260), 1.0, "65,536 elements"),
        ((300, 4), (300, 4), 2.0, None),  # the mean of a whole image
        ((1, 4097), (1, 4097), 2.0, "means of up to 4,096 columns"),
        ((1, 4097), (1, 4097), 1.0, None),
    ],
)
def test_windows_that_vela_leaves_to_the_cpu_stay_on_the_core(
    kernel: tuple[int, int], size: tuple[int, int], step: float, reason: str | None
) -> None:
    """step: of the result, where the input's is 1."""
    network = program({"a": ("i",)}, on_core="")
    for name, each in (("i", 1.0), ("a", step)):
        network.tensors[name].quantization = Quantization(each, 0)
    outputs = (size[0] - kernel[0] + 1, size[1] - kernel[1] + 1)
    pools: list[Spec] = [AveragePool(1, *size, *outputs, kernel, (1, 1), 0, 0, 1 / (kernel[0] * kernel[1] * step))]
    if step == 1:
        pools.append(MaxPool(1, *size, *outputs, kernel, (1, 1), (0, 0)))
    for pool in pools:
        network.operators[0].spec = pool
        found = support.refusal(network.operators[0], network)
        assert found is None if reason is None else reason in str(found)
