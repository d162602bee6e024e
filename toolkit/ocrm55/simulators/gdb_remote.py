"""The client's side of GDB's remote serial protocol: enough to stop a core, look at it and let it go on.

QEMU's stub speaks it. Packets are `$data#checksum`, each answered by `+`. Numbers are hexadecimal; registers and memory
are in the target's byte order (little endian). See "Remote Protocol" in GDB's manual. No gdb is needed.
"""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from types import TracebackType

from ocrm55.errors import ToolchainError

R0, R1, LR, PC = 0, 1, 14, 15

ANSWER_S = 20.0  # a stub that runs no code answers at once, but a busy host may be slow
CHUNK = 1024  # bytes of memory in a packet: twice as many digits, well below the 4096 characters that QEMU takes


class ClosedError(Exception):
    """The other side closed the connection: the simulator has ended."""


@dataclass(frozen=True)
class Stop:
    """Why the target stopped: at an access to a watched address, or, without one, at a breakpoint."""

    address: int | None = None


class GdbRemote:
    """A connection to a stub whose target is stopped. Raises ToolchainError when the stub refuses or says nothing."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._heard = bytearray()

    def __enter__(self) -> GdbRemote:
        return self

    def __exit__(self, kind: type[BaseException] | None, what: BaseException | None, at: TracebackType | None) -> None:
        self._socket.close()

    def start(self) -> None:
        """Ask for the target's description. QEMU answers questions about single registers only after that."""
        self.ask("qSupported:xmlRegisters=arm")
        self.ask("qXfer:features:read:target.xml:0,ffb")
        self.ask("?")

    # --- the target, while it is stopped ---

    def read_register(self, number: int) -> int:
        answer = self.ask(f"p{number:x}")
        try:
            return int.from_bytes(bytes.fromhex(answer), "little")
        except ValueError:
            raise _refused(f"register {number}", answer) from None

    def write_register(self, number: int, value: int) -> None:
        self._order(f"P{number:x}={value.to_bytes(4, 'little').hex()}")

    def read_memory(self, address: int, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            at, count = address + len(data), min(CHUNK, size - len(data))
            answer = self.ask(f"m{at:x},{count:x}")
            try:
                part = bytes.fromhex(answer)
            except ValueError:
                part = b""
            if len(part) != count:
                raise _refused(f"memory at {at:#010x}", answer)
            data += part
        return bytes(data)

    def write_memory(self, address: int, data: bytes) -> None:
        for start in range(0, len(data), CHUNK):
            part = data[start : start + CHUNK]
            self._order(f"M{address + start:x},{len(part):x}:{part.hex()}")

    def set_breakpoint(self, address: int) -> None:
        self._order(f"Z0,{address:x},2")

    def clear_breakpoint(self, address: int) -> None:
        self._order(f"z0,{address:x},2")

    def set_watchpoint(self, address: int) -> None:
        """Stop before every instruction that reads or writes the word at `address`."""
        self._order(f"Z2,{address:x},4")
        self._order(f"Z3,{address:x},4")

    def step(self) -> None:
        """Run one instruction."""
        answer = self.ask("s")
        if not answer.startswith(("T", "S")):
            raise _refused("a step", answer)

    # --- letting it run ---

    def resume(self) -> None:
        self._send("c")

    def wait_for_stop(self, deadline: float) -> Stop:
        """Wait until a break- or watchpoint stops the target. Raises TimeoutError at `deadline` (time.monotonic),
        ClosedError when the program or the simulator has ended.
        """
        while True:
            answer = self._receive(deadline)
            if answer.startswith(("T", "S")):
                return _stop(answer)
            if answer.startswith(("W", "X")):
                raise ClosedError
            if not answer.startswith("O"):  # text of the program
                raise _refused("to go on", answer)

    # --- packets ---

    def ask(self, question: str) -> str:
        self._send(question)
        try:
            return self._receive(time.monotonic() + ANSWER_S)
        except TimeoutError:
            raise ToolchainError(
                f"the simulator's GDB stub did not answer `{question[:40]}` within {ANSWER_S:g} s.", ["run it again"]
            ) from None

    def _order(self, order: str) -> None:
        answer = self.ask(order)
        if answer != "OK":
            raise _refused(f"`{order[:40]}`", answer)

    def _send(self, data: str) -> None:
        body = data.encode("ascii")
        try:
            self._socket.settimeout(ANSWER_S)
            self._socket.sendall(b"$%s#%02x" % (body, sum(body) & 0xFF))
        except OSError as gone:
            raise ClosedError from gone

    def _receive(self, deadline: float) -> str:
        """Receive the next packet, acknowledge it and return its data. Ask again for a damaged packet."""
        while True:
            body, checksum = self._next_packet(deadline)
            intact = int(checksum, 16) == sum(body) & 0xFF
            try:
                self._socket.sendall(b"+" if intact else b"-")
            except OSError as gone:
                raise ClosedError from gone
            if intact:
                return _plain(body)

    def _next_packet(self, deadline: float) -> tuple[bytes, bytes]:
        while True:
            start = self._heard.find(b"$")
            end = self._heard.find(b"#", start) if start >= 0 else -1
            if 0 <= end <= len(self._heard) - 3:
                packet = bytes(self._heard[start + 1 : end]), bytes(self._heard[end + 1 : end + 3])
                del self._heard[: end + 3]
                return packet
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise TimeoutError
            self._socket.settimeout(remaining)
            try:
                heard = self._socket.recv(65536)
            except TimeoutError:
                raise
            except OSError as gone:
                raise ClosedError from gone
            if not heard:
                raise ClosedError
            self._heard += heard


def _stop(answer: str) -> Stop:
    """`T05thread:01;watch:48102008;`: a write of a watched address; rwatch: a read."""
    for part in answer[3:].split(";"):
        kind, _, value = part.partition(":")
        if kind in ("watch", "rwatch"):
            return Stop(int(value, 16))
    return Stop()


def _plain(body: bytes) -> str:
    """Undo the protocol's escapes (`}` and the character xor 32) and runs (`c*n`: c and n - 29 more of it)."""
    if b"}" not in body and b"*" not in body:
        return body.decode("latin-1")
    out = bytearray()
    index = 0
    while index < len(body):
        character = body[index]
        if character == ord("}") and index + 1 < len(body):
            out.append(body[index + 1] ^ 0x20)
            index += 2
        elif character == ord("*") and out and index + 1 < len(body):
            out += out[-1:] * (body[index + 1] - 29)
            index += 2
        else:
            out.append(character)
            index += 1
    return out.decode("latin-1")


def _refused(what: str, answer: str) -> ToolchainError:
    return ToolchainError(f"the simulator's GDB stub refused {what}: it answered `{answer[:40]}`.")
