"""Programs that end with the tests, however these end."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path


class Guarded:
    """Starts programs, each with a log of its own.

    Parameters
    ----------
    folder
        Where they run, and where their logs lie.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        self._guards: list[subprocess.Popen[bytes]] = []

    def run(self, command: Sequence[str], name: str) -> subprocess.Popen[bytes]:
        """Start a program."""
        with self.log(name).open("wb") as log:
            process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self._folder, start_new_session=True
            )
        self._processes.append(process)
        # However pytest dies, the pipe closes and the program ends.
        self._guards.append(
            subprocess.Popen(
                ["sh", "-c", 'read -r _; kill -9 "$0" 2>/dev/null', str(process.pid)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        )
        return process

    def log(self, name: str) -> Path:
        """Return the file with what a program says."""
        return self._folder / f"{name}.log"

    def tail(self, name: str) -> str:
        """Return the end of what a program said."""
        file = self.log(name)
        return file.read_text(errors="replace")[-3000:] if file.exists() else ""

    @property
    def all_run(self) -> bool:
        """Whether none has ended."""
        return all(process.poll() is None for process in self._processes)

    def stop(self) -> None:
        """End them, the newest first."""
        for guard in self._guards:  # first: it must not outlive the process whose id it holds
            guard.kill()
            guard.communicate()
        for process in reversed(self._processes):
            process.kill()
            process.wait()
        self._processes.clear()
        self._guards.clear()
