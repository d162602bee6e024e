"""Two builds side by side: what changed in sum and layer by layer, and whether it grew by more than is allowed."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ocrm55 import console, elf
from ocrm55.errors import InputError, StrictError
from ocrm55.files import read_text
from ocrm55.report import figures, names
from ocrm55.report.figures import MACS

PROFILE, ARTIFACT, FIRMWARE = "profile.json", "metadata.json", "ocrm55.elf"
SUMS = {
    "arena_bytes": "arena, bytes",
    "weight_bytes": "weights, bytes",
    "code_bytes": "code and constants, bytes",
    "macs": MACS,
    "instructions": "instructions",
    "cycles": "cycles, likely",
}
_OF_LAYERS = ("cycles", "instructions", "macs", "weight_bytes")
_MOST = 1e18  # of any figure
_CODE = (".vectors", ".text", ".rodata", ".ARM.extab", ".ARM.exidx", ".data")


@dataclass(frozen=True)
class Build:
    """Figures of a build. sums: by the keys of SUMS, those that it has. layers: name -> figures, in order."""

    name: str
    sums: dict[str, float] = field(default_factory=dict)
    layers: dict[str, dict[str, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Change:
    """A figure of two builds; None where one has it not."""

    name: str
    figure: str
    before: float | None
    after: float | None

    @property
    def difference(self) -> float:
        return (self.after or 0) - (self.before or 0)

    @property
    def share(self) -> float | None:
        """Growth as a share of what was; None where nothing was."""
        return self.difference / self.before if self.before else None

    @property
    def in_percent(self) -> str:
        """`+1.3 %`; `new` and `gone` for layers that one build has not."""
        if self.before is None or self.after is None:
            return "new" if self.before is None else "gone"
        return "" if not self.share else f"{100 * self.share:+.1f} %"


def read(path: Path) -> Build:
    """A build's figures: of a profile.json, or of a folder with one, with a metadata.json, or with an ocrm55.elf.

    Raises InputError for a path that has none of these, or a damaged one.
    """
    files = [path] if path.is_file() else [path / name for name in (PROFILE, ARTIFACT, FIRMWARE)]
    found = [file for file in files if file.is_file()]
    if not found:
        raise InputError(
            f"{path} has no figures: no {PROFILE}, {ARTIFACT} or {FIRMWARE}.",
            ["name a folder that `ocrm55 profile --out DIR`, `compile` or `build` wrote"],
        )
    build = Build(str(path))
    for file in found:
        if file.suffix == ".elf":
            sections = elf.read_sections(file)
            build.sums["code_bytes"] = sum(section.size for section in sections if section.name in _CODE)
        else:
            _add(build, _json(file), file)
    return build


def _json(file: Path) -> dict[str, Any]:
    try:
        value = json.loads(read_text(file))
    except (OSError, ValueError, RecursionError) as trouble:
        raise InputError(f"{file} cannot be read as JSON.", ["ocrm55 profile --out DIR IMAGE"]) from trouble
    if not isinstance(value, dict):
        raise InputError(f"{file} is no JSON object.", ["ocrm55 profile --out DIR IMAGE"])
    return value


def _add(build: Build, value: Mapping[str, Any], file: Path) -> None:
    """Figures of profile.json or metadata.json, which call layers `layers` and `operators`."""
    try:
        for name in ("arena_bytes", "weight_bytes"):
            build.sums[name] = _figure(value[name])
        rows = value["layers"] if "layers" in value else value["operators"]
        for label, row in _labelled(rows):
            layer = build.layers.setdefault(label, {})
            for figure in ("instructions", "macs", "weight_bytes"):
                if row.get(figure) is not None:
                    layer[figure] = _figure(row[figure])
        for label, row in _labelled(value.get("cycles", {}).get("layers", ())):
            build.layers[label]["cycles"] = _figure(row["cycles"]["likely"])
    except (KeyError, TypeError, ValueError, AttributeError) as trouble:
        raise InputError(f"{file} is damaged: its layers are not as ocrm55 writes them.") from trouble
    for figure in ("instructions", "macs", "cycles"):
        of_layers = [layer[figure] for layer in build.layers.values() if figure in layer]
        if of_layers:
            build.sums[figure] = sum(of_layers)


def _figure(value: object) -> float:
    """A figure of JSON. Raises ValueError for what counts nothing: a word, a truth, no number, more than can be."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MOST:
        raise ValueError("no figure")
    return float(value)


