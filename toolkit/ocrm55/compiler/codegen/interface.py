"""The interface of a generated network for a program: its name in C, its sizes, and the headers that declare them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ocrm55 import resources
from ocrm55.compiler.c_language import environment
from ocrm55.compiler.c_language.text import c_string
from ocrm55.compiler.memory.planner import round_up
from ocrm55.compiler.targets.base import Additions
from ocrm55.tasks.base import Extras

NETWORK_HEADER = "ocrm55_network.h"
MODEL_HEADER = "ocrm55_model.h"
_TEMPLATES = Path(__file__).parent / "templates"
_DIMENSIONS = 4  # of an output_shape in ocrm55_network.h


@dataclass(frozen=True)
class Interface:
    """A network as `struct ocrm55_network` describes it.

    prefix: a C identifier, the name of the network's constant; every other name that the linker sees starts with it.
    model: the name that is printed. input_size: channels, height and width of the widest input. output_shape: its
    output's. operators: names of what a hook counts. widths: narrowest first. by_rows: whether it has run_rows.
    output_rows: those that are there at once, 0 where the output is there whole. step_count, step_macs: steps of a run
    and the most multiply-accumulates of one, 0 where it runs in one go. extras: the task's. additions: the targets'.
    """

    prefix: str
    model: str
    precision: str
    input_size: tuple[int, int, int]
    input_bytes: int
    output_shape: tuple[int, ...]
    arena_bytes: int
    operators: Sequence[str]
    weight_bytes: int
    widths: Sequence[int]
    by_rows: bool = False
    output_int8: tuple[str, int] | None = None
    output_rows: int = 0
    step_count: int = 0
    step_macs: int = 0
    extras: Extras = field(default_factory=Extras)
    additions: Additions = field(default_factory=Additions)

    def __post_init__(self) -> None:
        assert 2 <= len(self.output_shape) <= _DIMENSIONS, self.output_shape

    @property
    def macro(self) -> str:
        """The prefix of its macros."""
        return self.prefix.upper()

    @property
    def model_text(self) -> str:
        return c_string(self.model)

    @property
    def operator_names(self) -> list[str]:
        return [c_string(name) for name in self.operators]

    @property
    def arena_align(self) -> int:
        """Bytes."""
        return self.additions.arena_align

    @property
    def arena_room(self) -> int:
        """Bytes of an arena: whole units of its alignment."""
        return round_up(self.arena_bytes, self.arena_align)

    @property
    def sizes(self) -> list[tuple[str, int | str, str]]:
        """The macros: name without the prefix, value, remark."""
        return list(self._sizes())

    def _sizes(self) -> Iterator[tuple[str, int | str, str]]:
        channels, height, width = self.input_size
        *_, steps, classes = self.output_shape
        yield "MODEL_NAME", self.model_text, ""
        yield "PRECISION", c_string(self.precision), ""
        yield "INPUT_HEIGHT", height, ""
        yield "INPUT_WIDTH", width, ""
        yield "INPUT_CHANNELS", channels, ""
        yield "INPUT_BYTES", self.input_bytes, ""
        yield "OUTPUT_STEPS", steps, "at most"
        yield "OUTPUT_CLASSES", classes, ""
        yield from self.extras.sizes
        yield "ARENA_BYTES", self.arena_room, ""
        yield "ARENA_ALIGN", self.arena_align, ""
        yield "OPERATOR_COUNT", len(self.operators), ""
        yield "WEIGHT_BYTES", self.weight_bytes, ""
        yield "WIDTHS", len(self.widths), f"{', '.join(map(str, self.widths))} columns"
        yield from self.additions.sizes
        if self.step_count:
            yield "STEP_COUNT", self.step_count, "of a run"
            yield "STEP_MACS", self.step_macs, "multiply-accumulates of a step, at most"


def headers(network: Interface) -> dict[str, str]:
    """The headers by file name: the network's own, the one that every network shares, and short names for one alone."""
    shared = resources.folder("firmware") / "include" / NETWORK_HEADER
    return {
        NETWORK_HEADER: shared.read_text(encoding="utf-8"),
        f"{network.prefix}.h": _render("network.h.j2", network),
        MODEL_HEADER: _render("ocrm55_model.h.j2", network),
    }


def definition(network: Interface) -> str:
    """C that defines the network's constant.

    In front of it stand static functions set_image, set_image_within, run_network, output_of, steps_of and width_of,
    run_rows where it is `by_rows`, run_into in place of output_of where it has `output_rows`, step_alone where it has a
    `step_count`, set_rows where it has both the first and the last, and what its additions name.
    """
    return _render("network.c.j2", network)


def _render(template: str, network: Interface) -> str:
    return environment.render(_TEMPLATES, template, net=network)
