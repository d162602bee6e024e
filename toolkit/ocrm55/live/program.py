"""What `ocrm55 live` builds: the native program for pages, and the service that holds a frame."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ocrm55 import resources, stages
from ocrm55.page import program
from ocrm55.page.program import PageOptions, PreparedPage


@dataclass(frozen=True)
class Programs:
    """page: the native program for pages, as `read --simulator native` has it. service: of the same networks."""

    options: PageOptions
    page: PreparedPage
    service: Path


def prepare(options: PageOptions) -> Programs:
    """Build what is missing. Raises as page.program.prepare and stages.prepare do."""
    page = program.prepare(options, native=True)
    folder = options.recognizer.folder
    output = folder.firmware_dir(f"live-{options.folder_name}")
    artifacts = [page.recognizer.artifact, page.detector.artifact]
    defines = {
        "OCRM55_DETECTOR": str(artifacts[1].resolve()),
        "OCRM55_MAIN": str(resources.folder("firmware") / "live" / "serve.c"),
    }
    with folder.locked():
        stages.build_native_stage("service", artifacts[0], artifacts, output, options.recognizer, defines)
    return Programs(page.options, page, output / "ocrm55.elf")
