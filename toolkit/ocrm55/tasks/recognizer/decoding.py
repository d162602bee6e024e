"""The decoders that make a text of the network's probabilities: in context, or greedy, by each step alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ocrm55.tasks.recognizer import confidence, context, ctc, restricted
from ocrm55.tasks.recognizer.ctc import Recognition
from ocrm55.tasks.recognizer.restriction.restriction import Tables

CONTEXT, GREEDY = "context", "greedy"
# A reading at less than full width stands when at every step the likeliest class is by so much likelier than all that
# would give another text, and in context the text than the next likely (least_lead); otherwise the image is
# read again at full width. docs/widths.md has figures. A model's settings may say another (PostProcess: least_lead).
LEAD = 0.5
DECODERS: dict[str, Callable[[np.ndarray, Sequence[str]], Recognition]] = {CONTEXT: context.decode, GREEDY: ctc.decode}


def for_network(decoder: str, charset: Sequence[str], steps: int) -> str:
    """The decoder itself, or `greedy` if context does not know the characters or the number of steps."""
    return decoder if context.fits(charset) and steps <= context.STEPS else GREEDY


def decode(
    probabilities: np.ndarray, charset: Sequence[str], decoder: str, tables: Tables | None = None
) -> Recognition:
    """Decode probabilities float32 [steps, classes] as a program compiled with `--decoder` does it, to the last bit.

    tables: of a restriction. Where no text fits, the text is empty, and `seen` is what was read without restriction.
    """
    if tables is not None:
        found = restricted.recognition(_within(probabilities, charset, decoder, tables), charset)
        return found or Recognition("", 0.0, False, decode(probabilities, charset, decoder))
    return DECODERS[for_network(decoder, charset, len(probabilities))](probabilities, charset)


def with_confidence(
    found: Recognition, probabilities: np.ndarray, calibration: confidence.Calibration | None
) -> Recognition:
    """The same reading with its confidence, as `ocrm55_measure_confidence` measures it; none where nothing fits."""
    if not found.fits:
        return found
    return replace(found, confidence=confidence.measure(probabilities, found.classes, found.lead, calibration))


def least_lead(probabilities: np.ndarray, charset: Sequence[str], decoder: str, tables: Tables | None = None) -> float:
    """The smallest lead of the text, as a program for several widths computes it, 0 to 1."""
    if tables is not None:
        lead = float(_within(probabilities, charset, decoder, tables).lead)
        return min(ctc.least_lead(probabilities), lead)
    if for_network(decoder, charset, len(probabilities)) == GREEDY:
        return ctc.least_lead(probabilities)
    return min(ctc.least_lead(probabilities), context.lead(probabilities, charset))


def _within(probabilities: np.ndarray, charset: Sequence[str], decoder: str, tables: Tables) -> restricted.Found:
    in_context = for_network(decoder, charset, len(probabilities)) == CONTEXT
    return restricted.decode(probabilities, charset, tables, context.load(tuple(charset)) if in_context else None)
