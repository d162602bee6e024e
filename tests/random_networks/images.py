"""Random operators on images, [1, channels, height, width]: what backbones are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.random_networks import elements
from tests.random_networks.graph import Growing

MOST_PIXELS, MOST_CHANNELS = 400, 24


def window(g: Growing, size: int, most: int = 5) -> tuple[int, int, int, int, int]:
    """Kernel, stride, dilation and the two borders along an axis, such that at least one window fits."""
    while True:
        kernel, stride = g.chance.randint(1, most), g.chance.choice((1, 1, 1, 2, 2, 3))
        dilation = 2 if g.odd(0.08) else 1
        before = g.chance.choice((0, kernel // 2, kernel // 2, g.chance.randint(0, kernel)))
        after = before if g.some(0.7) else g.chance.randint(0, kernel)
        reach = (kernel - 1) * dilation + 1
        if size + before + after >= reach and before < reach and after < reach:
            return kernel, stride, dilation, before, after


def output_size(size: int, chosen: tuple[int, int, int, int, int], auto: str = "NOTSET", ceil: bool = False) -> int:
    """Of a convolution or a pool with a window as `window` gives it."""
    kernel, stride, dilation, before, after = chosen
    reach = (kernel - 1) * dilation + 1
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        return -(-size // stride)
    if auto == "VALID":
        before = after = 0
    room = size + before + after - reach
    return (-(-room // stride) if ceil else room // stride) + 1


def convolution(g: Growing, x: str, outputs: int | None = None) -> str:
    """Any convolution, with what is folded into it behind it, or not."""
    _, channels, height, width = g.shapes[x]
    groups = 1
    if g.some(0.35):
        groups = channels
    elif g.odd(0.1):
        groups = g.chance.choice([n for n in range(1, channels + 1) if channels % n == 0])
    if groups == channels and groups > 1:
        outputs = channels * (2 if g.odd(0.1) and outputs is None and channels < 12 else 1)
    elif groups > 1:
        outputs = groups * g.chance.randint(1, 3)
    else:
        outputs = outputs or g.chance.choice((1, 3, 4, 5, 7, 8, 9, 12, 16, 17))
    pointwise = groups == 1 and g.some(0.4)
    rows, columns = (window(g, n) for n in (height, width))
    if pointwise:
        rows = columns = (1, 1, 1, 0, 0)
    auto = g.chance.choice(("SAME_UPPER", "SAME_LOWER", "VALID")) if g.some(0.12) else "NOTSET"
    if auto == "VALID" and ((rows[0] - 1) * rows[2] >= height or (columns[0] - 1) * columns[2] >= width):
        auto = "SAME_UPPER"
    if auto.startswith("SAME"):  # ONNX Runtime knows no dilation there
        rows, columns = (*rows[:2], 1, *rows[3:]), (*columns[:2], 1, *columns[3:])
    attributes: dict[str, object] = {"kernel_shape": [rows[0], columns[0]], "strides": [rows[1], columns[1]]}
    attributes |= {"dilations": [rows[2], columns[2]], "group": groups}
    attributes |= {"auto_pad": auto} if auto != "NOTSET" else {"pads": [rows[3], columns[3], rows[4], columns[4]]}
    inputs = [x, g.weights(outputs, channels // groups, rows[0], columns[0])]
    if g.some(0.6):
        inputs.append(g.constant(g.numbers.normal(0, 0.3, outputs)))
    shape = (1, outputs, output_size(height, rows, auto), output_size(width, columns, auto))
    made = g.node("Conv", inputs, shape, **attributes)
    return elements.normalised(g, made) if g.some(0.4) else made


def pool(g: Growing, x: str) -> str:
    """The mean or the largest value of windows."""
    _, channels, height, width = g.shapes[x]
    rows, columns = (window(g, n, 3) for n in (height, width))
    largest, ceil = g.some(0.5), g.odd(0.15)
    if not largest or not g.odd(0.2):
        rows, columns = (*rows[:2], 1, *rows[3:]), (*columns[:2], 1, *columns[3:])
    if g.some(0.5) or not (largest or g.odd(1)):
        rows, columns = (*rows[:3], 0, 0), (*columns[:3], 0, 0)
    rows, columns = (_inside(c, n) for c, n in ((rows, height), (columns, width)))
    # ONNX and ONNX Runtime differ about a last window that starts behind the image: it is left out here.
    ceil = ceil and all(_starts_inside(chosen, size) for chosen, size in ((rows, height), (columns, width)))
    shape = (1, channels, output_size(height, rows, ceil=ceil), output_size(width, columns, ceil=ceil))
    attributes: dict[str, object] = {"kernel_shape": [rows[0], columns[0]], "strides": [rows[1], columns[1]]}
    attributes |= {"pads": [rows[3], columns[3], rows[4], columns[4]]} if any((*rows[3:], *columns[3:])) else {}
    attributes |= {"ceil_mode": 1} if ceil else {}
    if largest:
        attributes |= {"dilations": [rows[2], columns[2]]} if rows[2] + columns[2] > 2 else {}
        return g.node("MaxPool", [x], shape, **attributes)
    attributes |= {"count_include_pad": 1} if g.some(0.3) else {}
    return g.node("AveragePool", [x], shape, **attributes)


def _inside(chosen: tuple[int, int, int, int, int], size: int) -> tuple[int, int, int, int, int]:
    """Pools may not have borders as wide as their windows, nor windows that do not fit."""
    kernel, stride, dilation, before, after = chosen
    before, after = min(before, kernel - 1), min(after, kernel - 1)
    if size + before + after < (kernel - 1) * dilation + 1:
        return (1, stride, 1, 0, 0)
    return kernel, stride, dilation, before, after


def _starts_inside(chosen: tuple[int, int, int, int, int], size: int) -> bool:
    return (output_size(size, chosen, ceil=True) - 1) * chosen[1] < size + chosen[3]


def excited(g: Growing, x: str) -> str:
    """Squeeze and excite: each channel times a number that is computed from the means of all."""
    _, channels, _, _ = g.shapes[x]
    middle = max(1, channels // g.chance.choice((1, 2, 4)))
    if g.some(0.5):
        mean = g.node("GlobalAveragePool", [x], (1, channels, 1, 1))
    else:
        mean = g.node("ReduceMean", [x], (1, channels, 1, 1), axes=[2, 3], keepdims=1)
    first = [g.weights(middle, channels, 1, 1), g.constant(g.numbers.normal(0, 0.3, middle))]
    squeezed = g.node("Conv", [mean, *first], (1, middle, 1, 1))
    squeezed = g.node("Relu", [squeezed], (1, middle, 1, 1))
    second = [g.weights(channels, middle, 1, 1), g.constant(g.numbers.normal(0, 0.3, channels))]
    gate = g.node("Conv", [squeezed, *second], (1, channels, 1, 1))
    if not g.odd(0.2):
        slopes = g.chance.choice(({}, {"alpha": 1 / 6, "beta": 0.5})) if g.odd(1) else {"alpha": 1 / 6, "beta": 0.5}
        gate = g.node("HardSigmoid", [gate], (1, channels, 1, 1), **slopes)
    else:
        gate = g.node("Sigmoid", [gate], (1, channels, 1, 1))
    sides = [x, gate] if g.some(0.8) else [gate, x]
    return g.node("Mul", sides, g.shapes[x])


def residual(g: Growing, x: str) -> str:
    """A block around which its input goes."""
    channels = g.shapes[x][1]
    inputs = [x, g.weights(channels, channels, 3, 3), g.constant(g.numbers.normal(0, 0.3, channels))]
    y = g.node("Conv", inputs, g.shapes[x], pads=[1, 1, 1, 1], kernel_shape=[3, 3])
    y = elements.activation(g, y) if g.some(0.6) else y
    return g.node("Add", [x, y] if g.some(0.5) else [y, x], g.shapes[x])


def concatenation(g: Growing, x: str) -> str:
    """Branches side by side, some of them concatenations themselves, some of them `x` itself."""
    axis = g.chance.choice((1, 1, 1, 1, 2, 3))
    parts = [_branch(g, x, axis, depth=g.chance.choice((0, 0, 1))) for _ in range(g.chance.randint(2, 3))]
    return joined(g, parts, axis)


def _branch(g: Growing, x: str, axis: int, depth: int) -> str:
    _, channels, height, width = g.shapes[x]
    if g.some(0.2):
        return x
    if depth and g.some(0.7):
        return joined(g, [_branch(g, x, axis, depth - 1) for _ in range(2)], axis)
    outputs = g.chance.randint(1, 8) if axis == 1 else channels
    y = g.node("Conv", [x, g.weights(outputs, channels, 1, 1)], (1, outputs, height, width))
    return elements.activation(g, y) if g.some(0.7) else y


def joined(g: Growing, parts: Sequence[str], axis: int) -> str:
    shape = list(g.shapes[parts[0]])
    shape[axis] = sum(g.shapes[part][axis] for part in parts)
    return g.node("Concat", parts, shape, axis=axis if g.some(0.8) else axis - 4)


def cut(g: Growing, x: str) -> str:
    """A slice along one axis or two, with ends that may lie outside, counted from either end, and steps."""
    shape = list(g.shapes[x])
    axes = g.chance.sample((1, 2, 3), g.chance.choice((1, 1, 2)))
    begins, ends, steps = [], [], []
    for axis in axes:
        size, step = shape[axis], g.chance.choice((1, 1, 1, 2, 3))
        begin = g.chance.randint(0, size - 1)
        end = g.chance.randint(begin + 1, size)
        shape[axis] = len(range(begin, end, step))
        begins.append(begin - size if g.some(0.3) else begin)
        ends.append(g.chance.choice((2**31 - 1, 2**63 - 1, size + 5)) if end == size and g.some(0.5) else end)
        steps.append(step)
    names = [g.constant(values, "i8") for values in (begins, ends, axes)]
    names += [g.constant(steps, "i8")] if any(step != 1 for step in steps) or g.some(0.5) else []
    return g.node("Slice", [x, *names], shape)


def turned(g: Growing, x: str) -> str:
    """Rows for columns, channels for rows, or pixels into channels and back."""
    _, channels, height, width = g.shapes[x]
    if g.some(0.5):
        order = g.chance.choice(([0, 1, 3, 2], [0, 2, 1, 3], [0, 3, 1, 2], [0, 2, 3, 1]))
        return g.node("Transpose", [x], [g.shapes[x][axis] for axis in order], perm=order)
    if width % 2 == 0 and channels * 2 <= MOST_CHANNELS:
        shape = (1, channels * 2, height, width // 2)
    else:
        shape = (1, 1, channels * height, width) if g.some(0.5) else (1, height, channels, width)
    return g.node("Reshape", [x, g.constant(shape, "i8")], shape)


def enlarged(g: Growing, x: str) -> str:
    """Pixels twice, or a border of zeros around the image."""
    _, channels, height, width = g.shapes[x]
    if not g.odd(0.5):
        shape = (1, channels, height * 2, width * 2)
        ways = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        return g.node("Resize", [x, "", g.constant([1, 1, 2, 2])], shape, **ways)
    top, left, bottom, right = (g.chance.randint(0, 2) for _ in range(4))
    shape = (1, channels, height + top + bottom, width + left + right)
    return g.node("Pad", [x, g.constant([0, 0, top, left, 0, 0, bottom, right], "i8")], shape)


Grow = Callable[[Growing, str], str]
CHOICES: dict[Grow, int] = {
    convolution: 10,
    pool: 3,
    excited: 2,
    residual: 2,
    concatenation: 3,
    cut: 1,
    turned: 1,
    enlarged: 1,
    elements.activation: 5,
    elements.affine: 1,
}


def grown(g: Growing, x: str, count: int) -> str:
    """An image behind `count` random operators."""
    for _ in range(count):
        _, channels, height, width = g.shapes[x]
        grow = g.chance.choices(list(CHOICES), list(CHOICES.values()))[0]
        if channels > MOST_CHANNELS:
            x = g.node("Conv", [x, g.weights(8, channels, 1, 1)], (1, 8, height, width))
        elif height * width > MOST_PIXELS:
            rows, columns = min(height, 2), min(width, 2)
            shape = (1, channels, (height - rows) // rows + 1, (width - columns) // columns + 1)
            x = g.node("MaxPool", [x], shape, kernel_shape=[rows, columns], strides=[rows, columns])
        else:
            x = grow(g, x)
    return x
