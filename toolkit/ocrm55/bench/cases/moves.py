"""Moves: views and copies of attention, which `ocrm55 bench kernels` does not count."""

from __future__ import annotations

from ocrm55.bench.cases.drawn import Loops, Makers

MAKERS: Makers = {}
LOOPS: Loops = {}
