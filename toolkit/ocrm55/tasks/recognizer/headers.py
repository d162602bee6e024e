"""What the recognizer adds to a compiled model: the text of its classes, and the decoder's tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ocrm55.compiler.c_language import environment
from ocrm55.compiler.c_language.literals import float_literal
from ocrm55.compiler.c_language.text import c_string, comment, lines
from ocrm55.tasks.base import Extras
from ocrm55.tasks.recognizer import context, decoding

_TEMPLATES = Path(__file__).parent / "templates"


def extras(labels: Sequence[str], decoder: str) -> Extras:
    """decoder: one that fits the labels, see decoding.for_network."""
    in_context = decoder == decoding.CONTEXT
    headers = {"labels.h": labels_header(labels)}
    if in_context:
        headers["context_tables.h"] = context_header(labels)
    definitions = [
        f"#define OCRM55_LEAD {float_literal(decoding.LEAD)} "
        "/* a narrow reading stands when its leads (ctc.h, context.h) are at least this */",
        f"#define OCRM55_CONTEXT {int(in_context)} /* whether the text is decoded in context, by context_tables.h */",
    ]
    return Extras(headers, definitions=definitions, metadata={"labels": [*labels], "decoder": decoder})


def labels_header(labels: Sequence[str]) -> str:
    """include/labels.h"""
    return _render("labels.h.j2", labels=[c_string(label) for label in labels])


def context_header(labels: Sequence[str]) -> str:
    """include/context_tables.h: the language model of the decoder, for these classes."""
    model = context.load(tuple(labels))

    def numbers(values: np.ndarray) -> str:
        return ", ".join(float_literal(float(value)) for value in values)

    return _render(
        "context_tables.h.j2",
        classes=[(comment(c_string(label)), *row) for label, row in zip(labels, model.classes.tolist(), strict=True)],
        letters=[[lines([str(v) for v in row], 29) for row in rows] for rows in model.letters.tolist()],
        numbers=[", ".join(map(str, row)) for row in model.numbers.tolist()],
        values=lines([float_literal(float(value)) for value in model.values], 8),
        shares={"prior": numbers(model.prior), "space": numbers(model.space), "end": numbers(model.end)},
        factors={name: float_literal(float(getattr(model, name))) for name in ("code", "anything", "least", "keep")},
    )


def _render(template: str, **values: Any) -> str:
    return environment.render(_TEMPLATES, template, **values)
