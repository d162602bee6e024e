"""TIR expressions as C.

Vectors of four floats become calls of ocrm55_vec.h, so that one source serves Helium and the host.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ocrm55.compiler.c_language.literals import c_type, float_literal
from ocrm55.compiler.operators import advice
from ocrm55.errors import UnsupportedError

# C's division and remainder round towards zero, TIR's floor forms round down. They differ only for negative values;
# then a helper function is called.
_BINARY = {
    "Add": "+",
    "Sub": "-",
    "Mul": "*",
    "Div": "/",
    "FloorDiv": "/",
    "FloorMod": "%",
    "Mod": "%",
    "EQ": "==",
    "NE": "!=",
    "LT": "<",
    "LE": "<=",
    "GT": ">",
    "GE": ">=",
    "And": "&&",
    "Or": "||",
}
# Sums of products and `&&` have no superfluous parentheses; elsewhere parentheses help the reader.
_BARE = {("Add", "Add"), ("Add", "Mul"), ("Sub", "Mul"), ("Mul", "Mul"), ("And", "And"), ("Or", "Or")}

_FUNCTIONS = {
    "exp": "f32_exp",
    "sqrt": "sqrtf",
    "tanh": "tanhf",
    "log": "logf",
    "erf": "erff",
    "fabs": "fabsf",
    "floor": "floorf",
    "ceil": "ceilf",
    "trunc": "truncf",
    "round": "rintf",
    "nearbyint": "rintf",
    "pow": "powf",
    "sin": "sinf",
    "cos": "cosf",
    "rsqrt": "ocrm55_rsqrt",
    "sigmoid": "ocrm55_sigmoid",
}

_VECTOR_FUNCTIONS = {"exp": "f32x4_exp", "sigmoid": "f32x4_sigmoid"}


def type_of(expression: Any) -> str:
    """TVM's name of the type of an expression or buffer element: float32, float32x4, int32."""
    kind = expression.ty
    return str(getattr(kind, "dtype", kind))


class Expressions:
    """Prints expressions; `name` gives the C name of a variable or buffer, `place` the C expression of an element."""

    def __init__(self, name: Callable[[Any], str], place: Callable[[Any, str], str]) -> None:
        self._name = name
        self._place = place

    def print(self, node: Any) -> str:
        """C for one expression."""
        kind = type(node).__name__
        if kind in _BINARY:
            return self._binary(node, kind)
        method = getattr(self, f"_print_{kind.lower()}", None)
        if method is None:
            raise _unsupported(f"a TIR {kind}")
        return str(method(node))

    def index(self, node: Any) -> str:
        """An index without the parentheses around the whole."""
        text = self.print(node)
        return text[1:-1] if _encloses(text) else text

    def _binary(self, node: Any, kind: str) -> str:
        left, right = node.a, node.b
        if kind in ("FloorDiv", "FloorMod") and _may_be_negative(left):
            return self._function(f"ocrm55_{kind.lower()}_{type_of(node)}", [left, right])
        if kind == "Mod" and type_of(node) == "float32":
            return self._function("fmodf", [left, right])
        if type_of(node) == "float32x4" and kind == "Add":
            for addend, product in ((left, right), (right, left)):
                if type(product).__name__ == "Mul":
                    return self._multiply_add(addend, product)
        return f"({self._operand(left, kind, first=True)} {_BINARY[kind]} {self._operand(right, kind, first=False)})"

    def _operand(self, node: Any, parent: str, *, first: bool) -> str:
        """One side of a binary operator. Sums and products group to the left: on the right they keep parentheses."""
        kind, text = type(node).__name__, self.print(node)
        bare = (parent, kind) in _BARE and (first or kind != parent or parent in ("And", "Or"))
        return text[1:-1] if bare and _encloses(text) else text

    def _multiply_add(self, addend: Any, product: Any) -> str:
        for vector, scalar in ((product.a, product.b), (product.b, product.a)):
            if type(scalar).__name__ == "Broadcast":
                return self._function("f32x4_fma_n", [addend, vector, scalar.value])
        return self._function("f32x4_fma", [addend, product.a, product.b])

    def _print_intimm(self, node: Any) -> str:
        dtype = type_of(node)
        if dtype == "bool":
            return "true" if node.value else "false"
        return f"INT64_C({node.value})" if dtype == "int64" else str(node.value)

    def _print_floatimm(self, node: Any) -> str:
        return float_literal(float(node.value))

    def _print_var(self, node: Any) -> str:
        return self._name(node)

    def _print_max(self, node: Any) -> str:
        return self._extreme("max", node)

    def _print_min(self, node: Any) -> str:
        return self._extreme("min", node)

    def _extreme(self, which: str, node: Any) -> str:
        dtype = type_of(node)
        left, right = self.index(node.a), self.index(node.b)
        if dtype == "float32x4":
            return f"f32x4_{which}({left}, {right})"
        if dtype == "float32":
            return f"f{which}f({left}, {right})"
        return f"ocrm55_{which}_{dtype}({left}, {right})"

    def _print_not(self, node: Any) -> str:
        return f"!({self.index(node.a)})"

    def _print_cast(self, node: Any) -> str:
        return f"(({c_type(type_of(node))}){self.print(node.value)})"

    def _print_select(self, node: Any) -> str:
        return self._choice(node.condition, node.true_value, node.false_value)

    def _choice(self, condition: Any, yes: Any, no: Any) -> str:
        return f"({self.print(condition)} ? {self.print(yes)} : {self.print(no)})"

    def _print_broadcast(self, node: Any) -> str:
        return f"f32x4_set({self.index(node.value)})"

    def _print_tensorload(self, node: Any) -> str:
        position = node.indices[0]
        if type(position).__name__ != "Ramp":
            return self._place(node.source, self.index(position))
        pointer = f"&{self._place(node.source, self.index(position.base))}"
        stride = int(position.stride)
        return f"f32x4_load({pointer})" if stride == 1 else f"f32x4_load_stride({pointer}, {stride})"

    def _print_call(self, node: Any) -> str:
        op = str(node.op.name).split(".")[-1]
        arguments = list(node.args)
        if op == "call_extern":
            return self._function(arguments[0].value, arguments[1:])
        special = {
            "address_of": lambda: f"&{self.print(arguments[0])}",
            "if_then_else": lambda: self._choice(*arguments),
            "likely": lambda: self.print(arguments[0]),
        }
        if op in special:
            return special[op]()
        known = {"float32": _FUNCTIONS, "float32x4": _VECTOR_FUNCTIONS}.get(type_of(node), {})
        if op not in known:
            raise _unsupported(f"the TIR intrinsic `{op}` on {type_of(node)}")
        return self._function(known[op], arguments)

    def _function(self, name: str, arguments: list[Any]) -> str:
        return f"{name}({', '.join(self.index(a) for a in arguments)})"


def _may_be_negative(node: Any) -> bool:
    """Whether an index subtracts anything; loop variables count from zero."""
    if type(node).__name__ == "Sub":
        return True
    if type(node).__name__ == "IntImm":
        return int(node.value) < 0
    return any(
        _may_be_negative(part) for part in (getattr(node, "a", None), getattr(node, "b", None)) if part is not None
    )


def _encloses(text: str) -> bool:
    """Whether one pair of parentheses encloses the whole text."""
    if not text.startswith("(") or not text.endswith(")"):
        return False
    depth = 0
    for position, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth == 0 and position < len(text) - 1:
            return False
    return True


def _unsupported(what: str) -> UnsupportedError:
    return UnsupportedError(f"the C generator cannot print {what}.", [advice.PRINTER])
