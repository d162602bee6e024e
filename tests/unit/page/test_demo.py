"""The page of `make demo-page`."""

from pathlib import Path

import numpy as np
from PIL import Image
from typer.testing import CliRunner

from ocrm55.page import demo


def test_it_is_the_same_page_every_time() -> None:
    assert demo.draw().shape == (640, 480, 3)
    assert np.array_equal(demo.draw(), demo.draw())


def test_the_command_writes_a_png(tmp_path: Path) -> None:
    import typer

    app = typer.Typer()
    app.command()(demo.main)
    path = tmp_path / "folder" / "page.png"
    assert CliRunner().invoke(app, [str(path)]).exit_code == 0
    with Image.open(path) as picture:
        assert (picture.format, picture.size) == ("PNG", demo.SIZE)
    assert CliRunner().invoke(app, [str(tmp_path / "page.jpg")]).exit_code == 3
    assert CliRunner().invoke(app, [str(path / "below.png")]).exit_code == 7
