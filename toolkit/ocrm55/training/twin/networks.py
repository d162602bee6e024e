"""The networks that the twin trains, by the names that `--network` takes."""

from __future__ import annotations

from ocrm55.training.twin.network import Recognizer
from ocrm55.training.twin.tiny import TinyRecognizer

Network = Recognizer | TinyRecognizer
NETWORKS: dict[str, type[Recognizer] | type[TinyRecognizer]] = {"ppocrv3": Recognizer, "tiny": TinyRecognizer}


def network(name: str) -> Network:
    """A network with random weights."""
    return NETWORKS[name]()
