"""What a package has besides, when it reads whole pages: a detector's C, and that of firmware/tasks/page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import cv2

from ocrm55 import resources
from ocrm55.errors import InputError
from ocrm55.package import sources
from ocrm55.package.compiled import Compiled
from ocrm55.pictures import read_image
from ocrm55.tasks.page.options import Options, of_model

LONGEST = 320  # pixels of the example's page
_INCLUDE = re.compile(r'#include "([^"]+)"')


@dataclass(frozen=True)
class Detector(Compiled):
    """A compiled detector; `options` say how its maps become boxes."""

    @classmethod
    def read(cls, folder: Path) -> Detector:
        """Raises InputError for a folder that `compile` of this version did not write, or of another task."""
        found = super(Compiled, cls).read(folder)
        if not {"kernels", "libraries", "thresholds", "prefix"} <= set(found.values):
            raise InputError(f"{folder} is no text detector.", ["--detector bundled"])
        return found

    @property
    def options(self) -> Options:
        given = self.values["thresholds"]
        words = {"thresh": given["pixel"], "box_thresh": given["box"], "unclip_ratio": given["unclip"]}
        return of_model(words)


def files(detector: Detector, others: dict[str, str], *, apart: bool = False) -> dict[str, str]:
    """The files of the package, `others`, and those for pages.

    Files of the detector that have another's name are named after the detector. apart: its weights are an image.
    """
    generated = sources.generated(detector, apart=apart)
    new = {name: text for name, text in generated.items() if others.get(f"{_folder(name)}/{name}") != text}
    names = {name: f"detector_{name}" for name in new if f"{_folder(name)}/{name}" in others}
    own = {f"{_folder(name)}/{names.get(name, name)}": _renamed(text, names) for name, text in new.items()}
    kernels = {f"src/{name}": text for name, text in sources.kernels(detector).items()}
    page = resources.folder("firmware") / "tasks" / "page"
    steps = {f"{_folder(path.name)}/{path.name}": path.read_text(encoding="utf-8") for path in page.glob("*.[ch]")}
    steps |= {f"{_folder(name)}/{name}": text for name, text in sources.stepwise().items()}
    options = {"src/page_options.c": sources.render("page_options.c.j2", detector=detector)}
    return others | kernels | own | steps | options


def _folder(name: str) -> str:
    own = name.startswith("ocrm55_") or name.endswith("_weights.h")
    return "include" if own and name not in ("ocrm55_kernels.h", "ocrm55_vec.h") else "src"


def _renamed(text: str, names: dict[str, str]) -> str:
    return _INCLUDE.sub(lambda found: f'#include "{names.get(found[1], found[1])}"', text)


def picture(path: Path) -> str:
    """examples/page.h: a page in grey, made smaller."""
    grey = cv2.cvtColor(read_image(path), cv2.COLOR_BGR2GRAY)
    scale = min(1.0, LONGEST / max(grey.shape))
    size = [max(1, round(side * scale)) for side in grey.shape[::-1]]
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    numbers = [f"{value}," for value in small.reshape(-1).tolist()]
    rows = [" ".join(numbers[start : start + 24]) for start in range(0, len(numbers), 24)]
    return sources.render("page.h.j2", picture=path.name, height=size[1], width=size[0], rows=rows)
