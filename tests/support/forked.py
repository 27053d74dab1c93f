"""Commands of ours as processes of their own that need no second to import their packages.

A streamer that starts as `python -m streamer` spends two seconds of CPU on imports, and the tests start
hundreds of them. Here one process, which Python calls the fork server, has the imports, and each command is a
fork of it: with an id, an environment, signals and an end of its own. Tests of how the commands themselves
start run them as a user does.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from subprocess import DEVNULL, Popen, TimeoutExpired

_FORKS = multiprocessing.get_context("forkserver")


class ForkedCommand:
    """`python -m module arguments`; standard error is appended to a file.

    Parameters
    ----------
    module, arguments
        The module that runs the command, and its options.
    log
        The file that gets standard error.
    environment
        All variables of the process.
    folder
        Its working directory; None is the one of the tests.
    """

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        log: Path,
        environment: Mapping[str, str],
        folder: Path | None = None,
    ) -> None:
        _FORKS.set_forkserver_preload(["tests.support.forked_imports"])
        self._process = _FORKS.Process(
            target=_run,
            args=(module, list(arguments), str(log), dict(environment), str(folder or Path.cwd())),
            daemon=True,  # ends with the tests
        )
        self._process.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        """Return its exit code once it has ended; a negative one is a signal's number."""
        return self._process.exitcode

    def wait(self, timeout: float) -> int:
        """Wait until it has ended."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise TimeoutExpired(f"process {self.pid}", timeout)
        return self._process.exitcode

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it has not ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it as a crash does."""
        self.send_signal(signal.SIGKILL)


class ExecutedCommand:
    """The same as `ForkedCommand`, and started as a user does."""

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        log: Path,
        environment: Mapping[str, str],
        folder: Path | None = None,
    ) -> None:
        with log.open("ab") as errors:
            self._process = Popen(
                [sys.executable, "-m", module, *arguments],
                stdin=DEVNULL,
                stderr=errors,
                env=dict(environment),
                cwd=folder,
            )
        self.pid = self._process.pid
        self.poll = self._process.poll
        self.wait = self._process.wait
        self.send_signal = self._process.send_signal
        self.kill = self._process.kill


def _run(
    module: str, arguments: Sequence[str], log: str, environment: Mapping[str, str], folder: str
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    if "TZ" in environment:
        time.tzset()
    os.chdir(folder)
    os.dup2(os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT), sys.stderr.fileno())
    sys.argv[1:] = arguments
    runpy.run_module(module, run_name="__main__", alter_sys=True)
