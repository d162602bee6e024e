"""Odd forms of ONNX operators: constants on the left, axes out of order, what few exporters write."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.random_networks.odd_graph import OddGraph, RefusedNodeError

Form = Callable[[OddGraph, str], str]


def _axis(g: OddGraph, rank: int, first: int = 0) -> int:
    axis = g.chance.randint(min(first, rank - 1), rank - 1)
    return axis - rank if g.some(0.4) else axis


def _axes(g: OddGraph, rank: int) -> list[int]:
    """Some axes, out of order, some counted from behind."""
    chosen = g.chance.sample(range(rank), g.chance.randint(1, rank))
    return [axis - rank if g.some(0.3) else axis for axis in chosen]


def _with_axes(g: OddGraph, op: str, x: str, axes: list[int] | None, since: int, **given: object) -> str:
    """Axes were attributes before the opset `since`."""
    if axes is None:
        return g.node(op, [x], **given)
    if g.opset < since:
        return g.node(op, [x], axes=axes, **given)
    return g.node(op, [x, g.ints(*axes)], **given)


def _other(g: OddGraph, shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape that broadcasts with another one: a scalar, one value, less axes, more axes, ones."""
    form = g.chance.randint(0, 6)
    if form < 3:
        return [(), (1,), (1,) * (len(shape) + g.chance.randint(0, 1))][form]
    if form == 3:
        return shape
    if form == 4:
        return shape[g.chance.randint(0, len(shape)) :]
    if form == 5 and len(shape) > 1:
        return (1, shape[1], *(1,) * (len(shape) - 2))
    larger = g.some(0.3)  # the other one is spread
    return tuple(size if g.some(0.5) else 3 if larger and size == 1 and g.some(0.6) else 1 for size in shape)


def binary(g: OddGraph, x: str) -> str:
    op = g.chance.choice(("Add", "Add", "Mul", "Mul", "Sub", "Div", "Max", "Min", "Pow", "PRelu", "Mod", "Mean", "Sum"))
    shape = _other(g, g.shape(x))
    values = g.numbers.uniform(0.5, 1.5, shape) if op in ("Div", "Pow", "Mod") else g.numbers.normal(0.3, 1, shape)
    if g.some(0.2):
        values = np.full(shape, g.chance.choice((0.0, 1.0, 2.0, -1.0)))
        values = np.ones(shape) if op in ("Div", "Mod") else values
    constant = g.constant(values)
    if op == "Pow":
        return g.node(op, [g.node("Abs", [x]), constant]) if g.some(0.7) else g.node(op, [constant, x])
    if op == "Mod":
        return g.node(op, [x, constant], fmod=1)
    if op == "Div" and g.some(0.3):
        return g.node(op, [constant, g.node("Add", [g.node("Abs", [x]), g.constant(1.0)])])
    inputs = [constant, x] if g.some(0.4) and op not in ("Div", "PRelu") else [x, constant]
    if op in ("Max", "Min", "Mean", "Sum"):
        inputs = g.chance.choice((inputs, inputs, [x], [x, constant, x], [constant, x, constant]))
    return g.node(op, inputs)


def with_itself(g: OddGraph, x: str) -> str:
    if g.some(0.3):
        return g.node("Concat", [x] * g.chance.randint(1, 3), axis=_axis(g, len(g.shape(x))))
    return g.node(g.chance.choice(("Add", "Mul", "Sub", "Max", "Min")), [x, x])


def function(g: OddGraph, x: str) -> str:
    op = g.chance.choice(
        "Relu Sigmoid Tanh Abs Neg Exp Floor Ceil Round Erf Sign Softsign Softplus Sin Cos Atan Not Identity "
        "HardSigmoid HardSwish LeakyRelu Elu Selu Celu ThresholdedRelu Sqrt Reciprocal Log Gelu Mish Shrink".split()
    )
    slope = g.chance.choice((None, 0.1, 0.25, 1.0, 0.0, -0.5))
    if op in ("LeakyRelu", "Elu", "ThresholdedRelu", "Celu"):
        return g.node(op, [x], alpha=slope or None)
    if op == "HardSigmoid":
        return g.node(op, [x], alpha=slope, beta=g.chance.choice((None, 0.5, 0.0, 1.5)))
    if op == "Gelu":
        return g.node(op, [x], approximate=g.chance.choice((None, "tanh", "none")))
    if op == "Shrink":
        return g.node(op, [x], lambd=0.2, bias=g.chance.choice((None, 0.1)))
    if op in ("Sqrt", "Log", "Reciprocal"):
        return g.node(op, [g.node("Add", [g.node("Abs", [x]), g.constant(0.5)])])
    return g.node(op, [x])


