"""The order and the rate of learning: from single glyphs at known places to whole photographed words."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

from ocrm55.training.samples import Mix


@dataclass(frozen=True)
class Stage:
    """Up to `until` (a share of the training): the mix of samples, and the weight of CTC against aligned cross-entropy.

    Aligned cross-entropy gives the network the right class at each output step; synthetic text knows it. CTC must find
    it, and from random weights this takes many times longer.
    """

    until: float
    mix: Mix
    ctc: float


Stages = tuple[Stage, ...]


def _short(longest: int, widest: int, clean: float) -> Mix:
    return Mix(photographs=0, scene=0, lines=1, clean=clean, longest=longest, sign_longest=longest, widest=widest)


FULL = Mix(full=0.35)
GENTLE = Mix(photographs=0.54, scene=0.13, lines=0.33, clean=0.45, full=0.35, gentle=True)
FROM_NOTHING: Stages = (
    Stage(0.08, _short(4, 80, 1.0), 0.0),
    Stage(0.16, _short(6, 96, 0.6), 0.0),
    Stage(0.24, _short(8, 128, 0.4), 0.4),
    Stage(0.36, Mix(photographs=0.1, scene=0.3, lines=0.6, longest=12, sign_longest=10, widest=160), 0.8),
    Stage(0.75, FULL, 1.0),
    Stage(1.0, GENTLE, 1.0),
)
# For a network that reads words and must learn clean lines: to distinguish every shape from those like it.
LINES = Mix(
    photographs=0.17, scene=0.05, lines=0.78, clean=0.72, full=0.35, tricky=0.3, decided=True, figures=0.12,
    decorative=0.04,
)  # fmt: skip
LINES_GENTLE = dataclasses.replace(LINES, photographs=0.2, lines=0.75, tricky=0.2, gentle=True)
FOR_LINES: Stages = (Stage(0.5, LINES, 1.0), Stage(1.0, LINES_GENTLE, 1.0))
# At the end, when int8 must read the same; this is hardest on photographs.
FOR_INT8: Stages = (
    Stage(1.0, dataclasses.replace(LINES_GENTLE, photographs=0.46, scene=0.1, lines=0.44, tricky=0.15), 1.0),
)
# For a network that a larger one can still teach both: words of signs, and receipts besides clean print.
BOTH = dataclasses.replace(LINES, photographs=0.5, scene=0.1, lines=0.4, clean=0.6, tricky=0.2)
FOR_BOTH: Stages = (Stage(0.6, BOTH, 1.0), Stage(1.0, dataclasses.replace(BOTH, gentle=True), 1.0))
FROM_CHECKPOINT: Stages = (Stage(0.6, FULL, 1.0), Stage(1.0, GENTLE, 1.0))


def stage_at(stages: tuple[Stage, ...], share: float) -> Stage:
    """The stage in which a share (0 to 1) of the training lies."""
    return next((stage for stage in stages if share < stage.until), stages[-1])


def learning_rate_at(step: int, steps: int, highest: float, *, warm_up: int = 150, hold: float = 0.0) -> float:
    """The learning rate: a line up over the first steps, `highest` up to the share `hold`, then half a cosine to 0.3
    %.
    """
    rise = min(1.0, (step + 1) / max(1, min(warm_up, steps // 10)))
    share = min(1.0, max(0.0, (step / max(1, steps) - hold) / (1 - hold)))
    return highest * rise * (0.003 + 0.997 * 0.5 * (1 + math.cos(math.pi * share)))
