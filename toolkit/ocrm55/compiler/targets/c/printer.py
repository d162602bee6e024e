"""TIR loops as C functions."""

from __future__ import annotations

import re
from math import prod
from typing import Any

from ocrm55.compiler.c_language.literals import c_type
from ocrm55.compiler.operators.program import Function, identifier
from ocrm55.compiler.targets.c.expressions import Expressions, type_of
from ocrm55.compiler.targets.c.schedules.loops import Kernel, Parameter
from ocrm55.errors import UnsupportedError

_INDENT = "    "


def print_function(name: str, kernel: Kernel, comment: str = "") -> Function:
    """The C function of a kernel: const and restrict as its parameters allow, shapes in comments beside pointers."""
    printer = _Statements()
    for parameter in kernel.parameters:
        printer.name(parameter.buffer, parameter.name)
    parameters = ",\n    ".join(_parameter(p, printer.name(p.buffer)) for p in kernel.parameters)
    printer.statement(kernel.body)
    head = f"/* {comment} */\n" if comment else ""
    prototype = f"void {name}(\n    {parameters})"
    code = "\n".join(printer.lines)
    names = [printer.name(p.buffer) for p in kernel.parameters]
    unread = [f"{_INDENT}(void){each};" for each in names if not re.search(rf"\b{each}\b", code)]
    body = "\n".join([*unread, *printer.lines])
    return Function(name, f"{head}{prototype} {{\n{body}\n}}\n", prototype, ('"ocrm55_vec.h"',))


def _parameter(parameter: Parameter, name: str) -> str:
    const = "" if parameter.written else "const "
    restrict = "" if parameter.aliased else "restrict "
    shape = "x".join(str(d) for d in parameter.shape)
    return f"{const}{c_type(type_of_element(parameter.buffer))} *{restrict}{name} /* {shape} */"


def type_of_element(buffer: Any) -> str:
    """TVM's name of the type of a buffer's elements."""
    return str(buffer.ty.dtype)


class _Statements:
    """Prints statements; keeps C names unique within the function."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._depth = 1
        self._names: dict[str, list[tuple[Any, str]]] = {}
        self._taken: set[str] = set()
        self._scalars: list[Any] = []
        self._aliases: list[tuple[Any, Any]] = []
        self._expressions = Expressions(self.name, self._place)

    def name(self, variable: Any, wanted: str = "") -> str:
        """The C name of a variable or buffer: `wanted` or its own. An object keeps its name."""
        known = self._names.setdefault(str(variable.name), [])
        for other, name in known:
            if other.same_as(variable):
                return name
        stem = identifier(wanted or str(variable.name))
        name, count = stem, 1
        while name in self._taken:
            count += 1
            name = f"{stem}_{count}"
        self._taken.add(name)
        known.append((variable, name))
        return name

    def statement(self, node: Any) -> None:
        kind = type(node).__name__.lower()
        method = getattr(self, f"_print_{kind}", None)
        if method is None:
            raise UnsupportedError(f"the C generator cannot print a TIR {type(node).__name__}.")
        method(node)

    def _place(self, buffer: Any, index: str) -> str:
        buffer = next((root for alias, root in self._aliases if alias.same_as(buffer)), buffer)
        name = self.name(buffer)
        return name if any(s.same_as(buffer) for s in self._scalars) else f"{name}[{index}]"

    def _line(self, text: str) -> None:
        self.lines.append(_INDENT * self._depth + text)

    def _block(self, head: str, body: Any) -> None:
        """A nested block; the names that it declares are free again after it."""
        taken = set(self._taken)
        self._line(head)
        self._depth += 1
        self.statement(body)
        self._depth -= 1
        self._taken = taken

    def _print_seqstmt(self, node: Any) -> None:
        parts = list(node.seq)
        while parts:
            part = parts.pop(0)
            if parts and self._initialises(part, parts[0]):
                buffer, value = part.buffer, self._expressions.index(parts.pop(0).value)
                self._scalars.append(buffer)
                self._line(f"{c_type(type_of_element(buffer))} {self.name(buffer)} = {value};")
            else:
                self.statement(part)

    @staticmethod
    def _initialises(declaration: Any, store: Any) -> bool:
        """Whether a variable's declaration is followed by its first value."""
        kinds = type(declaration).__name__, type(store).__name__
        return kinds == ("AllocBuffer", "BufferStore") and bool(
            _elements(declaration.buffer) == 1 and store.buffer.same_as(declaration.buffer)
        )

    def _print_for(self, node: Any) -> None:
        e, taken = self._expressions, set(self._taken)
        variable, start = self.name(node.loop_var), node.min
        end = e.index(node.extent if int(start) == 0 else start + node.extent)
        head = f"for (int32_t {variable} = {e.index(start)}; {variable} < {end}; ++{variable}) {{"
        self._block(head, node.body)
        self._line("}")
        self._taken = taken

    def _print_ifthenelse(self, node: Any) -> None:
        self._block(f"if ({self._expressions.index(node.condition)}) {{", node.then_case)
        if node.else_case is not None:
            self._block("} else {", node.else_case)
        self._line("}")

    def _print_bind(self, node: Any) -> None:
        value = self._expressions.index(node.value)
        self._line(f"const {c_type(type_of(node.var))} {self.name(node.var)} = {value};")

    def _print_bufferstore(self, node: Any) -> None:
        e, position = self._expressions, node.indices[0]
        value = e.index(node.value)
        if type(position).__name__ == "Ramp":
            self._line(f"f32x4_store(&{self._place(node.buffer, e.index(position.base))}, {value});")
        else:
            self._line(f"{self._place(node.buffer, e.index(position))} = {value};")

    def _print_evaluate(self, node: Any) -> None:
        if type(node.value).__name__ != "IntImm":
            self._line(f"{self._expressions.index(node.value)};")

    def _print_attrstmt(self, node: Any) -> None:
        self.statement(node.body)

    def _print_declbuffer(self, node: Any) -> None:
        """A buffer under another shape; TVM flattens multi-dimensional buffers like this."""
        data = node.data
        root = data.args[0] if type(data).__name__ == "Call" else data
        root = next((known for alias, known in self._aliases if alias.same_as(root)), root)
        self._aliases.append((node.buffer, root))

    def _print_allocbuffer(self, node: Any) -> None:
        buffer = node.buffer
        elements = _elements(buffer)
        if elements == 1:
            self._scalars.append(buffer)
            self._line(f"{c_type(type_of_element(buffer))} {self.name(buffer)};")
        else:
            self._line(f"{c_type(type_of_element(buffer))} {self.name(buffer)}[{elements}];")


def _elements(buffer: Any) -> int:
    return prod(int(extent) for extent in buffer.ty.shape)
