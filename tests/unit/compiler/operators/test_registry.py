"""Families of operators: every spec is found by its kind, and computed and claimed by the family that defines it."""

from __future__ import annotations

import pytest

from ocrm55.compiler.lowering.int8 import walk as lowering
from ocrm55.compiler.operators.registry import INT8_FAMILIES, specs
from ocrm55.compiler.reference.int8 import network as reference
from ocrm55.compiler.targets.cmsis_nn import target as cmsis_nn
from ocrm55.compiler.targets.m55 import target as m55

ROOMS = [lowering.FAMILIES, reference.FAMILIES, m55.FAMILIES, cmsis_nn.FAMILIES]


def test_kinds_are_names_of_their_own() -> None:
    names = [spec.__name__ for spec in specs().values()]
    assert len(set(names)) == len(names) > 20


@pytest.mark.parametrize("room", ROOMS, ids=lambda families: families[0].__name__)
def test_each_room_has_every_family_under_its_name(room) -> None:
    families = {family.__name__.rpartition(".")[2] for family in INT8_FAMILIES}
    assert {module.__name__.rpartition(".")[2] for module in room} == families


@pytest.mark.parametrize(
    "room", [(reference.FAMILIES, "COMPUTE"), (m55.FAMILIES, "KERNELS"), (cmsis_nn.FAMILIES, "FUNCTIONS")]
)
def test_a_family_holds_its_own_operators_in_each_room(room) -> None:
    modules, registry = room
    for module in modules:
        family = module.__name__.rpartition(".")[2]
        for spec in getattr(module, registry):
            assert spec.__module__ == f"ocrm55.compiler.operators.int8.{family}"
