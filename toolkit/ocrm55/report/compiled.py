"""The tables of `ocrm55 compile`: operators with their MACs and weights, and where the arena's bytes go."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ocrm55 import console
from ocrm55.report import figures


def show(artifact: Path) -> None:
    """Print what an artifact's metadata says: a row an operator, then the sums."""
    metadata = json.loads((artifact / "metadata.json").read_text(encoding="utf-8"))
    operators = metadata["operators"]
    asked = any(operator["why_not"] for operator in operators)  # of several targets: say why they did not take it
    console.table(
        "",
        ("operator", "kind", "target", "output", "MACs", "weights", "scratch", *(["why"] if asked else [])),
        ((*_row(operator, metadata), *([_why(operator)] if asked else [])) for operator in operators),
        right=("MACs", "weights", "scratch"),
    )
    bound = metadata["arena_lower_bound"]
    console.result()
    console.result(f"MACs       {metadata['macs']:>13,}")
    console.result(f"weights    {metadata['weight_bytes']:>13,} bytes")
    console.result(f"arena      {metadata['arena_bytes']:>13,} bytes, lower bound {bound:,}")
    again = metadata["weights_read_again_bytes"]
    if again:
        console.result(
            f"again      {again:>13,} bytes of weights are read for that; 0 % of the MACs are computed twice"
        )
    for what, place in metadata["placement"].items():
        words = {"hot_weights": "weights that are read most often"}.get(what, what)
        console.result(f"{place['region']:<10} {place['bytes']:>13,} bytes of {words}")


def _row(operator: Mapping[str, Any], metadata: Mapping[str, Any]) -> tuple[str, ...]:
    output = next(t for t in metadata["tensors"] if t["name"] == operator["output"])
    return (
        operator["name"],
        operator["kind"],
        operator["target"],
        figures.shape(output["shape"]),
        figures.nonzero(operator["macs"]),
        figures.nonzero(operator["weight_bytes"]),
        figures.nonzero(operator["workspace_bytes"]),
    )


def _why(operator: Mapping[str, Any]) -> str:
    """Why the targets that were asked before, or would have come after, did not take an operator."""
    return "; ".join(f"{target} {reason}" for target, reason in operator["why_not"].items())
