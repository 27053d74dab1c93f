"""The streamer as its own process, with the options of its ordinary command."""

from __future__ import annotations

import json
import os
import signal
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from streamer.kafka.connection import Connection
from streamer.kafka.offsets import GroupOffsets
from tests.support.forked import ExecutedCommand, ForkedCommand
from tests.support.waiting import PATIENCE_S, pauses


class StreamerProcess:
    """`python -m streamer` with a group of its own; its log goes to a file.

    Parameters
    ----------
    connection
        The broker.
    group
        The consumer group: processes of one group share the stores.
    folder
        Where state and log go; the same folder finds the state again.
    arguments
        Further options of the command.
    module
        The module that runs the command; `tests.support.faulty` has a fault inside.
    environment
        Variables over the usual ones.
    """

    def __init__(
        self,
        connection: Connection,
        group: str,
        folder: Path,
        *arguments: str,
        module: str = "streamer",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._properties = connection.properties()
        self._group = group
        self.folder = folder
        self.log = folder / "streamer.log"
        options = [
            *("--broker", self._properties["bootstrap.servers"]),
            *("--consumer-group", group, "--state-dir", str(folder / "state"), *arguments),
        ]
        self._start(module, options, _environment() | dict(environment or {}))

    def _start(
        self, module: str, options: Sequence[str], environment: Mapping[str, str], cwd: Path | None = None
    ) -> None:
        self.log.touch()
        self._begin = self.log.stat().st_size
        # A fork can't load a library before all others.
        kind = ExecutedCommand if "LD_PRELOAD" in environment else ForkedCommand
        self._process = kind(module, options, self.log, environment, cwd)
        # A test that fails half-way leaves nothing running.
        weakref.finalize(self, _end, self._process)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    @property
    def reads(self) -> bool:
        """Whether it has begun to read the topics."""
        return b"now processing" in self.log.read_bytes()[self._begin :]

    def wait_until_ended(self) -> int:
        """Wait until it ends by itself; return its exit code."""
        return self._process.wait(PATIENCE_S)

    def wait_until_running(self) -> None:
        """Wait until it reads the topics."""
        self.wait_for(lambda: self.reads)

    def wait_until_processed(self) -> None:
        """Wait until the group has committed all that is in the input topics."""
        with GroupOffsets(self._properties, self._group) as offsets:
            lag = offsets.wait(PATIENCE_S)
        assert not any(lag.values()), f"lag {lag}\n{self.tail()}"

    def wait_for(self, condition: Callable[[], bool]) -> None:
        deadline, rest = time.monotonic() + PATIENCE_S, pauses()
        while not condition():
            assert self._process.poll() is None, f"it ended\n{self.tail()}"
            assert time.monotonic() < deadline, f"the condition did not come true\n{self.tail()}"
            next(rest)

    def wait_until_beyond(self, records: int) -> None:
        """Wait until more than so many input records are committed."""
        with self.offsets() as offsets:
            self.wait_for(lambda: offsets.progress().processed > records)

    def committed(self) -> int:
        """Return how many input records the group has committed."""
        with self.offsets() as offsets:
            return offsets.progress().processed

    def offsets(self) -> GroupOffsets:
        """Return a look at the group's offsets, to be closed."""
        return GroupOffsets(self._properties, self._group)

    def kill(self) -> None:
        """End it as a crash does."""
        self._process.kill()
        self._process.wait(PATIENCE_S)

    def stop(self, by: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end; return its exit code."""
        if self._process.poll() is None:
            self._process.send_signal(by)
        return self._process.wait(PATIENCE_S)

    def last_word(self) -> dict[str, Any]:
        """Return the last line of its log."""
        last: dict[str, Any] = json.loads(self.log.read_text().splitlines()[-1])
        return last

    def tail(self) -> str:
        return "\n".join(self.log.read_text().splitlines()[-20:])


def _end(process: ForkedCommand | ExecutedCommand) -> None:
    process.kill()
    process.wait(PATIENCE_S)


def _environment() -> dict[str, str]:
    return os.environ | {
        "RETAIL__STREAMER__COMMIT_INTERVAL": "100ms",
        "RETAIL__STREAMER__SESSION_TIMEOUT": "4s",  # a killed one's stores go to the next after this
        "RETAIL__STREAMER__TOPICS__PARTITIONS": "4",
    }
