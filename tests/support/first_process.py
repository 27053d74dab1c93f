"""A command as the first process of a namespace of its own, as in a container: the kernel protects it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import IO

from tests.support.waiting import PATIENCE_S

_UNSHARE = ["unshare", "--fork", "--pid", "--kill-child", "--"]


@cache
def can_be_first() -> bool:
    """Whether this machine lets the tests make a namespace: most containers do not."""
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*_UNSHARE, "true"], capture_output=True, check=False).returncode == 0


class FirstProcess:
    """A command with the process id 1.

    Parameters
    ----------
    command
        The program and its arguments.
    environment
        Variables over those of the tests.
    """

    def __init__(self, command: Sequence[str], environment: dict[str, str] | None = None) -> None:
        self._out = tempfile.TemporaryFile()  # noqa: SIM115 - `kill` closes them
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        self._outer = subprocess.Popen(
            [*_UNSHARE, *command],
            stdout=self._out,
            stderr=self._errors,
            env=os.environ | {"PYTHONUNBUFFERED": "1"} | (environment or {}),
        )

    def wait_for_text(self, text: str) -> None:
        """Wait until it has printed this."""
        deadline = time.monotonic() + PATIENCE_S
        while text not in (said := _text(self._out) + _text(self._errors)):
            assert self._outer.poll() is None, said
            assert time.monotonic() < deadline, said
            time.sleep(0.05)

    def end(self) -> tuple[int, str, str]:
        """Ask it to end, as a container's runtime does; return its exit code, output and errors."""
        outer = self._outer.pid
        (inner,) = Path(f"/proc/{outer}/task/{outer}/children").read_text().split()
        os.kill(int(inner), signal.SIGTERM)
        return self._outer.wait(PATIENCE_S), _text(self._out), _text(self._errors)

    def kill(self) -> None:
        """End it at once, if it has not ended."""
        self._outer.kill()
        self._outer.wait()
        self._out.close()
        self._errors.close()


def _text(file: IO[bytes]) -> str:
    return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0).decode()