def _labelled(rows: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The rows with their names; operators of one layer share its name, and get a number from the second on."""
    seen: Counter[str] = Counter()
    for row in rows:
        name = str(row["name"])
        seen[name] += 1
        yield (name if seen[name] == 1 else f"{name}/{seen[name]}"), row


def sums(before: Build, after: Build) -> list[Change]:
    """The figures that both builds have."""
    both = [name for name in SUMS if name in before.sums and name in after.sums]
    return [Change(SUMS[name], name, before.sums[name], after.sums[name]) for name in both]


def layers(before: Build, after: Build) -> list[Change]:
    """The layers that changed, in the finest figure that both builds have, the largest change first."""
    figure = next((name for name in _OF_LAYERS if name in before.sums and name in after.sums), None)
    if figure is None:
        return []
    every = dict.fromkeys([*before.layers, *after.layers])
    changes = [Change(name, figure, _of(before, name, figure), _of(after, name, figure)) for name in every]
    changed = [change for change in changes if change.before != change.after]
    return sorted(changed, key=lambda change: -abs(change.difference))


def _of(build: Build, name: str, figure: str) -> float | None:
    return build.layers[name].get(figure, 0.0) if name in build.layers else None


def limit_of(text: str) -> float:
    """`2%` or `2` as a share, 0.02. Raises InputError for no per cent."""
    found = re.fullmatch(r"(\d{1,4}(\.\d{1,6})?) ?%?", text.strip())
    if not found:
        raise InputError(f"`{text[:80]}` is no per cent.", ["--fail-over 2%", "--fail-over 0.5%"])
    return float(found[1]) / 100


def check(changes: Sequence[Change], limit: float) -> None:
    """Raise StrictError where a sum grew by more than a share of what it was."""
    grown = [change for change in changes if change.share is not None and change.share > limit]
    if grown:
        words = "; ".join(f"{change.name}: {change.in_percent}" for change in grown)
        raise StrictError(f"{words}, more than the {100 * limit:g} % that --fail-over allows.")


def show(before: Build, after: Build, most: int) -> None:
    """Print the sums and at most so many layers, in 80 columns."""
    console.paragraph(f"before  {before.name}")
    console.paragraph(f"after   {after.name}")
    columns = ("figure", "before", "after", "change", "share")
    console.table("", columns, _rows(sums(before, after)), right=columns[1:])
    changed = layers(before, after)
    console.result()
    if not changed:
        console.result("No layer changed." if before.layers and after.layers else "There are no layers to compare.")
        return
    console.table(SUMS[changed[0].figure], ("layer", *columns[1:]), _rows(changed[:most]), right=columns[1:])
    if len(changed) > most:
        console.result(f"{len(changed) - most} more layers changed: --most {len(changed)}")


def _rows(changes: Sequence[Change]) -> Iterator[tuple[str, ...]]:
    for change in changes:
        values = ("" if each is None else figures.short(each) for each in (change.before, change.after))
        sign = "" if not change.difference else "+" if change.difference > 0 else "-"
        changed = f"{sign}{figures.short(abs(change.difference))}" if sign else "same"
        yield (names.readable(change.name), *values, changed, change.in_percent)


def values(before: Build, after: Build) -> dict[str, Any]:
    """Everything for JSON."""

    def of(changes: Sequence[Change]) -> list[dict[str, Any]]:
        return [
            {"name": c.name, "figure": c.figure, "before": c.before, "after": c.after, "share": c.share}
            for c in changes
        ]

    return {
        "before": before.name,
        "after": after.name,
        "sums": of(sums(before, after)),
        "layers": of(layers(before, after)),
    }
