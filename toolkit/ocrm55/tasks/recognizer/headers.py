"""The recognizer's additions to a compiled model: the text of its classes, and the decoder's tables."""

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
from ocrm55.tasks.recognizer.confidence import Calibration
from ocrm55.tasks.recognizer.restriction.restriction import Tables

_TEMPLATES = Path(__file__).parent / "templates"


def extras(
    labels: Sequence[str],
    steps: int,
    decoder: str,
    lead: float = decoding.LEAD,
    tables: Tables | None = None,
    calibration: Calibration | None = None,
) -> Extras:
    """steps: of the output. decoder: one that fits the labels, see decoding.for_network. lead: see decoding.LEAD.

    tables: of a restriction; None for none. calibration: of the confidence; None where it is not known.
    """
    in_context = decoder == decoding.CONTEXT
    headers = {"labels.h": labels_header(labels)}
    if in_context:
        headers["context_tables.h"] = context_header(labels)
    if tables is not None:
        headers["restriction_tables.h"] = restriction_header(tables, in_context=in_context)
    return Extras(
        headers,
        {"labels": [*labels], "decoder": decoder}
        | ({} if lead == decoding.LEAD else {"least_lead": lead})
        | ({} if tables is None else {"restriction": tables.asked})
        | ({} if calibration is None else {"confidence": [float(value) for value in calibration.values]}),
        task="recognizer",
        constant="struct ocrm55_recognizer",
        sizes=[("TEXT_BYTES", text_bytes(steps, labels), "of the longest text, with the zero at its end")],
        sources=lambda network: {
            "recognizer.c": recognizer_source(
                network, in_context=in_context, lead=lead, tables=tables, calibration=calibration
            )
        },
    )


def text_bytes(steps: int, labels: Sequence[str]) -> int:
    """Room for the longest text of so many steps, and the zero behind it."""
    return steps * max(len(label.encode()) for label in labels) + 1


def recognizer_source(
    network: str,
    *,
    in_context: bool,
    lead: float = decoding.LEAD,
    tables: Tables | None = None,
    calibration: Calibration | None = None,
) -> str:
    """src/recognizer.c: what the classes of a network mean.

    in_context: whether context_tables.h helps to decode. tables: of restriction_tables.h, which says
    what fits; None without one. calibration: of the confidence.
    """
    values = {"prefix": network, "macro": network.upper(), "lead": float_literal(lead)}
    weights = {} if calibration is None else {n: float_literal(float(v)) for n, v in vars(calibration).items()}
    values |= {"parts_fit": str(int(tables is not None and tables.only_characters))}
    return _render(
        "recognizer.c.j2", in_context=in_context, restricted=tables is not None, calibration=weights, **values
    )


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
        groups=lines(["{" + ", ".join(map(str, bucket)) + "}" for bucket in model.groups.table.tolist()], 5),
        buckets=len(model.groups.table),
        numbers=[", ".join(map(str, row)) for row in model.numbers.tolist()],
        values=lines([float_literal(float(value)) for value in model.values], 8),
        shares={"prior": numbers(model.prior), "space": numbers(model.space), "end": numbers(model.end)},
        factors={name: float_literal(float(getattr(model, name))) for name in ("code", "anything", "least", "keep")},
    )


def restriction_header(tables: Tables, *, in_context: bool) -> str:
    """include/restriction_tables.h: what texts fit."""
    automaton = tables.automaton
    words = [tables.allowed[i : i + 32] for i in range(0, len(tables.allowed), 32)]
    masks = [sum(1 << bit for bit, allowed in enumerate(word) if allowed) for word in words]

    def numbers(values: np.ndarray) -> list[str]:
        return lines([str(value) for value in values.tolist()], 24)

    return _render(
        "restriction_tables.h.j2",
        asked={name: comment(str(value)) for name, value in tables.asked.items()},
        classes=len(tables.allowed),
        masks=lines([f"0x{mask:08x}u" for mask in masks], 8),
        states=0 if automaton is None else automaton.states,
        edges=0 if automaton is None else len(automaton.classes),
        tables={}
        if automaton is None
        else {
            "uint32_t first": numbers(automaton.first),
            "uint16_t classes": numbers(automaton.classes),
            "uint16_t targets": numbers(automaton.targets),
            "uint8_t to_go": numbers(automaton.to_go),
        },
        check=tables.check.upper() or "NONE",
        values=numbers(tables.values),
        in_context=in_context and tables.only_characters,
    )


def _render(template: str, **values: Any) -> str:
    return environment.render(_TEMPLATES, template, **values)
