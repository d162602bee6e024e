"""The network of tiny_network.py in both precisions, as metadata and as measured."""

from pathlib import Path

import pytest

from ocrm55.metadata import Metadata
from ocrm55.report.measurement import Measurement
from tests.unit.report.tiny_network import PRECISIONS, measurement_of, metadata_of


@pytest.fixture(params=PRECISIONS)
def metadata(request: pytest.FixtureRequest) -> Metadata:
    return metadata_of(request.param)


@pytest.fixture(params=PRECISIONS)
def measured(request: pytest.FixtureRequest) -> Measurement:
    return measurement_of(request.param, [Path("word.png")])
