"""ocrm55's extras for the build: those of pyproject.toml, and `tvmc`, whose distribution lies beside this file.

pip installs every script of a distribution whatever extras are asked for, so `tvmc` has a distribution of its own and
the extra requires it. Where pip installs from the sources, it is that folder, by its address: no index is asked for a
name that somebody else could take there. Metadata that is given away (`python -m build`, `make wheel`) names the
version.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

FOLDER = Path(__file__).resolve().parent


def requirement(version: str, *, by_pip: bool) -> str:
    """The requirements of the extra `tvmc` of ocrm55 `version`."""
    return f"ocrm55-tvmc @ {FOLDER.as_uri()}" if by_pip else f"ocrm55-tvmc=={version}"


class Extras(MetadataHookInterface):
    def update(self, metadata: dict[str, Any]) -> None:
        # hatchling tells pip from other front ends by this variable too.
        by_pip = "PIP_BUILD_TRACKER" in os.environ
        metadata["optional-dependencies"] = {
            **self.config["extras"],
            "tvmc": [requirement(metadata["version"], by_pip=by_pip)],
        }
