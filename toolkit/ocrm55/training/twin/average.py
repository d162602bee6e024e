"""The mean of several trainings' weights.

    python -m ocrm55.training.twin.average a.pt b.pt mean.pt

Where one training went on from the other, or both from a third, the mean reads better than either: their mistakes
differ, and the weights between them are as good as theirs. Weights that were trained apart have no such mean.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ocrm55 import console, files
from ocrm55.errors import InputError, Ocrm55Error
from ocrm55.training.twin.convert import read_torch


def average(sources: Sequence[Path]) -> dict[str, np.ndarray]:
    """The mean of each tensor. Raises InputError for networks that differ."""
    networks = [read_torch(source) for source in sources]
    for source, network in zip(sources, networks, strict=True):
        if {n: v.shape for n, v in network.items()} != {n: v.shape for n, v in networks[0].items()}:
            raise InputError(f"{source} holds another network than {sources[0]}.")
    return {name: np.mean([network[name] for network in networks], axis=0) for name in networks[0]}


def main() -> None:
    """The program: `average SOURCE SOURCE … DESTINATION`."""
    if len(sys.argv) < 4:
        raise SystemExit(__doc__)
    *sources, destination = map(Path, sys.argv[1:])
    try:
        weights = average(sources)
        import torch  # after `average` said in a sentence where it is missing

        mean = {name: torch.from_numpy(np.asarray(value)) for name, value in weights.items()}
        with files.atomic_file(destination) as staging:
            torch.save(mean, staging)
    except Ocrm55Error as trouble:
        console.error(trouble)
        raise SystemExit(trouble.exit_code) from trouble
    console.note(f"{' + '.join(map(str, sources))} -> {destination}")


if __name__ == "__main__":
    main()
