"""The metadata.json of a compiled model, as `compile` wrote it and the reports read it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ocrm55.errors import InputError

FILE = "metadata.json"

# What the reports count on: name -> type.
_FIELDS: dict[str, type] = {
    "model": str,
    "precision": str,
    "arena_bytes": int,
    "arena_lower_bound": int,
    "weight_bytes": int,
    "weights_read_again_bytes": int,
    "macs": int,
    "placement": dict,
    "operators": list,
    "tensors": list,
    "workspaces": list,
    "weights": list,
}


def read_metadata(artifact: Path) -> dict[str, Any]:
    """The metadata of the compiled model in `artifact`.

    Raises InputError when the file is not there, damaged, or another version's.
    """
    path = artifact / FILE
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as trouble:
        raise InputError(f"{path} cannot be read: {trouble.strerror}.", ["ocrm55 compile"]) from trouble
    except (ValueError, RecursionError) as trouble:
        raise InputError(f"{path} is damaged: it is no JSON.", ["ocrm55 compile --force"]) from trouble
    wrong = [name for name, kind in _FIELDS.items() if not isinstance(value, dict) or type(value.get(name)) is not kind]
    if wrong:
        raise InputError(f"{path} is damaged: `{wrong[0]}` is missing or wrong in it.", ["ocrm55 compile --force"])
    return dict(value)
