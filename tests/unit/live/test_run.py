"""Where `ocrm55 live` listens: on this computer alone, unless another address is asked for, and with bounds."""

from __future__ import annotations

import socket
from typing import Any

import pytest

pytest.importorskip("starlette", reason="the extra `live` is not installed")
import uvicorn

from ocrm55.errors import InputError
from ocrm55.live import run
from ocrm55.live.engine import MOST_BYTES
from ocrm55.live.server import Live


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, Any]]:
    """Servers that would have run: settings, and where each listens."""
    found: list[tuple[Any, Any]] = []

    def serve(self: Any, sockets: list[socket.socket]) -> None:
        found.append((self.config, sockets[0].getsockname()))

    engine: Any = None
    session: Any = None
    monkeypatch.setattr(run, "live_of", lambda programs, fvp: Live(engine, session, {}, "secret"))
    monkeypatch.setattr(uvicorn.Server, "run", serve)
    return found


def serve(host: str, port: int = 0) -> None:
    programs: Any = None
    run.serve(programs, host, port)


def test_it_listens_on_this_computer_only(started: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    serve("127.0.0.1")
    ((config, (host, port)),) = started
    assert host == "127.0.0.1"
    said = capsys.readouterr()
    assert said.out == f"http://localhost:{port}/secret/\n"
    assert not said.err
    assert config.ws_max_size == MOST_BYTES
    assert config.ws_max_queue <= 8
    assert config.limit_concurrency <= 100


@pytest.mark.parametrize("name", ["bench", "localhost"])
def test_another_address_is_a_warning(
    name: str, started: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: name)
    serve("0.0.0.0")
    assert started[0][1][0] == "0.0.0.0"
    said = capsys.readouterr()
    assert "everybody who reaches 0.0.0.0" in said.err
    assert said.out.startswith(f"http://{name}:")


def test_a_computer_that_listens_on_all_its_numbers_knows_them() -> None:
    engine: Any = None
    one, all_of_them = (Live(engine, engine, {}, "secret", takes_numbers=each) for each in (False, True))
    for host in ("192.168.7.5:8055", "[fe80::1]:8055"):
        assert not one.knows("secret", host)
        assert all_of_them.knows("secret", host)
    for name in ("evil.example:8055", "192.168.7.5.evil.example", ""):  # a name that leads here
        assert not all_of_them.knows("secret", name)


def test_an_address_that_is_taken_is_a_sentence(started: list[Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(InputError, match="cannot be listened on"):
        serve("127.0.0.1", taken.getsockname()[1])
    assert not started


def test_each_start_has_another_secret() -> None:
    engine: Any = None
    tokens = {Live(engine, engine, {}).token for _ in range(20)}
    assert len(tokens) == 20
    assert all(len(token) >= 24 for token in tokens)  # 18 bytes: nobody guesses them


@pytest.mark.parametrize("host", ["a" * 300, "a..b", ":::", "\u202e"])
def test_what_is_no_name_of_a_computer(host: str, started: list[Any]) -> None:
    with pytest.raises(InputError):
        serve(host)
    assert not started