def clip(g: OddGraph, x: str) -> str:
    low, high = g.chance.choice((0.0, -1.0, 0.5, None)), g.chance.choice((6.0, 1.0, 0.5, -2.0, None))
    if g.opset < 11:
        return g.node("Clip", [x], min=low, max=high)
    form = [] if g.some(0.7) else [1]
    if g.opset < 13 or g.some(0.9):
        form = []
    inputs = [x, *("" if each is None else g.constant(np.full(form, each)) for each in (low, high))]
    while g.some(0.5) and not inputs[-1]:
        inputs.pop()
    return g.node("Clip", inputs)


def gate(g: OddGraph, x: str) -> str:
    """x times a function of x, either way round, perhaps of its mean."""
    source = x
    if len(g.shape(x)) == 4 and g.some(0.5):
        source = g.node("GlobalAveragePool", [x])
    gate = g.node(g.chance.choice(("Sigmoid", "HardSigmoid", "Tanh")), [source])
    if g.some(0.3):
        one = g.constant(g.chance.choice((1.0, [1.0], 2.0)))
        gate = g.node("Add", [gate, one] if g.some(0.5) else [one, gate])
    return g.node("Mul", [x, gate] if g.some(0.5) else [gate, x])


def normed(g: OddGraph, x: str) -> str:
    shape, rank = g.shape(x), len(g.shape(x))
    op = g.chance.choice(
        ("BatchNormalization", "InstanceNormalization", "LayerNormalization", "LpNormalization", "LRN")
    )
    if op == "LayerNormalization":
        axis = _axis(g, rank)
        inner = shape[axis:] if g.some(0.7) else _other(g, shape[axis:])
        inputs = [x, g.normal(*inner, centre=1.0)] + ([g.normal(*inner)] if g.some(0.6) else [])
        return g.node(op, inputs, axis=axis, epsilon=g.chance.choice((None, 1e-3)))
    if op == "LpNormalization":
        return g.node(op, [x], axis=_axis(g, rank), p=g.chance.choice((None, 1, 2)))
    if op == "LRN":
        return g.node(op, [x], size=g.chance.choice((1, 3)), alpha=0.1)
    channels = shape[1] if rank > 1 else 1
    factors = [g.normal(channels, centre=1.0), g.normal(channels)]
    if op == "InstanceNormalization":
        return g.node(op, [x, *factors], epsilon=g.chance.choice((None, 1e-3)))
    inputs = [x, *factors, g.normal(channels), g.constant(g.numbers.uniform(0.4, 2, channels))]
    if g.some(0.1):
        inputs = [x, factors[0], factors[0], factors[0], inputs[4]]
    return g.node(op, inputs, epsilon=g.chance.choice((None, 1e-3)), momentum=g.chance.choice((None, 0.9)))


def _groups(g: OddGraph, channels: int, share: float) -> int:
    """A number of groups of a layer; share: of the layers, that may have several."""
    return g.chance.choice([n for n in range(1, channels + 1) if channels % n == 0]) if g.some(share) else 1


