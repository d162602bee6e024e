"""One browser tab: its settings, the newest frame, what was read before. A slow tab loses frames; none is queued."""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ocrm55.errors import InputError
from ocrm55.live import cost
from ocrm55.live.cost import Rates
from ocrm55.live.engine import ENGINES, Answer, Engine, pixels_of
from ocrm55.live.steady import Steady
from ocrm55.live.tracking import Tracker
from ocrm55.restriction import Restriction
from ocrm55.simulators.listener import Listener
from ocrm55.tasks.recognizer.restriction.restriction import Tables, tables_of

MOST_WORDS = 4096  # bytes of a message in JSON
_LONGEST = 200  # characters of an allow list or a pattern
_CLOCKS = (1.0, 2000.0)


@dataclass
class Settings:
    """What a tab asked for. engine: of ENGINES. clock: of the board, in MHz. region: of one line, in shares."""

    engine: str = "native"
    clock: float = 400.0
    region: tuple[float, float, float, float] | None = None
    allow: str = ""
    pattern: str = ""
    threshold: float = 0.8

    @property
    def is_slow(self) -> bool:
        """Whether a frame takes a run of a simulator, or another engine than the native one."""
        return self.engine != "native" and self.region is None


def message_of(text: str) -> dict[str, Any]:
    """A message of a page. Raises InputError for anything that is none."""
    if len(text) > MOST_WORDS:
        raise InputError("a message is too long.")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as trouble:
        raise InputError("a message is no JSON.") from trouble
    if not isinstance(value, dict) or value.get("type") not in ("settings", "prove", "stop"):
        raise InputError("a message is neither settings nor a wish.")
    return value


def settings_of(value: dict[str, Any]) -> Settings:
    """Settings as a page sends them. Raises InputError for others."""
    engine = value.get("engine", "native")
    if engine not in ENGINES:
        raise InputError("there is no such engine.")
    region = value.get("region")
    shares = None
    if region is not None:
        if not isinstance(region, list) or len(region) != 4:
            raise InputError("a region has four numbers.")
        x, y, width, height = (_number(each, 0.0, 1.0) for each in region)
        shares = (x, y, max(min(width, 1 - x), 0.001), max(min(height, 1 - y), 0.001))
    allow, pattern = (value.get(name, "") for name in ("allow", "pattern"))
    if not all(isinstance(each, str) and len(each) <= _LONGEST for each in (allow, pattern)):
        raise InputError("an allow list or a pattern is too long.")
    threshold = _number(value.get("threshold", 0.8), 0.0, 1.0)
    return Settings(engine, _number(value.get("clock", 400.0), *_CLOCKS), shares, allow, pattern, threshold)


def _number(value: object, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InputError("a number is missing.")
    return min(max(float(value), low), high)


@dataclass
class Session:
    """A tab. labels, steps: of the recognizer's classes. Its methods run one after the other.

    listener: of a simulator's run, for the tab.
    """

    engine: Engine
    labels: tuple[str, ...]
    steps: int
    rates: Rates | None = None
    settings: Settings = field(default_factory=Settings)
    listener: Listener = field(default_factory=lambda: Listener(lambda text: None))
    _tracker: Tracker = field(default_factory=Tracker)
    _steady: Steady = field(default_factory=Steady)
    _tables: Tables | None = None
    _pixels: np.ndarray | None = None

    def change(self, settings: Settings) -> None:
        """Take other settings. Raises InputError for a pattern that cannot be one."""
        asked = Restriction(settings.allow, settings.pattern)
        self._tables = tables_of(asked, self.labels, self.steps)
        if settings.region != self.settings.region or settings.threshold != self.settings.threshold:
            self._steady = Steady(settings.threshold)
        self.settings = settings

    def step(self, data: bytes) -> dict[str, Any]:
        """The answer to a frame. Raises Ocrm55Error."""
        pixels = pixels_of(data)
        self._pixels = pixels
        if self.settings.region is not None:
            return self._one_line(pixels)
        if self.settings.engine == "native":
            answer = self.engine.follow(pixels, self._tracker)
        else:
            answer = self.engine.whole(pixels, self.settings.engine, self.listener)
        return {"type": "frame", **self._values(answer, pixels)}

    def prove(self) -> dict[str, Any]:
        """Whether QEMU computes the last frame's bits too. Raises Ocrm55Error."""
        if self._pixels is None:
            raise InputError("there was no frame yet.")
        return {"type": "proof", **self.engine.prove(self._pixels, self.listener)}

    def _one_line(self, pixels: np.ndarray) -> dict[str, Any]:
        assert self.settings.region is not None
        begun = time.monotonic()
        text, score, box = self.engine.line(pixels, self.settings.region)
        known = all(character in self.labels for character in text)
        classes = [self.labels.index(character) for character in text] if known else []
        fits = bool(text) and (self._tables is None or (known and self._tables.fits(classes)))
        x, y, width, height = self.settings.region
        corners = [[x, y], [x + width, y], [x + width, y + height], [x, y + height]]
        lines = [{"number": 0, "corners": corners, "text": text, "score": round(score, 6)}]
        said = self._steady.take(text, score, fits)
        answer = Answer(lines, time.monotonic() - begun, readings=[box])
        return {"type": "frame", **self._values(answer, pixels), "fits": fits, "said": said}

    def _values(self, answer: Answer, pixels: np.ndarray) -> dict[str, Any]:
        value: dict[str, Any] = {
            "engine": "native" if self.settings.region is not None else self.settings.engine,
            "size": [int(pixels.shape[1]), int(pixels.shape[0])],
            "lines": list(answer.lines),
            "milliseconds": round(1000 * answer.seconds, 1),
            "came": list(answer.came),
            "changed": list(answer.changed),
            "left": list(answer.left),
            "uart": answer.uart,
        }
        if answer.readings is not None:
            value["readings"] = len(answer.readings)
            if self.rates is not None:
                count = self.rates.instructions(answer.readings, detects=self.settings.region is None)
                low, high = cost.milliseconds(count, self.settings.clock)
                value["board"] = {"instructions": count, "milliseconds": [round(low, 1), round(high, 1)]}
        return value
