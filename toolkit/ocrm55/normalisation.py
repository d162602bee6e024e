"""Normalise the bytes of a picture for a network: by the model's own mean and deviation, channel by channel."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import onnx

from ocrm55.errors import InputError

CHANNELS = 3  # blue, green, red
KEY = "ocrm55.normalisation"  # of an ONNX model's metadata
_QUOTIENT = re.compile(r"\s*([0-9.]{1,20})\s*/\s*([0-9.]{1,20})\s*")


@dataclass(frozen=True)
class Normalisation:
    """(p * scale - mean) / deviation for a byte p, each step rounded to float32 as PaddleOCR does it.

    mean, deviation: of each channel, blue, green, red. scale: None divides by 255, which rounds otherwise than a
    product with 1/255. border: what stands in the input where the picture has ended.
    The default is what PaddleOCR's recognizers take: -1 .. 1.
    """

    mean: tuple[float, ...] = (0.5,) * CHANNELS
    deviation: tuple[float, ...] = (0.5,) * CHANNELS
    scale: float | None = None
    border: float = 0.0

    @cached_property
    def values(self) -> np.ndarray:
        """The normalised value of every byte in each channel: float32 [3, 256]."""
        levels = np.arange(256, dtype=np.float32)
        levels = levels / np.float32(255) if self.scale is None else levels * np.float32(self.scale)
        mean, deviation = (np.array(each, np.float32)[:, None] for each in (self.mean, self.deviation))
        return (levels[None] - mean) / deviation

    @property
    def range(self) -> tuple[float, float]:
        """The least and the largest value of an input."""
        low, high = float(self.values.min()), float(self.values.max())
        return min(low, self.border), max(high, self.border)

    @property
    def meaning(self) -> str:
        """The formula in words, for the generated C."""
        scaled = "p / 255" if self.scale is None else f"p * {self.scale:.9g}"
        mean, deviation = (_text(each) for each in (self.mean, self.deviation))
        return f"(({scaled}) - {mean}) / {deviation} of every byte p, each step rounded to float32 as on the host."

    def tensor(self, pixels: np.ndarray, height: int, width: int) -> np.ndarray:
        """uint8 [h, w, 3] BGR, h <= height, w <= width -> float32 [1, 3, height, width], with a border behind it."""
        rows, columns = pixels.shape[:2]
        tensor = np.full((1, CHANNELS, height, width), self.border, np.float32)
        for channel, values in enumerate(self.values):
            tensor[0, channel, :rows, :columns] = values[pixels[:, :, channel]]
        return tensor

    def write_to(self, model: onnx.ModelProto) -> None:
        """Note it in an ONNX model's metadata, unless it is the default."""
        others = {each.key: each.value for each in model.metadata_props if each.key != KEY}
        if self != Normalisation():
            others[KEY] = json.dumps(asdict(self))
        del model.metadata_props[:]
        onnx.helper.set_model_props(model, others)

    @staticmethod
    def of_model(model: onnx.ModelProto) -> Normalisation | None:
        """The normalisation in an ONNX model's metadata; None if there is none. Raises InputError for damaged
        metadata.
        """
        noted = next((each.value for each in model.metadata_props if each.key == KEY), None)
        if noted is None:
            return None
        try:
            return Normalisation.of_values(json.loads(noted))
        except (ValueError, LookupError, TypeError, RecursionError) as trouble:
            raise InputError(f"the ONNX model's metadata `{KEY}` is damaged.", ["ocrm55 compile --force"]) from trouble

    @staticmethod
    def of_values(found: Mapping[str, Any]) -> Normalisation:
        """Its fields by their names. Raises ValueError, LookupError or TypeError for others."""
        mean, deviation = _channels(found["mean"]), _channels(found["deviation"])
        scale = None if found["scale"] is None else _number(found["scale"])
        return _checked(Normalisation(mean, deviation, scale, _number(found["border"])))

    @staticmethod
    def of_settings(step: Mapping[str, Any]) -> Normalisation:
        """The normalisation of PaddleOCR's `NormalizeImage` with these arguments.

        Raises ValueError, LookupError or TypeError for arguments that cannot be understood.
        """
        return _checked(Normalisation(_channels(step["mean"]), _channels(step["std"]), _scale(step.get("scale"))))


def _scale(value: Any) -> float:
    """PaddleOCR's settings have a number or a text such as `1./255.`; 1/255 without one."""
    if value is None:
        return 1 / 255
    if isinstance(value, str) and (parts := _QUOTIENT.fullmatch(value)):
        return float(parts[1]) / float(parts[2] if float(parts[2]) else "nan")
    return _number(value)


def _number(value: Any) -> float:
    number = float(value)
    if isinstance(value, bool) or not np.isfinite(np.float32(number)):
        raise ValueError(f"{value} is no number")
    return number


def _channels(values: Any) -> tuple[float, ...]:
    if not isinstance(values, list | tuple) or len(values) != CHANNELS:
        raise ValueError(f"{values} are not {CHANNELS} numbers")
    return tuple(_number(value) for value in values)


def _checked(found: Normalisation) -> Normalisation:
    with np.errstate(all="ignore"):
        reach = np.ptp(found.values, axis=1)  # of each channel
    if not np.isfinite([*reach, *found.range]).all() or not reach.all():
        raise ValueError("no values that a network could tell apart")
    return found


def _text(values: tuple[float, ...]) -> str:
    """One number where all channels have the same."""
    if len(set(values)) == 1:
        return f"{values[0]:.9g}"
    return f"[{', '.join(f'{value:.9g}' for value in values)}]"