def convolution(g: OddGraph, x: str) -> str:
    """With one, two or three axes; what is odd: groups, borders, no kernel_shape, one weight for several layers."""
    shape = g.shape(x)
    if len(shape) < 3:
        raise RefusedNodeError("no image")
    axes = len(shape) - 2
    groups = _groups(g, shape[1], 0.5)
    outputs = groups * g.chance.randint(1, 3) if groups > 1 else g.chance.choice((1, 2, 3, 4, 5, 8))
    kernel = [g.chance.choice((1, 1, 2, 3, 3, 5)) for _ in range(axes)]
    given: dict[str, object] = {"group": groups if groups > 1 or g.some(0.5) else None}
    given["kernel_shape"] = kernel if g.some(0.6) else None
    given["strides"] = [g.chance.choice((1, 2, 3)) for _ in kernel] if g.some(0.5) else None
    if g.some(0.3):
        given["auto_pad"] = g.chance.choice(("SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET"))
    elif g.some(0.6):
        given["pads"] = [g.chance.randint(0, 2) for _ in range(2 * axes)]
    if g.some(0.25) and "SAME" not in str(given.get("auto_pad")):
        given["dilations"] = [g.chance.choice((1, 2)) for _ in kernel]
    weights = g.normal(outputs, shape[1] // groups, *kernel)
    bias = [g.normal(outputs)] if g.some(0.5) else ([""] if g.some(0.1) else [])
    y = g.node("Conv", [x, weights, *bias], **given)
    if g.some(0.2):
        again = g.node("Conv", [x, weights], **given)
        return g.node("Add", [y, again])
    if g.some(0.2):
        return g.node("Mul", [y, g.constant(g.chance.choice((2.0, [0.5], [[[0.5]]])))])
    return y


def transposed(g: OddGraph, x: str) -> str:
    shape = g.shape(x)
    if len(shape) < 3:
        raise RefusedNodeError("no image")
    axes = len(shape) - 2
    groups = _groups(g, shape[1], 0.3)
    kernel = [g.chance.choice((1, 2, 2, 3)) for _ in range(axes)]
    strides = [g.chance.choice((size, 1, 2)) for size in kernel]
    given: dict[str, object] = {"group": groups, "strides": strides, "kernel_shape": kernel if g.some(0.6) else None}
    if g.some(0.2):
        given["output_padding"] = [g.chance.randint(0, max(0, stride - 1)) for stride in strides]
    if g.some(0.2):
        given["output_shape"] = [size * stride for size, stride in zip(shape[2:], strides, strict=True)]
    elif g.some(0.2):
        given["auto_pad"] = g.chance.choice(("SAME_UPPER", "SAME_LOWER", "VALID"))
    elif g.some(0.3):
        given["pads"] = [g.chance.randint(0, 1) for _ in range(2 * axes)]
    if g.some(0.15):
        given["dilations"] = [g.chance.choice((1, 2)) for _ in kernel]
    outputs = g.chance.randint(1, 3)
    bias = [g.normal(outputs * groups)] if g.some(0.5) else []
    return g.node("ConvTranspose", [x, g.normal(shape[1], outputs, *kernel), *bias], **given)


def pool(g: OddGraph, x: str) -> str:
    shape = g.shape(x)
    if len(shape) < 3:
        raise RefusedNodeError("no image")
    op = g.chance.choice(
        ("MaxPool", "MaxPool", "AveragePool", "AveragePool", "LpPool", "GlobalMaxPool", "GlobalLpPool")
    )
    if op.startswith("Global"):
        return g.node(g.chance.choice((op, "GlobalAveragePool")), [x])
    kernel = [g.chance.choice((1, 2, 3, size)) for size in shape[2:]]
    given: dict[str, object] = {"kernel_shape": kernel}
    given["strides"] = [g.chance.choice((1, 2, size)) for size in kernel] if g.some(0.7) else None
    if g.some(0.25):
        given["auto_pad"] = g.chance.choice(("SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET"))
    elif g.some(0.4):
        given["pads"] = [g.chance.randint(0, size // 2) for size in kernel * 2]
    given["ceil_mode"] = g.chance.choice((0, 1)) if g.some(0.3) else None
    if op == "AveragePool" and g.some(0.4):
        given["count_include_pad"] = g.chance.choice((0, 1))
    if g.some(0.15):
        given["dilations"] = [g.chance.choice((1, 2)) for _ in kernel]
    if op == "MaxPool" and g.some(0.1):
        return g.node(op, [x], 2, **given)
    if op == "LpPool":
        given["p"] = g.chance.choice((None, 1, 2, 3))
    return g.node(op, [x], **given)


def product(g: OddGraph, x: str) -> str:
    """MatMul with constants of one to four axes on either side, or with itself."""
    shape = g.shape(x)
    last, rows = shape[-1], shape[-2] if len(shape) > 1 else 1
    form = g.chance.randint(0, 5)
    if form == 0:
        return g.node("MatMul", [g.normal(g.chance.randint(1, 6), rows), x])
    if form == 1:
        lead = shape[:-2] if g.some(0.5) else (1,) * (len(shape) - 2)
        return g.node("MatMul", [x, g.normal(*lead, last, g.chance.randint(1, 6), gain=0.5)])
    if form == 2:
        return g.node("MatMul", [x, g.normal(last)])
    if form == 3:
        order = [*range(len(shape) - 2), len(shape) - 1, len(shape) - 2]
        turned = g.node("Transpose", [x], perm=order)
        return g.node("MatMul", [x, turned] if g.some(0.5) else [turned, x])
    weights = g.normal(last, g.chance.randint(1, 8))
    y = g.node("MatMul", [x, weights])
    if g.some(0.5):
        bias = g.constant(g.numbers.normal(0, 0.3, _other(g, g.shape(y) if g.some(0.5) else (g.shape(y)[-1],))))
        y = g.node("Add", [bias, y] if g.some(0.5) else [y, bias])
    return y


def gemm(g: OddGraph, x: str) -> str:
    if len(g.shape(x)) != 2:
        x = g.node("Flatten", [x], axis=g.chance.choice((None, _axis(g, len(g.shape(x))), len(g.shape(x)))))
    rows, columns = g.shape(x)
    turned, other = g.some(0.3), g.some(0.5)
    inner, outputs = rows if turned else columns, g.chance.randint(1, 6)
    left = g.some(0.15)
    if left:
        inner = columns if other else rows
        constant = g.normal(inner, outputs) if turned else g.normal(outputs, inner)
        inputs, size = [constant, x], (outputs, rows if other else columns)
    else:
        inputs = [x, g.normal(outputs, inner) if other else g.normal(inner, outputs, gain=0.4)]
        size = (columns if turned else rows, outputs)
    if g.some(0.6):
        shape = g.chance.choice(((size[1],), size, (1,), (), (size[0], 1), (1, size[1])))
        inputs.append(g.constant(g.numbers.normal(0, 0.3, shape)))
    alpha, beta = (g.chance.choice((None, 1.0, 0.5, 2.0)) for _ in range(2))
    return g.node("Gemm", inputs, transA=int(turned) or None, transB=int(other) or None, alpha=alpha, beta=beta)


def reduced(g: OddGraph, x: str) -> str:
    op = g.chance.choice("Mean Mean Sum Max Min Prod L1 L2 SumSquare LogSum LogSumExp".split())
    rank = len(g.shape(x))
    axes = _axes(g, rank) if g.some(0.85) else None
    since = 13 if op == "Sum" else 18
    given: dict[str, object] = {"keepdims": g.chance.choice((None, 0, 1))}
    if g.opset >= since and g.some(0.3):
        given["noop_with_empty_axes"] = g.chance.choice((0, 1))
        axes = [] if axes is None and g.some(0.5) else axes
    source = g.node("Abs", [x]) if op == "LogSum" else x
    return _with_axes(g, f"Reduce{op}", source, axes, since, **given)


def extreme(g: OddGraph, x: str) -> str:
    """Where the largest is, as a number; or the largest ones."""
    rank = len(g.shape(x))
    if g.some(0.5):
        axis = _axis(g, rank)
        count = g.chance.randint(1, g.shape(x)[axis])
        if g.opset < 10:
            return g.node("TopK", [x], 2, k=count, axis=axis)
        return g.node("TopK", [x, g.ints(count)], 2, axis=axis)
    op, keep = g.chance.choice(("ArgMax", "ArgMin")), g.chance.choice((None, 0, 1))
    return g.node("Cast", [g.node(op, [x], axis=_axis(g, rank), keepdims=keep)], to=1)


def squeezed(g: OddGraph, x: str) -> str:
    shape = g.shape(x)
    ones = [axis - len(shape) if g.some(0.4) else axis for axis, size in enumerate(shape) if size == 1]
    if ones and g.some(0.5):
        g.chance.shuffle(ones)
        axes = None if g.some(0.2) else ones[: g.chance.randint(1, len(ones))]
        return _with_axes(g, "Squeeze", x, axes, 13)
    rank = len(shape) + g.chance.randint(1, 2)
    axes = g.chance.sample(range(rank), rank - len(shape))
    axes = [axis - rank if g.some(0.4) and g.opset > 10 else axis for axis in axes]
    return _with_axes(g, "Unsqueeze", x, axes, 13)


def reshaped(g: OddGraph, x: str) -> str:
    shape = g.shape(x)
    form = g.chance.randint(0, 5)
    if form == 0:
        return g.node("Flatten", [x], axis=g.chance.choice((None, _axis(g, len(shape)), len(shape), 0)))
    if form == 1:
        size = g.node("Shape", [x])
        return g.node("Reshape", [x, size])
    sizes = list(shape)
    if form == 2 and len(sizes) > 1:
        place = g.chance.randint(0, len(sizes) - 2)
        sizes[place : place + 2] = [sizes[place] * sizes[place + 1]]
    elif form == 3:
        sizes.insert(g.chance.randint(0, len(sizes)), 1)
    elif form == 4:
        sizes = [1, -1, sizes[-1]]
    given = {"allowzero": g.chance.choice((0, 1))} if g.opset > 13 and g.some(0.2) else {}
    written = [
        0 if place < len(shape) and size == shape[place] and g.some(0.3) else size for place, size in enumerate(sizes)
    ]
    if -1 not in written and g.some(0.4):
        written[g.chance.randint(0, len(written) - 1)] = -1
    return g.node("Reshape", [x, g.ints(*written)], **given)


def turned(g: OddGraph, x: str) -> str:
    order = list(range(len(g.shape(x))))
    if g.some(0.8):
        g.chance.shuffle(order)
    return g.node("Transpose", [x], perm=None if g.some(0.2) else order)


def cut(g: OddGraph, x: str) -> str:
    shape = g.shape(x)
    axes = _axes(g, len(shape))
    begins, ends, steps = [], [], []
    for axis in axes:
        size, step = shape[axis], g.chance.choice((1, 1, 1, 2, 3, -1, -2)) if g.opset > 9 else 1
        begin, end = sorted((g.chance.randint(0, size - 1), g.chance.randint(1, size)))
        end = max(end, begin + 1)
        if step < 0:
            begin, end = end - 1, begin - 1 if begin else -(2**31)
        begins.append(begin - size if g.some(0.3) else begin)
        ends.append(end - size if 0 < end < size and g.some(0.3) else 2**31 - 1 if end == size and g.some(0.5) else end)
        steps.append(step)
    if g.opset < 10:
        return g.node("Slice", [x], starts=begins, ends=ends, axes=axes)
    if g.some(0.1):
        axes, count = list(range(len(begins))), len(begins)
        return g.node("Slice", [x, g.ints(*begins[:count]), g.ints(*ends[:count])])
    kind = g.chance.choice((np.int64, np.int32))
    parts = [begins, ends, axes] + ([steps] if any(step != 1 for step in steps) or g.some(0.5) else [])
    return g.node("Slice", [x, *(g.constant(part, kind) for part in parts)])


def split(g: OddGraph, x: str) -> str:
    """All parts are read, or some."""
    shape = g.shape(x)
    axis = _axis(g, len(shape))
    size, count = shape[axis], g.chance.randint(1, min(4, shape[axis]))
    ends = sorted(g.chance.sample(range(1, size), count - 1))
    sizes = [end - begin for begin, end in zip([0, *ends], [*ends, size], strict=True)]
    even = g.some(0.4) and size % count == 0
    if even and g.some(0.7):
        parts = g.several("Split", [x], count, axis=axis, num_outputs=count if g.opset > 17 else None)
    elif g.opset < 13:
        parts = g.several("Split", [x], count, axis=axis, split=sizes)
    else:
        parts = g.several("Split", [x, g.ints(*sizes)], count, axis=axis)
    if g.some(0.5):
        return g.chance.choice(parts)
    g.chance.shuffle(parts)
    return g.node("Concat", parts, axis=axis)


def gathered(g: OddGraph, x: str) -> str:
    shape = g.shape(x)
    axis = _axis(g, len(shape))
    size = shape[axis]
    form = g.chance.choice(((), (1,), (g.chance.randint(1, size),), (2, 2), (1, 1)))
    indices = g.numbers.integers(-size if g.opset > 10 else 0, size, form)
    kind = g.chance.choice((np.int64, np.int32))
    if g.some(0.15):
        whole = g.numbers.integers(0, size, shape)
        return g.node("GatherElements", [x, g.constant(whole, np.int64)], axis=axis)
    if g.some(0.1):
        return g.node("GatherND", [x, g.constant([[0], [0]], np.int64)])
    return g.node("Gather", [x, g.constant(indices, kind)], axis=axis if axis or g.some(0.5) else None)


def padded(g: OddGraph, x: str) -> str:
    rank = len(g.shape(x))
    mode = g.chance.choice((None, "constant", "reflect", "edge", "wrap" if g.opset > 18 else None))
    pads = [g.chance.choice((0, 0, 1, 2)) for _ in range(2 * rank)]
    if rank > 2 and g.some(0.7):
        pads[0] = pads[1] = pads[rank] = pads[rank + 1] = 0
    if g.some(0.15):
        pads[g.chance.randint(0, 2 * rank - 1)] = -1
    value = g.chance.choice((None, 0.0, 0.5, -1.0)) if mode in (None, "constant") else None
    if g.opset < 11:
        return g.node("Pad", [x], pads=pads, mode=mode, value=value)
    if g.opset > 17 and g.some(0.3):
        axes = g.chance.sample(range(rank), 1)
        number = "" if value is None else g.constant(value)
        return g.node("Pad", [x, g.ints(1, g.chance.randint(0, 1)), number, g.ints(*axes)], mode=mode)
    return g.node("Pad", [x, g.ints(*pads), *([] if value is None else [g.constant(value)])], mode=mode)


def enlarged(g: OddGraph, x: str) -> str:
    shape = g.shape(x)
    factors = [1.0] * len(shape)
    for axis in range(min(2, len(shape) - 1), len(shape)):
        factors[axis] = g.chance.choice((1.0, 2.0, 2.0, 3.0, 1.5, 0.5))
    mode = g.chance.choice(("nearest", "nearest", "linear", None))
    if g.opset < 11:
        return g.node("Upsample" if g.opset < 10 else "Resize", [x, g.constant(factors)], mode=mode)
    way = g.chance.choice((None, "half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"))
    rounding = g.chance.choice((None, "floor", "ceil", "round_prefer_floor", "round_prefer_ceil"))
    given = {"mode": mode if g.some(0.9) else "cubic", "coordinate_transformation_mode": way, "nearest_mode": rounding}
    roi = g.constant(np.zeros(0)) if g.opset < 13 or g.some(0.3) else ""
    if g.opset > 17 and g.some(0.2):
        given["axes"] = [2, 3]
        factors = factors[2:]
        shape = shape[2:]
    if g.some(0.4):
        sizes = [max(1, int(size * factor)) for size, factor in zip(shape, factors, strict=True)]
        return g.node("Resize", [x, roi, g.constant(np.zeros(0)) if g.opset < 13 else "", g.ints(*sizes)], **given)
    return g.node("Resize", [x, roi, g.constant(factors)], **given)


def spread(g: OddGraph, x: str) -> str:
    shape = g.shape(x)
    if g.some(0.5):
        sizes = [size if size > 1 and g.some(0.8) else g.chance.choice((1, 2)) if size == 1 else 1 for size in shape]
        return g.node("Expand", [x, g.ints(*([2] if g.some(0.2) else []), *sizes)])
    return g.node("Tile", [x, g.ints(*(g.chance.choice((1, 1, 2)) for _ in shape))])


def chosen(g: OddGraph, x: str) -> str:
    """Where, with a condition that is computed or constant."""
    shape = g.shape(x)
    if g.some(0.3):
        condition = g.constant(g.numbers.integers(0, 2, _other(g, shape)), bool)
    else:
        limit = g.constant(g.numbers.normal(0, 0.5, _other(g, shape)))
        condition = g.node(g.chance.choice(("Greater", "Less")), [x, limit] if g.some(0.5) else [limit, x])
        if g.some(0.3):
            condition = g.node("Not", [condition])
    other = g.constant(g.numbers.normal(0, 1, _other(g, shape)))
    return g.node("Where", [condition, *([x, other] if g.some(0.5) else [other, x])])


def cast(g: OddGraph, x: str) -> str:
    """To another type and back."""
    kind = g.chance.choice((1, 6, 7, 9, 10, 11))
    return g.node("Cast", [g.node("Cast", [x], to=kind)], to=1) if kind != 1 else g.node("Cast", [x], to=1)


def joined(g: OddGraph, x: str) -> str:
    shape = list(g.shape(x))
    axis = _axis(g, len(shape))
    shape[axis] = g.chance.randint(1, 3)
    constant = g.constant(g.numbers.normal(0, 1, shape))
    parts = g.chance.choice(([x], [x, constant], [constant, x], [x, x, constant], [x, x]))
    if g.some(0.4):
        parts = [x, g.node("Relu", [x])]
    return g.node("Concat", parts, axis=axis)


def softmax(g: OddGraph, x: str) -> str:
    op = g.chance.choice(("Softmax", "Softmax", "LogSoftmax", "Hardmax"))
    return g.node(op, [x], axis=None if g.some(0.4) else _axis(g, len(g.shape(x))))


def idle(g: OddGraph, x: str) -> str:
    """Nodes without effect."""
    for _ in range(g.chance.randint(1, 3)):
        form = g.chance.randint(0, 7)
        if form == 0:
            x = g.node("Identity", [x])
        elif form == 1:
            x = g.node("Dropout", [x], g.chance.choice((1, 2)))
        elif form == 2:
            x = g.node("Mul", [x, g.constant(np.ones(_other(g, g.shape(x))))])
        elif form == 3:
            zero = g.constant(np.zeros(_other(g, g.shape(x))))
            x = g.node("Add", [x, zero] if g.some(0.5) else [zero, x])
        elif form == 4:
            x = g.node("Transpose", [x], perm=list(range(len(g.shape(x)))))
        elif form == 5:
            x = g.node("Concat", [x], axis=0)
        elif form == 6:
            x = g.node("Div", [x, g.constant(np.ones(()))])
        else:
            g.node("Relu", [x])  # nobody reads it
    return x


def blocks(g: OddGraph, x: str) -> str:
    if g.some(0.5):
        return g.node("SpaceToDepth", [x], blocksize=2)
    mode = g.chance.choice((None, "DCR", "CRD")) if g.opset > 10 else None
    return g.node("DepthToSpace", [x], blocksize=2, mode=mode)


def other(g: OddGraph, x: str) -> str:
    rank = len(g.shape(x))
    op = g.chance.choice(("CumSum", "Trilu", "EyeLike", "Einsum", "ScatterND", "OneHot", "GridSample", "Compress"))
    if op == "CumSum":
        number = g.constant(_axis(g, rank), np.int64)
        return g.node(op, [x, number], exclusive=g.chance.choice((None, 1)), reverse=g.chance.choice((None, 1)))
    if op == "Trilu":
        return g.node(op, [x], upper=g.chance.choice((None, 0, 1)))
    if op == "Einsum":
        return g.node(op, [x, g.normal(g.shape(x)[-1], 3)], equation="...a,ab->...b")
    if op == "ScatterND":
        return g.node(op, [x, g.constant([[0]], np.int64), g.constant(np.zeros((1, *g.shape(x)[1:])))])
    raise RefusedNodeError(op)


USUAL: dict[Form, int] = {  # what integer kernels know, in one form or the other
    binary: 6, with_itself: 1, function: 3, clip: 2, gate: 4, normed: 3, convolution: 8, transposed: 2, pool: 5,
    product: 5, gemm: 1, squeezed: 2, reshaped: 2, turned: 2, cut: 2, gathered: 1, enlarged: 1, joined: 2,
    softmax: 2, idle: 2, blocks: 1,
}  # fmt: skip
OTHERS: dict[Form, int] = {
    gemm: 2, reduced: 3, extreme: 1, split: 2, gathered: 1, padded: 2, enlarged: 1, spread: 1, chosen: 1, cast: 1,
    other: 1,
}  # fmt: skip
