"""The mean of several trainings' weights.

    python -m ocrm55.training.twin.average a.pt b.pt mean.pt
    python -m ocrm55.training.twin.average a.pt@3 b.pt@2 mean.pt     (three parts and two)

If one training went on from the other, or both from a third, the mean reads better than either. Their mistakes differ,
and the weights between them are as good as theirs. Weights that were trained independently have no such mean.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ocrm55 import console, files
from ocrm55.errors import InputError
from ocrm55.training.twin.convert import read_torch


def average(sources: Sequence[Path], parts: Sequence[float] | None = None) -> dict[str, np.ndarray]:
    """The mean of each tensor, weighed by `parts` if given. Raises InputError for networks that differ."""
    networks = [read_torch(source) for source in sources]
    for source, network in zip(sources, networks, strict=True):
        if {n: v.shape for n, v in network.items()} != {n: v.shape for n, v in networks[0].items()}:
            raise InputError(f"{source} holds another network than {sources[0]}.")
    return {
        name: np.average([network[name] for network in networks], axis=0, weights=parts).astype(np.float32)
        for name in networks[0]
    }


def _part(word: str) -> tuple[Path, float]:
    """`a.pt@3` is three parts of a.pt, `a.pt` one."""
    path, _, part = word.rpartition("@")
    try:
        return (Path(path), float(part)) if path else (Path(word), 1.0)
    except ValueError:  # the @ is part of the file's name
        return Path(word), 1.0


def main() -> None:
    """The program: `average SOURCE SOURCE … DESTINATION`."""
    if len(sys.argv) < 4:
        raise SystemExit(__doc__)
    named, destination = [_part(word) for word in sys.argv[1:-1]], Path(sys.argv[-1])
    sources = [path for path, _ in named]
    with console.errors_end_the_program():
        weights = average(sources, [part for _, part in named])
        import torch  # imported after `average`, which reports in a sentence if it is missing

        mean = {name: torch.from_numpy(np.asarray(value)) for name, value in weights.items()}
        with files.atomic_file(destination) as staging:
            torch.save(mean, staging)
    console.note(f"{' + '.join(map(str, sources))} -> {destination}")


if __name__ == "__main__":
    main()
