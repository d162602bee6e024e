"""The place to add a missing operator, for the messages that refuse one. docs/models.md says more."""

from __future__ import annotations

_HOW = "docs/models.md says how"
REPLACE = "replace the operator in the model"
# By the part that cannot go on.
IMPORT = f"add it to _simplify in toolkit/ocrm55/compiler/onnx_graph/frontend.py: {_HOW}"
INTEGER = f"add a visitor to its family in toolkit/ocrm55/compiler/lowering/int8: {_HOW}"
FLOAT = f"add it to lower in toolkit/ocrm55/compiler/lowering/float32.py, with a schedule: {_HOW}"
KERNEL = f"add a kernel to firmware/kernels/FAMILY and claim it in toolkit/ocrm55/compiler/targets/m55: {_HOW}"
TYPE = f"add it to toolkit/ocrm55/compiler/c_language/literals.py: {_HOW}"
PRINTER = f"add it to toolkit/ocrm55/compiler/targets/c/expressions.py: {_HOW}"
