"""Models as no exporter writes them: each is compiled, or refused in one sentence."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import onnx
from onnx import AttributeProto, TensorProto, helper, numpy_helper

from tests.unit.compiler.onnx_networks import network

IMAGE = [1, 3, 4, 4]
RELU = ("Relu", ["x"], "y", {})
MODELS: dict[str, Callable[[], onnx.ModelProto]] = {}


def case(make: Callable[[], onnx.ModelProto]) -> Callable[[], onnx.ModelProto]:
    MODELS[make.__name__] = make
    return make


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def net(*nodes: tuple, shape: list[int] | None = None, **constants: np.ndarray) -> onnx.ModelProto:
    return network(IMAGE, nodes, constants, shape or IMAGE)


def add(name: str, model: Callable[[], onnx.ModelProto]) -> None:
    MODELS[name] = model


# --- Constant --------------------------------------------------------------------------------------------------------

FORMS: dict[str, Any] = {
    "value_float": 2.0, "value_floats": [1.0, 2.0, 3.0, 4.0], "value_int": 3, "value_ints": [1, 2, 3, 4],
    "value_string": "a", "value_strings": ["a", "b"],
    "value": numpy_helper.from_array(np.ones(4, np.float32)),
    "sparse_value": helper.make_sparse_tensor(
        numpy_helper.from_array(np.ones(1, np.float32), "v"), numpy_helper.from_array(ints(2), "i"), [4]
    ),
}  # fmt: skip
for _form, _value in FORMS.items():
    add(
        f"constant_{_form}",
        lambda form=_form, value=_value: net(("Constant", [], "c", {form: value}), ("Add", ["x", "c"], "y", {})),
    )
add("constant_without_any", lambda: net(("Constant", [], "c", {}), ("Add", ["x", "c"], "y", {})))
add("constant_with_two", lambda: net(("Constant", [], "c", {"value_float": 1.0, "value_int": 1}), RELU))


@case
def constant_output() -> onnx.ModelProto:
    return net(("Constant", [], "y", {"value": numpy_helper.from_array(np.ones(IMAGE, np.float32))}))


# --- subgraphs, chains, order ----------------------------------------------------------------------------------------


def _branch() -> onnx.GraphProto:
    return helper.make_graph(
        [helper.make_node("Relu", ["x"], ["z"])], "b", [], [helper.make_tensor_value_info("z", 1, IMAGE)]
    )


@case
def subgraph() -> onnx.ModelProto:
    given = {"then_branch": _branch(), "else_branch": _branch()}
    return net(("If", ["c"], "y", given), c=np.array(True))


@case
def function_of_its_own() -> onnx.ModelProto:
    model = net(RELU)
    made = helper.make_function(
        "own", "F", ["a"], ["b"], [helper.make_node("Relu", ["a"], ["b"])], [helper.make_opsetid("", 17)]
    )
    model.functions.append(made)
    return model


def chain(op: str, count: int, **given: Any) -> onnx.ModelProto:
    names = ["x", *(f"t{number}" for number in range(count - 1)), "y"]
    return net(*((op, [a], b, given) for a, b in pairwise(names)))


for _op in ("Relu", "Identity", "Sigmoid", "Neg"):
    add(f"chain_of_{_op}", lambda op=_op: chain(op, 2000))
add("chain_of_Transpose", lambda: chain("Transpose", 2000, perm=[0, 1, 3, 2]))
add("chain_of_MaxPool", lambda: chain("MaxPool", 2000, kernel_shape=[1, 1]))
add("chain_too_long", lambda: chain("Relu", 6000))


@case
def chain_of_sums() -> onnx.ModelProto:
    names = ["x", *(f"t{number}" for number in range(1999)), "y"]
    return net(*(("Add", [a, "x"], b, {}) for a, b in pairwise(names)))


@case
def chain_of_convolutions() -> onnx.ModelProto:
    names = ["x", *(f"t{number}" for number in range(999)), "y"]
    nodes = [("Conv", [a, "w"], b, {}) for a, b in pairwise(names)]
    return net(*nodes, w=np.eye(3, dtype=np.float32).reshape(3, 3, 1, 1))


@case
def identity_only() -> onnx.ModelProto:
    return net(("Identity", ["x"], "y", {}))


@case
def reshape_only() -> onnx.ModelProto:
    return net(("Reshape", ["x", "s"], "y", {}), s=ints(1, 3, 16), shape=[1, 3, 16])


@case
def output_is_the_input() -> onnx.ModelProto:
    model = net(RELU)
    model.graph.output[0].name = "x"
    return model


@case
def output_is_a_constant() -> onnx.ModelProto:
    model = net(RELU, c=np.ones(IMAGE, np.float32))
    model.graph.output[0].name = "c"
    return model


@case
def output_that_no_node_writes() -> onnx.ModelProto:
    model = net(RELU)
    model.graph.output[0].name = "z"
    return model


@case
def wrong_order() -> onnx.ModelProto:
    return net(("Relu", ["a"], "y", {}), ("Relu", ["x"], "a", {}))


@case
def cycle() -> onnx.ModelProto:
    return net(("Add", ["x", "b"], "a", {}), ("Relu", ["a"], "b", {}), ("Relu", ["b"], "y", {}))


@case
def written_twice() -> onnx.ModelProto:
    return net(("Relu", ["x"], "y", {}), ("Sigmoid", ["x"], "y", {}))


@case
def writes_the_input() -> onnx.ModelProto:
    return net(("Relu", ["x"], "x", {}), RELU)


@case
def constant_and_input() -> onnx.ModelProto:
    model = net(("Add", ["x", "c"], "y", {}), c=np.ones(4, np.float32))
    model.graph.input.append(helper.make_tensor_value_info("c", TensorProto.FLOAT, [4]))
    return model


@case
def input_with_a_default() -> onnx.ModelProto:
    return net(RELU, x=np.ones(IMAGE, np.float32))


@case
def constant_twice() -> onnx.ModelProto:
    model = net(("Add", ["x", "c"], "y", {}), c=np.ones(4, np.float32))
    model.graph.initializer.append(numpy_helper.from_array(np.zeros(4, np.float32), "c"))
    return model


@case
def unread_input() -> onnx.ModelProto:
    model = net(RELU)
    model.graph.input.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, [4]))
    return model


@case
def two_outputs() -> onnx.ModelProto:
    model = net(RELU, ("Sigmoid", ["x"], "z", {}))
    model.graph.output.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, IMAGE))
    return model


@case
def no_input() -> onnx.ModelProto:
    model = net(("Relu", ["c"], "y", {}), c=np.ones(IMAGE, np.float32))
    del model.graph.input[:]
    return model


@case
def no_output() -> onnx.ModelProto:
    model = net(RELU)
    del model.graph.output[:]
    return model


@case
def input_without_type() -> onnx.ModelProto:
    model = net(RELU)
    model.graph.input[0].ClearField("type")
    return model


@case
def sequence_input() -> onnx.ModelProto:
    model = net(RELU)
    model.graph.input[0].CopyFrom(helper.make_tensor_sequence_value_info("x", TensorProto.FLOAT, IMAGE))
    return model


@case
def unread_operator() -> onnx.ModelProto:
    return net(RELU, ("Det", ["x"], "z", {}))


@case
def missing_inputs() -> onnx.ModelProto:
    return net(("Conv", [], "y", {}))


@case
def missing_output() -> onnx.ModelProto:
    model = net(RELU)
    del model.graph.node[0].output[:]
    return model


@case
def unknown_input() -> onnx.ModelProto:
    return net(("Relu", ["nobody"], "y", {}))


# --- names -----------------------------------------------------------------------------------------------------------

NAMES = {
    "empty": "", "of_100_000_characters": "a" * 100_000, "with_a_zero": "a\0b", "with_lines": 'a\n"; rm -rf /\r',
    "of_c": "*/ int main;", "of_unicode": "\u202ereversed\u2028", "of_quotes": "'\"\\", "of_keywords": "while",
    "of_templates": "{{ 1 / 0 }}{% for %}", "of_paths": "../../etc/passwd",
}  # fmt: skip
for _name, _text in NAMES.items():
    add(f"node_{_name}", lambda text=_text: _named(node=text))
    add(f"tensor_{_name}", lambda text=_text: _named(tensor=text))
    add(f"input_{_name}", lambda text=_text: _named(image=text))


def _named(node: str = "n", tensor: str = "t", image: str = "x") -> onnx.ModelProto:
    model = net(("Sigmoid", [image], tensor, {}), ("Add", [tensor, "c"], "y", {}), c=np.ones(4, np.float32))
    model.graph.node[0].name = node
    model.graph.input[0].name = image
    return model


# --- shapes and sizes ------------------------------------------------------------------------------------------------

for _size in (0, -1, 2**31, 2**31 - 1, 2**62, -(2**63)):
    add(f"input_of_{_size}", lambda size=_size: _of_size(size))
    add(f"constant_of_{_size}", lambda size=_size: _constant_of(size))
    add(f"reshape_to_{_size}", lambda size=_size: net(("Reshape", ["x", "s"], "y", {}), s=ints(1, 3, size, 4)))
    add(f"expand_to_{_size}", lambda size=_size: net(("Expand", ["x", "s"], "y", {}), s=ints(size, 3, 4, 4)))
    add(f"tile_by_{_size}", lambda size=_size: net(("Tile", ["x", "s"], "y", {}), s=ints(1, 1, size, 1)))
    add(f"pad_by_{_size}", lambda size=_size: net(("Pad", ["x", "s"], "y", {}), s=ints(0, 0, size, 0, 0, 0, 0, 0)))
    add(f"fill_of_{_size}", lambda size=_size: _filled(size))
    for _name in ("strides", "dilations", "kernel_shape"):
        add(
            f"{_name}_of_{_size}",
            lambda size=_size, name=_name: net(("MaxPool", ["x"], "y", {"kernel_shape": [1, 1], name: [size, 1]})),
        )
    add(f"pads_of_{_size}", lambda size=_size: _pooled(pads=[size, 0, 0, 0]))
    add(f"group_of_{_size}", lambda size=_size: _convolved(group=size))
    add(f"axis_of_{_size}", lambda size=_size: net(("Softmax", ["x"], "y", {"axis": size})))
    add(f"perm_of_{_size}", lambda size=_size: net(("Transpose", ["x"], "y", {"perm": [0, 1, 2, size]})))
    add(f"concat_at_{_size}", lambda size=_size: net(("Concat", ["x", "x"], "y", {"axis": size})))


def _of_size(size: int) -> onnx.ModelProto:
    model = net(RELU)
    for value in (model.graph.input[0], model.graph.output[0]):
        value.type.tensor_type.shape.dim[2].dim_value = size
    return model


def _constant_of(size: int) -> onnx.ModelProto:
    model = net(("Add", ["x", "c"], "y", {}), c=np.ones(4, np.float32))
    model.graph.initializer[0].dims[:] = [size]
    return model


def _filled(size: int) -> onnx.ModelProto:
    return net(("ConstantOfShape", ["s"], "c", {}), ("Add", ["x", "c"], "y", {}), s=ints(1, 1, size, 1))


def _pooled(**given: Any) -> onnx.ModelProto:
    return net(("MaxPool", ["x"], "y", {"kernel_shape": [2, 2], **given}))


def _convolved(**given: Any) -> onnx.ModelProto:
    return net(("Conv", ["x", "w"], "y", given), w=np.ones((3, 3, 1, 1), np.float32))


@case
def constant_cut_short() -> onnx.ModelProto:
    model = net(("Add", ["x", "c"], "y", {}), c=np.ones(4, np.float32))
    model.graph.initializer[0].raw_data = b"abc"
    return model


@case
def constant_of_many_axes() -> onnx.ModelProto:
    return net(("Add", ["x", "c"], "y", {}), c=np.ones([1] * 60, np.float32))


@case
def large_between() -> onnx.ModelProto:
    return net(
        ("Tile", ["x", "s"], "a", {}), ("ReduceMax", ["a"], "y", {"axes": [2], "keepdims": 1}),
        s=ints(1, 1, 1 << 26, 1), shape=[1, 3, 1, 4],
    )  # fmt: skip


@case
def doubled_again_and_again() -> onnx.ModelProto:
    names = ["x", *(f"t{number}" for number in range(40)), "y"]
    return net(*(("Concat", [a, a], b, {"axis": 3}) for a, b in pairwise(names)))


def declared(model: onnx.ModelProto, shape: list[int], name: str = "") -> onnx.ModelProto:
    if name:
        model.graph.value_info.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
    else:
        model.graph.output[0].CopyFrom(helper.make_tensor_value_info("y", TensorProto.FLOAT, shape))
    return model


add("declared_larger", lambda: declared(_pooled(), [1, 3, 4, 4]))
add("declared_smaller", lambda: declared(net(RELU), [1, 3, 2, 2]))
add("declared_flat", lambda: declared(net(RELU), [1, 48]))
add("declared_turned", lambda: declared(net(("Softmax", ["x"], "y", {})), [1, 4, 4, 3]))
add("declared_scalar", lambda: declared(net(RELU), []))
add("declared_otherwise_inside", lambda: declared(chain("Relu", 3), [1, 3, 40, 40], "t0"))
add(
    "five_axes",
    lambda: net(
        ("Reshape", ["x", "s"], "a", {}), ("Relu", ["a"], "y", {}), s=ints(1, 3, 2, 2, 4), shape=[1, 3, 2, 2, 4]
    ),
)
add("one_axis", lambda: net(("Reshape", ["x", "s"], "a", {}), ("Relu", ["a"], "y", {}), s=ints(-1), shape=[48]))


# --- indices ---------------------------------------------------------------------------------------------------------

for _index in (3, 4, -5, 2**31, -(2**62), 10**9):
    add(
        f"gather_{_index}",
        lambda at=_index: net(("Gather", ["x", "i"], "y", {"axis": 2}), i=ints(0, at), shape=[1, 3, 2, 4]),
    )
    add(
        f"gather_nd_{_index}",
        lambda at=_index: net(("GatherND", ["x", "i"], "y", {}), i=ints(0, 1, at).reshape(1, 3), shape=[1, 4]),
    )
    add(
        f"gather_elements_{_index}",
        lambda at=_index: net(("GatherElements", ["x", "i"], "y", {"axis": 3}), i=np.full(IMAGE, at, np.int64)),
    )
    add(
        f"scatter_nd_{_index}",
        lambda at=_index: net(
            ("ScatterND", ["x", "i", "u"], "y", {}), i=ints(0, 1, at).reshape(1, 3), u=np.ones((1, 4), np.float32)
        ),
    )
    add(
        f"scatter_elements_{_index}",
        lambda at=_index: net(
            ("ScatterElements", ["x", "i", "u"], "y", {"axis": 2}),
            i=np.full((1, 1, 1, 1), at, np.int64),
            u=np.ones((1, 1, 1, 1), np.float32),
        ),
    )
    add(
        f"slice_{_index}",
        lambda at=_index: net(
            ("Slice", ["x", "b", "e", "a"], "y", {}), b=ints(at), e=ints(2**40), a=ints(2), shape=[1, 3, 1, 4]
        ),
    )
    add(
        f"slice_axis_{_index}",
        lambda at=_index: net(("Slice", ["x", "b", "e", "a"], "y", {}), b=ints(0), e=ints(4), a=ints(at)),
    )
    add(
        f"slice_step_{_index}",
        lambda at=_index: net(
            ("Slice", ["x", "b", "e", "a", "s"], "y", {}),
            b=ints(0),
            e=ints(4),
            a=ints(2),
            s=ints(at),
            shape=[1, 3, 1, 4],
        ),
    )
    add(f"squeeze_{_index}", lambda at=_index: net(("Squeeze", ["x", "a"], "y", {}), a=ints(at), shape=[3, 4, 4]))
    add(
        f"unsqueeze_{_index}",
        lambda at=_index: net(("Unsqueeze", ["x", "a"], "y", {}), a=ints(at), shape=[1, 3, 4, 4, 1]),
    )
    add(
        f"one_hot_{_index}",
        lambda at=_index: net(
            ("OneHot", ["i", "d", "v"], "h", {}),
            ("Add", ["x", "h"], "y", {}),
            i=ints(0, at, 1, 2),
            d=np.array(4),
            v=np.array([0, 1], np.float32),
        ),
    )
add(
    "slice_step_0",
    lambda: net(("Slice", ["x", "b", "e", "a", "s"], "y", {}), b=ints(0), e=ints(4), a=ints(2), s=ints(0)),
)


@case
def gather_computed() -> onnx.ModelProto:
    nodes = [
        ("ArgMax", ["x"], "i", {"axis": 3, "keepdims": 0}), ("Reshape", ["i", "s"], "j", {}),
        ("Mul", ["j", "m"], "k", {}),
        ("Gather", ["x", "k"], "y", {"axis": 2}),
    ]  # fmt: skip
    return net(*nodes, s=ints(12), m=ints(1000), shape=[1, 3, 12, 4])


# --- attributes ------------------------------------------------------------------------------------------------------


@case
def attribute_without_type() -> onnx.ModelProto:
    model = net(("Softmax", ["x"], "y", {"axis": 1}))
    model.graph.node[0].attribute[0].type = AttributeProto.UNDEFINED
    return model


@case
def attribute_of_another_type() -> onnx.ModelProto:
    return net(("Softmax", ["x"], "y", {"axis": "last"}))


@case
def attribute_twice() -> onnx.ModelProto:
    model = net(("Softmax", ["x"], "y", {"axis": 1}))
    model.graph.node[0].attribute.append(helper.make_attribute("axis", 2))
    return model


@case
def group_of_floats() -> onnx.ModelProto:
    return _convolved(group=1.5)


@case
def epsilon_not_a_number() -> onnx.ModelProto:
    names = ["s", "b", "m", "v"]
    constants = {name: np.ones(3, np.float32) for name in names}
    return net(("BatchNormalization", ["x", *names], "y", {"epsilon": float("nan")}), **constants)


@case
def weights_not_numbers() -> onnx.ModelProto:
    return net(("Conv", ["x", "w"], "y", {}), w=np.full((3, 3, 1, 1), np.nan, np.float32))


@case
def other_domain() -> onnx.ModelProto:
    model = net(RELU)
    model.graph.node[0].domain = "com.microsoft"
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    return model


for _version in (0, -1, 1, 9, 99, 2**31):
    add(f"opset_{_version}", lambda version=_version: network(IMAGE, [RELU], {}, IMAGE, opset=version))


# --- numbers that are none -------------------------------------------------------------------------------------------

NUMBERS = {"nan": np.nan, "inf": np.inf, "minus_inf": -np.inf, "largest": 3.4e38, "least": 1e-45}


def _in_place(name: str, value: float) -> onnx.ModelProto:
    """A small network with one odd number, at a place of this name."""
    rng = np.random.default_rng(3)
    given = {key: rng.uniform(0.5, 1, 3).astype(np.float32) for key in ("b", "gamma", "beta", "mean", "variance")}
    given |= {"w": rng.normal(0, 0.5, (3, 3, 1, 1)).astype(np.float32), "factor": np.float32([1.5])}
    given[name].reshape(-1)[0] = value
    nodes = [
        ("Conv", ["x", "w", "b"], "c", {}),
        ("BatchNormalization", ["c", "gamma", "beta", "mean", "variance"], "n", {}),
        ("Relu", ["n"], "r", {}),
        ("Mul", ["r", "factor"], "f", {}),
        ("Conv", ["f", "w2"], "y", {}),
    ]
    return net(*nodes, w2=rng.normal(0, 0.5, (3, 3, 1, 1)).astype(np.float32), **given)


def _folded(value: float, *nodes: tuple) -> onnx.ModelProto:
    """A constant that is computed from this one, read by an Add."""
    return net(*nodes, ("Add", ["x", "k"], "y", {}), c=np.float32([value]), zero=np.float32([0]))


def _scaled(value: float) -> onnx.ModelProto:
    nodes = [("QuantizeLinear", ["x", "s"], "q", {}), ("DequantizeLinear", ["q", "s"], "y", {})]
    return net(*nodes, s=np.float32(value))


for _name, _value in NUMBERS.items():
    for _place in ("w", "b", "gamma", "mean", "variance", "factor"):
        add(f"number_{_place}_{_name}", lambda place=_place, value=_value: _in_place(place, value))
    for _op in ("LeakyRelu", "Elu", "HardSigmoid"):
        add(f"number_{_op}_{_name}", lambda op=_op, value=_value: net((op, ["x"], "y", {"alpha": value})))
    add(f"number_scale_{_name}", lambda value=_value: _scaled(value))
    add(f"number_cast_{_name}", lambda value=_value: _folded(
        value, ("Cast", ["c"], "i", {"to": TensorProto.INT32}), ("Cast", ["i"], "k", {"to": TensorProto.FLOAT})
    ))  # fmt: skip
    add(f"number_divided_{_name}", lambda value=_value: _folded(value, ("Div", ["c", "zero"], "k", {})))
    add(f"number_exponential_{_name}", lambda value=_value: _folded(value, ("Exp", ["c"], "k", {})))
add("number_scale_zero", lambda: _scaled(0))
add("number_scale_below_zero", lambda: _scaled(-0.1))


# --- sizes -----------------------------------------------------------------------------------------------------------


@case
def chain_of_large_images() -> onnx.ModelProto:
    """Each a quarter of what a tensor may have been once: 2 GB in all, and a program to be lowered."""
    names = ["c", *(f"r{number}" for number in range(8))]
    chain = [("Relu", [before], after, {}) for before, after in pairwise(names)]
    weights = np.ones((1 << 21, 3, 1, 1), np.float32)
    return net(
        ("Conv", ["x", "w"], "c", {}), *chain, ("ReduceMean", ["r7"], "y", {"axes": [1]}), w=weights, shape=[1, 1, 4, 4]
    )
