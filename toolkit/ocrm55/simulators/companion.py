"""What attends a simulator's process beside it, such as a part that the simulated board lacks."""

from __future__ import annotations

import subprocess


class Companion:
    """Attends the simulator's process until it ends. This base class only watches the clock."""

    descriptors: tuple[int, ...] = ()  # file descriptors that the process inherits

    @property
    def arguments(self) -> list[str]:
        """More words for the simulator's command line."""
        return []

    def attend(self, process: subprocess.Popen[bytes], timeout_s: float) -> None:
        """Return when the process has ended. Raises subprocess.TimeoutExpired when it has not in time."""
        process.wait(timeout_s)

    def close(self) -> None:
        """Release what it holds."""
