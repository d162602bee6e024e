"""`ocrm55 doctor`: what is installed, what is missing and what to do."""

from __future__ import annotations

from ocrm55 import console
from ocrm55.commands.options import BuildDir, FvpPath
from ocrm55.errors import ToolchainError
from ocrm55.workspace import DEFAULT_BUILD_DIR


def doctor(fvp: FvpPath = None, build_dir: BuildDir = DEFAULT_BUILD_DIR) -> None:
    """Say what is installed, what is missing, and what to do about it.

    Ends with a non-zero status where something is missing that the pipeline cannot do without.
    """
    from ocrm55.doctor import examine

    findings = examine(build_dir, fvp)
    console.table("", ("", "what", "found", "what to do"), ((f.state, f.name, f.found, f.advice) for f in findings))
    hindrances = [finding for finding in findings if finding.hinders]
    if hindrances:
        raise ToolchainError(
            f"{len(hindrances)} of {len(findings)} checks failed: {', '.join(h.name for h in hindrances)}.",
            [finding.advice for finding in hindrances if finding.advice],
        )
    console.result("everything that the pipeline needs is there")
