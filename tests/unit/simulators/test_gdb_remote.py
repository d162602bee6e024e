"""GDB's remote protocol, against a stub in a thread that says what a test wants it to say."""

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping

import pytest

from ocrm55.errors import ToolchainError
from ocrm55.simulators import gdb_remote
from ocrm55.simulators.gdb_remote import ClosedError, GdbRemote

Stub = Callable[[Mapping[str, bytes]], GdbRemote]


def packet(data: bytes) -> bytes:
    return b"$" + data + b"#%02x" % (sum(data) & 0xFF)


@pytest.fixture
def stub() -> Iterator[Stub]:
    """Starts a stub: questions to the bytes that it sends back, whole packets and all; an unknown one hangs up."""
    ends: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def start(answers: Mapping[str, bytes]) -> GdbRemote:
        ours, theirs = socket.socketpair()

        def serve() -> None:
            heard = b""
            with theirs:
                while data := theirs.recv(4096):
                    heard += data
                    while b"#" in heard[:-2]:
                        question = heard[heard.index(b"$") + 1 : heard.index(b"#")]
                        heard = heard[heard.index(b"#") + 3 :]
                        if question.decode() not in answers:
                            return
                        theirs.sendall(b"+" + answers[question.decode()])

        ends.append(ours)
        threads.append(threading.Thread(target=serve))
        threads[-1].start()
        return GdbRemote(ours)

    yield start
    for end in ends:
        end.close()
    for thread in threads:
        thread.join()


def test_registers_are_little_endian(stub: Stub) -> None:
    core = stub({"pf": packet(b"78563412"), "P0=efbeadde": packet(b"OK")})
    assert core.read_register(gdb_remote.PC) == 0x12345678
    core.write_register(gdb_remote.R0, 0xDEADBEEF)


def test_memory_goes_in_pieces(stub: Stub) -> None:
    core = stub(
        {
            "m1000,400": packet(b"11" * 1024),
            "m1400,3": packet(b"223344"),
            "M20,2:0a0b": packet(b"OK"),
        }
    )
    assert core.read_memory(0x1000, 1027) == b"\x11" * 1024 + b"\x22\x33\x44"
    core.write_memory(0x20, b"\x0a\x0b")


def test_runs_and_escapes_are_undone(stub: Stub) -> None:
    core = stub({"m0,8": packet(b"0*,ab"), "q": packet(b"a}\x03b")})  # `*,`: 15 more; `}` and 3: `#`
    assert core.ask("m0,8") == "0" * 16 + "ab"
    assert core.ask("q") == "a#b"


def test_a_damaged_answer_is_asked_for_again() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        core = GdbRemote(ours)
        theirs.sendall(b"+$12#00" + packet(b"34"))
        assert core.ask("x") == "34"
        assert theirs.recv(100).endswith(b"-+")


def test_stops_and_ends(stub: Stub) -> None:
    core = stub({"c": packet(b"O686f") + packet(b"T05thread:01;")})
    core.resume()
    core.wait_for_stop(time.monotonic() + 5)
    core = stub({"c": packet(b"W00")})
    core.resume()
    with pytest.raises(ClosedError):
        core.wait_for_stop(time.monotonic() + 5)
    core = stub({})
    core.resume()
    with pytest.raises(ClosedError):
        core.wait_for_stop(time.monotonic() + 5)


def test_time_limits(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    core = stub({"c": b"", "p0": b"$12#"})
    core.resume()
    with pytest.raises(TimeoutError):
        core.wait_for_stop(time.monotonic() + 0.1)
    monkeypatch.setattr(gdb_remote, "ANSWER_S", 0.1)
    with pytest.raises(ToolchainError, match="did not answer `p0` within"):
        core.read_register(0)


@pytest.mark.parametrize(
    ("call", "question", "answer"),
    [
        (lambda core: core.read_register(3), "p3", b"E14"),
        (lambda core: core.read_memory(0, 4), "m0,4", b"E14"),
        (lambda core: core.read_memory(0, 4), "m0,4", b"1234"),
        (lambda core: core.write_memory(0, b"a"), "M0,1:61", b"E14"),
        (lambda core: core.set_breakpoint(0x100), "Z0,100,2", b""),
        (lambda core: core.step(), "s", b"E01"),
    ],
)
def test_refusals_are_one_sentence(
    stub: Stub, call: Callable[[GdbRemote], object], question: str, answer: bytes
) -> None:
    with pytest.raises(ToolchainError, match=r"GDB stub refused .*: it answered `"):
        call(stub({question: packet(answer)}))
