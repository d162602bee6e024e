"""Readable names of layers, and the block of the network that each layer belongs to."""

from __future__ import annotations

import re
from collections.abc import Sequence

# Words of the recognizer's module names; other networks keep their names.
_PARTS = [
    (r"^backbone\.block_list\.(\d+)\.", r"block \1 "),
    (r"^head\.ctc_encoder\.encoder\.svtr_block\.(\d+)\.", r"svtr \1 "),
    (r"^head\.ctc_encoder\.encoder\.", "neck "),
    (r"^head\.ctc_head\.", "head "),
    (r"\bse\b", "SE"),
    (r"\b_(depthwise|pointwise)_conv\b", r"\1"),
    (r"\b_se\b", "SE"),
    (r"\b(mixer|mlp)\.", ""),
    (r"\.?\b_?conv$", ""),
]
# Operators that TVM or the lowering put behind a layer: `LAYER/globalaveragepool.2`.
_TAILS = {"globalaveragepool": "global average pool", "averagepool": "average pool"}
_BLOCKS = [
    (r"^backbone\.block_list\.(\d+)\.", r"block \1"),
    (r"^head\.ctc_encoder\.encoder\.svtr_block\.(\d+)\.", r"svtr \1"),
    (r"^backbone\.", "stem"),
    (r"^head\.ctc_encoder\.", "neck"),
    (r"^head\.", "head"),
]


def readable(name: str) -> str:
    """`backbone.block_list.3._depthwise_conv._conv` becomes `block 3 depthwise`; an unknown name stays as it is."""
    layer, _, tail = name.partition("/")
    text = layer
    for pattern, replacement in _PARTS:
        text = re.sub(pattern, replacement, text)
    if text in (layer, ""):
        return name
    text = " ".join(re.sub(r"[._]+", " ", text).split())
    kind, _, number = tail.partition(".")
    tail = " ".join(part for part in (_TAILS.get(kind, kind), number) if part)
    return f"{text} · {tail}" if tail else text


def block(name: str) -> str:
    """The block of the network that a layer is part of; for an unknown name, its first part."""
    for pattern, replacement in _BLOCKS:
        if found := re.match(pattern, name):
            return found.expand(replacement)
    return re.split(r"[./]", name.lstrip("/"))[0] or name


def unique(names: Sequence[str], kinds: Sequence[str]) -> list[str]:
    """The names, made unique: a repeated name gets its operator's kind behind it, or a number."""
    seen: dict[str, int] = {}
    first: dict[str, str] = {}
    result = []
    for name, kind in zip(names, kinds, strict=True):
        if first.setdefault(name, kind) != kind:
            name = f"{name} · {kind.replace('_', ' ')}"  # noqa: PLW2901
        seen[name] = seen.get(name, 0) + 1
        result.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return result
