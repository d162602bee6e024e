"""Where a model comes from."""

from __future__ import annotations
from pathlib import Path
from typing import TYPE_CHECKING
from ocrm55 import resources

if TYPE_CHECKING:
    from ocrm55.recognizer.network import Recognizer


def locate(source: str) -> Path:
    return resources.folder("models") / "en_ppocrv3_rec" if source == "bundled" else Path(source)


def load_checkpoint(path: Path) -> Recognizer:
    import paddle
    from ocrm55.recognizer.network import Recognizer

    n = Recognizer()
    n.set_state_dict(paddle.load(str(path)))
    return n
