"""`ocrm55 fvp`: install, find and check Arm's Corstone-300 FVP."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ocrm55 import console
from ocrm55.commands.options import FvpPath

HELP = "Install, find and check Arm's Corstone-300 FVP."


def install(
    archive: Annotated[
        Path | None,
        typer.Option("--archive", metavar="FILE", help="Arm's archive, if you fetched it by other means."),
    ] = None,
    accept_licence: Annotated[
        bool,
        typer.Option("--accept-licence", help="Accept Arm's licence without being asked, for a machine without you."),
    ] = False,
    into: Annotated[
        Path | None, typer.Option("--into", metavar="DIR", help="Install there instead of below ~/.local/share.")
    ] = None,
) -> None:
    """Fetch Arm's Corstone-300 FVP, show its licence, and install it when you accept that.

    The archive comes from Arm, and its MD5 and SHA-256 are compared with known ones. Arm's own installer installs it.
    `run-fvp` finds it afterwards.
    """
    from ocrm55.simulators import fvp_install

    def ask(licence: str) -> bool:
        if accept_licence:
            console.note("Arm's licence is accepted by --accept-licence")
            return True
        console.note(licence)
        return typer.confirm("Do you accept Arm's licence for the FVP?", default=False)

    console.result(str(fvp_install.install(ask, archive, into)))


def where(fvp: FvpPath = None) -> None:
    """Say which FVP `run-fvp` would take."""
    from ocrm55.simulators import fvp as simulator

    found = simulator.locate(fvp)
    if found is None:
        raise simulator.not_found()
    console.result(str(found))


def check(fvp: FvpPath = None) -> None:
    """Check that the FVP runs here and is new enough: ask for its version."""
    from ocrm55.simulators import find_simulator

    found = find_simulator("fvp", fvp)
    console.result(f"{found.name} {found.version()}  {found.executable}")
