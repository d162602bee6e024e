"""`ocrm55 doctor`: what is installed, what is missing and what to do."""

from __future__ import annotations

from ocrm55 import console, stages
from ocrm55.commands.options import FvpPath, build_options
from ocrm55.errors import ToolchainError


@build_options(only=["build_dir"])
def doctor(options: stages.Options, fvp: FvpPath = None) -> None:
    """Say what is installed, what is missing, and what to do about it.

    It ends with a non-zero status if the pipeline needs something that is missing.
    """
    from ocrm55.doctor import examine

    findings = examine(options.build_dir, fvp)
    console.table("", ("", "what", "found", "what to do"), ((f.state, f.name, f.found, f.advice) for f in findings))
    hindrances = [finding for finding in findings if finding.hinders]
    if hindrances:
        raise ToolchainError(
            f"{len(hindrances)} of {len(findings)} checks failed: {', '.join(h.name for h in hindrances)}.",
            [finding.advice for finding in hindrances if finding.advice],
        )
    console.result("everything that the pipeline needs is there")
