"""Evaluate a model on labelled pictures: read them all, in worker processes or on a cluster, and count."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ocrm55 import __version__, files
from ocrm55.evaluation import metrics
from ocrm55.evaluation.distribution import Advance, read_all
from ocrm55.evaluation.readers import Spec
from ocrm55.evaluation.readings import Reading, read_task
from ocrm55.evaluation.words import Word

# Pictures of one task: enough to outweigh a simulator's start, few enough to keep the progress bar moving.
TASK = 20


@dataclass(frozen=True)
class Evaluation:
    """All readings in the order of the label file, the figures over them, and the time that reading took."""

    readings: list[Reading]
    scores: metrics.Scores
    seconds: float = 0.0

    def worst_first(self) -> list[Reading]:
        """The wrong readings. Those with the most errors for their length come first; among equals, the surer
        reading.
        """
        wrong = [reading for reading in self.readings if reading.read != reading.written]
        return sorted(wrong, key=lambda r: (-r.errors / max(1, len(r.written)), -r.score, r.name))

    def as_values(self, **about: object) -> dict[str, object]:
        """For JSON; `about` (data, model, place) comes first."""
        rows = [
            {"name": r.name, "written": r.written, "read": r.read, "score": round(r.score, 6)}
            | ({} if r.right is None else {"right": round(r.right, 6)})
            for r in self.readings
        ]
        timed = {"seconds": round(self.seconds, 2)}
        return {"ocrm55": __version__, **about, **timed, **self.scores.as_values(), "readings": rows}

    def write_json(self, destination: Path, **about: object) -> None:
        """Write all figures and readings."""
        files.write_json(destination, self.as_values(**about))


def evaluate(
    words: Sequence[Word],
    spec: Spec,
    *,
    workers: int = 1,
    cluster: str | None = None,
    advance: Advance = lambda count: None,
) -> Evaluation:
    """Read the pictures of `words` with the reader of `spec` and count the right readings.

    workers: processes on this machine; cluster: address of a Dask scheduler, used instead of the workers.
    advance: called in this process with the number of pictures done since the last call.
    Raises InputError for a picture or model that cannot be read, TargetError when the target fails.
    """
    began = time.monotonic()
    readings = read_all(words, spec, read_task, task=TASK, workers=workers, cluster=cluster, advance=advance)
    seconds = time.monotonic() - began
    return Evaluation(readings, metrics.score((r.written, r.read) for r in readings), seconds)
