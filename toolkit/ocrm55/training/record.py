"""The record of a training for people: a log with a line for each measurement, and the curve as a picture."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from ocrm55 import files
from ocrm55.errors import InputError, ToolchainError


@dataclass
class Record:
    """The measurements so far. rows: step, images, loss, images_per_second, and a share for each check."""

    rows: list[dict[str, float]] = field(default_factory=list)
    best: float = -1.0
    best_step: int = -1

    def add(self, row: dict[str, float], merit: float) -> bool:
        """Add a measurement; return whether it is the best one yet."""
        self.rows.append(row)
        if merit <= self.best:
            return False
        self.best, self.best_step = merit, int(row["step"])
        return True

    def since_best(self) -> int:
        """Measurements since the best one."""
        return sum(row["step"] > self.best_step for row in self.rows)

    def write(self, destination: Path) -> None:
        """Write log.jsonl."""
        files.write_text(destination, "".join(json.dumps(row) + "\n" for row in self.rows))


def load_rows(log: Path) -> list[dict[str, float]]:
    """Read a log.jsonl. Raises InputError when it is none."""
    try:
        return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, ValueError) as trouble:
        raise InputError(f"{log} is not a training log: {trouble}.") from trouble


def draw_curve(rows: list[dict[str, float]], destination: Path) -> None:
    """Draw loss and shares over the images seen, as a PNG.

    Raises ToolchainError when matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as missing:
        raise ToolchainError("The curve needs matplotlib.", ["pip install 'ocrm55[train]'"]) from missing
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    shares = figure.add_subplot()
    losses = shares.twinx()
    seen = [row["images"] for row in rows]
    known = ("step", "images", "loss", "images_per_second", "learning_rate", "minutes")
    for name in [name for name in rows[0] if name not in known] if rows else []:
        shares.plot(seen, [100 * row.get(name, 0) for row in rows], marker=".", label=name)
    losses.plot(seen, [row["loss"] for row in rows], color="0.6", linewidth=1, label="loss")
    shares.set(xlabel="images seen", ylabel="right, %", ylim=(0, 100))
    losses.set(ylabel="loss")
    shares.grid(alpha=0.3)
    shares.legend(loc="lower right")
    with files.atomic_file(destination) as staging:
        figure.savefig(staging, format="png", dpi=120)
