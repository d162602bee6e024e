"""The sources of a recognizer: the bundled one, the official one, a model folder, a training checkpoint."""

from __future__ import annotations

from pathlib import Path

from ocrm55 import resources
from ocrm55.export import sources
from ocrm55.export.sources import Sources
from ocrm55.tasks.recognizer.charset import load_dictionary
from ocrm55.tasks.recognizer.model import BUNDLED, MODEL_NAME, RecognizerFolder, settings_text, write


def export(source: str, destination: Path) -> RecognizerFolder:
    """Bring a recognizer into a folder of its own, see ocrm55.export.sources; `pp-ocrv3` is the official one."""
    return sources.export(source, destination, known())


def known() -> Sources[RecognizerFolder]:
    """The possible names of a source."""
    return Sources(
        bundled=resources.folder("models") / BUNDLED,
        official={"pp-ocrv3": MODEL_NAME},
        read=RecognizerFolder,
        from_checkpoint=_from_checkpoint,
        assumed=("PaddleOCR's English dictionary", lambda: settings_text(load_dictionary())),
    )


def _from_checkpoint(path: Path, destination: Path) -> RecognizerFolder:
    from ocrm55.tasks.recognizer.checkpoint import load_checkpoint

    return write(load_checkpoint(path), load_dictionary(), destination)
