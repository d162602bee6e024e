"""Everything besides the model that the generated C depends on, as one value."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from pathlib import Path

from ocrm55 import boards
from ocrm55.boards import Board
from ocrm55.restriction import UNRESTRICTED, Restriction

PRECISIONS = ("int8", "float32")


def _widths_tag(widths: tuple[int, ...]) -> str:
    """All of them; a long run of even steps by its ends, since a folder's name has to stay short."""
    *narrow, last = widths or (0,)
    step = narrow[1] - narrow[0] if len(narrow) > 1 else 0
    if len(narrow) > 5 and narrow == list(range(narrow[0], narrow[-1] + 1, step)):
        return f"w{narrow[0]}-to-{narrow[-1]}-by-{step}-{last}"
    return "w" + "-".join(map(str, widths)) if len(widths) > 1 else ""


@dataclass(frozen=True)
class CompileOptions:
    """All options of a compilation. The metadata's `tag` says what another value adds to the name of the artifact.

    model_name: the name in reports. prefix: the network's name in C, with which every other name starts; empty makes
    one of model_name. height, width: of the input in pixels, instead of what the model's folder
    says. board: the board that the program must fit. image: an image file to compile in, for boards without a host.
    calibrate: a folder of images to quantise on, instead of the bundled ones. arena_limit: the most bytes that the
    arena may take.
    kernels: the kernels for int8 operators: m55; cmsis-nn, with m55 for what it lacks; or both, whichever is cheaper.
    widths: of the input, narrowest first, that the program serves; none is the model's own.
    weights: int8, or int4 where CMSIS-NN computes and int4 does little harm. int4_max_drop: the allowed fall of the
    mean probability of the calibration images' texts, 0 .. 1; None for int4.MAX_DROP.
    npu: the accelerator that computes what it can, such as ethos-u55-128; empty for none. npu_fallback: whether the
    core can compute that too. npu_memory_mode, vela_config: how Vela compiles for it.
    decoder: one of the task's decoders, which turn outputs into a result.
    restriction: what texts may be said.
    stepwise: whether the network can run step by step, and be stopped in between.
    check: whether the compilation ends with a comparison with ONNX Runtime.
    """

    model_name: str = "en_ppocrv3_rec"
    prefix: str = field(default="", metadata={"tag": str})
    precision: str = "int8"
    height: int | None = field(default=None, metadata={"tag": lambda rows: f"h{rows}"})
    width: int | None = field(default=None, metadata={"tag": lambda columns: f"x{columns}"})
    board: Board = field(
        default_factory=boards.find, metadata={"tag": lambda board: f"for-{board.tag}" if board.tag else ""}
    )
    widths: tuple[int, ...] = field(default=(), metadata={"tag": _widths_tag})
    arena_limit: int | None = field(default=None, metadata={"tag": lambda limit: f"arena{limit}"})
    kernels: tuple[str, ...] = field(default=("m55",), metadata={"tag": "-".join})
    calibrate: Path | None = field(default=None, metadata={"tag": lambda folder: f"on-{folder.resolve().name}"})
    weights: str = field(default="int8", metadata={"tag": lambda weights: weights})
    int4_max_drop: float | None = field(default=None, metadata={"tag": lambda drop: f"drop{drop:g}"})
    npu: str = field(default="", metadata={"tag": lambda npu: npu.removeprefix("ethos-")})
    npu_memory_mode: str = field(default="Shared_Sram", metadata={"tag": lambda mode: mode})
    vela_config: Path | None = field(default=None, metadata={"tag": lambda file: f"vela-{file.stem}"})
    npu_fallback: bool = field(default=False, metadata={"tag": lambda _: "fallback"})
    decoder: str = field(default="context", metadata={"tag": lambda decoder: decoder})
    restriction: Restriction = field(default=UNRESTRICTED, metadata={"tag": lambda asked: asked.tag})
    image: Path | None = field(default=None, metadata={"tag": lambda image: image.stem})
    stepwise: bool = field(default=False, metadata={"tag": lambda _: "stepwise"})
    check: bool = True

    @property
    def variant(self) -> str:
        """A name for these options, safe as a folder: two sets of options that give different C never share one."""
        parts = [self.precision]
        for setting in fields(self):
            value, tag = getattr(self, setting.name), setting.metadata.get("tag")
            if tag and value != setting.default and not (setting.name == "calibrate" and self.precision != "int8"):
                parts += [slug(tag(value))] if tag(value) else []
        return "-".join(parts)

    @property
    def files(self) -> list[Path]:
        """The files and folders that are named here; their contents count."""
        named = [self.image, self.board.file, self.vela_config, self.restriction.lexicon]
        return [path for path in named if path is not None]

    @property
    def values(self) -> list[str]:
        """All options that decide the C, as text, without the name and those that name files."""
        found = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "model_name"}
        found["restriction"] = self.restriction.values
        return [f"{name}={value}" for name, value in sorted(found.items()) if not isinstance(value, Path | Board)]


def slug(text: str) -> str:
    """A name that is safe as a folder and in C: letters, digits, `_` and `-`."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", text).strip("_") or "model"
