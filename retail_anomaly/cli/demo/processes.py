"""The processes of the demo. They all end when the demo ends, whatever happens."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Final, Self

from retail_anomaly.core.errors import RetailAnomalyError
from retail_anomaly.replay.interrupts import Interrupts

# A streamer needs less than this for its last checkpoint.
_GRACE_SECONDS: Final = 20.0
_POLL_SECONDS: Final = 0.05
# Commands are started as modules, so that they need not be on PATH.
_MODULES: Final = {"retail-streamer": "streamer.cli", "retail-datagen": "data_gen.cli"}


class ProcessError(RetailAnomalyError):
    """A process failed or took too long; the message is one line.

    Examples
    --------
    >>> raise ProcessError("retail-streamer run: no Kafka answers")
    Traceback (most recent call last):
    retail_anomaly.cli.demo.processes.ProcessError: retail-streamer run: no Kafka answers
    """


class Process:
    """One of our commands, running.

    Parameters
    ----------
    command
        For example ``["retail-streamer", "run", "--broker", "localhost:9092"]``.
    log
        File for its standard error.
    environment
        Environment variables to add.

    Attributes
    ----------
    lines
        Lines of its standard output that nobody has taken yet.
    """

    def __init__(
        self, command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.name = " ".join(command[:2])
        self.log = log
        self.lines: SimpleQueue[str] = SimpleQueue()
        with log.open("wb") as errors:
            self._popen = subprocess.Popen(
                [sys.executable, "-m", _MODULES[command[0]], *command[1:]],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**os.environ, **(environment or {})},
                text=True,
                encoding="utf-8",
                # In one session Ctrl-C would reach all processes: the broker would end before its streamer.
                start_new_session=True,
            )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def code(self) -> int | None:
        """The exit code, or None while it runs."""
        return self._popen.poll()

    def check(self) -> None:
        """Check that it runs or has ended with exit code 0.

        Raises
        ------
        ProcessError
            It has failed.
        """
        if self.code:
            raise ProcessError(f"{self.name} failed: {self.last_words()}")

    def first_line(self, seconds: float) -> str:
        """Return the next line of its standard output.

        Raises
        ------
        ProcessError
            It has ended, or wrote nothing in that time.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                return self.lines.get(timeout=_POLL_SECONDS)
            except Empty:
                if self.code is not None:
                    raise ProcessError(f"{self.name} ended: {self.last_words()}") from None
        raise ProcessError(f"{self.name} did not start within {seconds:.0f} s")

    def wait(self, seconds: float, meanwhile: Callable[[], None] = lambda: None) -> list[str]:
        """Wait until it has ended with exit code 0, and return the rest of its standard output.

        Raises
        ------
        ProcessError
            It has failed, or takes longer.
        """
        deadline = time.monotonic() + seconds
        while self.code is None:
            if time.monotonic() > deadline:
                raise ProcessError(f"{self.name} has not ended after {seconds:.0f} s")
            meanwhile()
            time.sleep(_POLL_SECONDS)
        self.check()
        self._reader.join()
        return [self.lines.get() for _ in range(self.lines.qsize())]

    def stop(self) -> None:
        """Ask it to end, and wait.

        Raises
        ------
        ProcessError
            It has failed, or does not end.
        """
        if self.code is None:
            self._popen.terminate()
        self.wait(_GRACE_SECONDS)

    def kill(self) -> None:
        """Kill it if it still runs."""
        self._popen.kill()
        self._popen.wait()
        self._reader.join()

    def end(self) -> None:
        """Ask it to end, and kill it if it does not."""
        if self.code is None:
            self._popen.terminate()
            try:
                self._popen.wait(_GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()

    def last_words(self) -> str:
        """Return the last line of its standard error; of a JSON log line, only the message."""
        lines = [line for line in self.log.read_text("utf-8", "replace").splitlines() if line.strip()]
        last = lines[-1] if lines else f"exit code {self.code}, no message"
        try:
            entry = json.loads(last)
        except ValueError:
            return last.removeprefix(f"{self.name.split()[0]}: ")
        return str(entry.get("event", last)) if isinstance(entry, dict) else last

    def _read(self) -> None:
        assert self._popen.stdout is not None  # noqa: S101 - for the type checker
        with self._popen.stdout as lines:
            for line in lines:
                self.lines.put(line.rstrip("\n"))


class Processes:
    """Processes that end with a `with` block, the youngest first.

    Parameters
    ----------
    logs
        Folder for their logs.
    interrupts
        Held back while a process starts and while the processes are killed.
    """

    def __init__(self, logs: Path, interrupts: Interrupts) -> None:
        self._logs = logs
        self._interrupts = interrupts
        self._running: list[Process] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            for process in reversed(self._running):
                process.end()
        finally:  # A second Ctrl-C may have interrupted the loop above.
            with self._interrupts.held():
                for process in self._running:
                    process.kill()

    def start(self, *command: str, environment: Mapping[str, str] | None = None) -> Process:
        """Start a command."""
        log = self._logs / f"{'-'.join(command[:2])}.log"
        with self._interrupts.held():
            process = Process(command, log, environment)
            self._running.append(process)
        return process

    def check(self) -> None:
        """Check that none has failed.

        Raises
        ------
        ProcessError
            One has.
        """
        for process in self._running:
            process.check()
