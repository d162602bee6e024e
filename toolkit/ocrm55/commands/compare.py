"""`ocrm55 compare`: what changed from one build to another, layer by layer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ocrm55 import console, plain_json
from ocrm55.commands import effect


def compare(
    before: Annotated[Path, typer.Argument(metavar="A", help="A build: a folder, or a profile.json.")],
    after: Annotated[Path, typer.Argument(metavar="B", help="Another build.")],
    fail_over: Annotated[
        str | None,
        typer.Option("--fail-over", metavar="PERCENT", help="Fail if a sum grew by more than this, such as **2%**."),
    ] = None,
    most: Annotated[int, typer.Option("--most", metavar="LAYERS", min=1, help="Layers to print at most.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Compare two builds or versions: arena, weights, code, MACs, instructions, cycles; then the layers that changed.

    A and B are folders that `ocrm55 profile --out DIR`, `compile` or `build` wrote; what both have is compared. With
    --fail-over it ends with status 9 if a sum grew by more than that, for continuous integration.
    """
    from ocrm55.report import compare as report

    effect.refuse("with --json, which has all layers", ["most"] if as_json else ())
    limit = None if fail_over is None else report.limit_of(fail_over)
    first, second = report.read(before), report.read(after)
    if as_json:
        console.result(plain_json.text(report.values(first, second)))
    else:
        report.show(first, second, most)
    if limit is not None:
        report.check(report.sums(first, second), limit)
