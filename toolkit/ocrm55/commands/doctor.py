"""`ocrm55 doctor`: what is installed, what is missing and what to do."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from ocrm55 import console, plain_json, stages
from ocrm55.commands.about import about
from ocrm55.commands.options import FvpPath, build_options
from ocrm55.errors import ToolchainError


@build_options(only=["build_dir"])
def doctor(
    options: stages.Options,
    fvp: FvpPath = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of the table.")] = False,
) -> None:
    """Say what is installed, what is missing, and what to do about it.

    It ends with a non-zero status if the pipeline needs something that is missing.
    """
    from ocrm55.doctor import examine

    findings = examine(options.build_dir, fvp)
    if as_json:
        checks = [asdict(each) | {"hinders": each.hinders} for each in findings]
        head = {name: value for name, value in about(options).items() if name in ("ocrm55", "versions")}
        console.result(plain_json.text(head | {"options": {"build_dir": str(options.build_dir)}, "checks": checks}))
    else:
        columns = ("", "what", "found", "what to do")
        console.table("", columns, ((f.state, f.name, f.found, f.advice) for f in findings))
    hindrances = [finding for finding in findings if finding.hinders]
    if hindrances:
        raise ToolchainError(
            f"{len(hindrances)} of {len(findings)} checks failed: {', '.join(h.name for h in hindrances)}.",
            [finding.advice for finding in hindrances if finding.advice],
        )
    if not as_json:
        console.result("everything that the pipeline needs is there")
