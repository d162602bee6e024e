"""Names of networks: none that the C has already."""

from __future__ import annotations

import pytest

from ocrm55 import resources
from ocrm55.compiler.c_language import names


@pytest.mark.parametrize("name", ["ctc", "labels", "weights", "string", "ocrm55", "ocrm55_model", "ocrm55_recognize"])
def test_headers_and_functions_are_taken(name: str) -> None:
    assert name in names.taken()


def test_all_headers_of_the_firmware_s_library_are_taken() -> None:
    firmware = resources.folder("firmware")
    headers = {
        path.stem for folder in ("kernels", "tasks", "npu", "weights") for path in (firmware / folder).rglob("*.h")
    }
    assert len(headers) > 20
    assert headers <= names.taken()


def test_bundled_networks_keep_their_names() -> None:
    for model in {path.parent for path in resources.folder("models").glob("*/inference.yml")}:
        assert names.free(f"ocrm55_{model.name}") == f"ocrm55_{model.name}"


def test_a_taken_name_is_made_longer() -> None:
    assert names.free("ocrm55_model") == "ocrm55_model_net"
    assert names.free("reader") == "reader"
