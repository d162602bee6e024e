"""The accuracy that `ocrm55 eval --output` has measured, for the report's table."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ocrm55 import console, files
from ocrm55.errors import InputError

FILE = "evaluation.json"


@dataclass(frozen=True)
class Share:
    """A count and the total."""

    right: int
    count: int

    @property
    def percent(self) -> str:
        return f"{100 * self.right / self.count:.1f} %" if self.count else ""


@dataclass(frozen=True)
class Accuracy:
    """One evaluation: the data, the reader, and the share that was right.

    variant: the name of the program's folder; it gives precision, kernels, widths and so on.
    """

    file: Path
    data: str
    on: str
    source: str
    variant: str
    exact: Share
    alphanumeric: Share
    character_error_rate: float
    by_class: dict[str, Share]


def load(path: Path) -> Accuracy:
    """Read an evaluation.json, or the one in a folder. Raises InputError when it is none."""
    path = path / FILE if path.is_dir() else path
    try:
        value = json.loads(files.read_text(path))
        return Accuracy(
            file=path,
            data=str(value.get("data", "")),
            on=str(value.get("on", "")),
            source=str(value.get("source", "")),
            variant=str(value.get("variant", value.get("precision", ""))),
            exact=_share(value["exact"]),
            alphanumeric=_share(value["alphanumeric"]),
            character_error_rate=float(value["character_error_rate"]),
            by_class={str(name): _share(share) for name, share in value.get("by_class", {}).items()},
        )
    except OSError as trouble:
        raise InputError(f"{path} cannot be read: {trouble.strerror}.", ["ocrm55 eval DATA --output DIR"]) from trouble
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as trouble:
        raise InputError(
            f"{path} is not an evaluation that `ocrm55 eval --output` has written.", ["ocrm55 eval DATA --output DIR"]
        ) from trouble


def _share(value: dict[str, Any]) -> Share:
    return Share(int(value["right"]), int(value["count"]))


def collect(named: Sequence[Path], root: Path) -> list[Accuracy]:
    """The named evaluations; by default those in the model's build folder."""
    if named:
        return [load(path) for path in named]
    return list(_found(sorted([*root.glob(FILE), *root.glob(f"*/{FILE}")])))


def _found(paths: Iterable[Path]) -> Iterable[Accuracy]:
    for path in paths:
        try:
            yield load(path)
        except InputError as trouble:  # nobody asked for it, so the report does not fail
            console.warning(trouble.sentence)
