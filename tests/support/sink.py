"""The sink as its own process, with the options of its ordinary command."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from retail_anomaly.settings import load
from streamer.kafka.connection import Connection
from streamer.kafka.offsets import GroupOffsets
from streamer.sinks.points import sink_topics
from tests.support.processes import StreamerProcess
from tests.support.waiting import PATIENCE_S


class SinkProcess(StreamerProcess):
    """`retail-streamer sink` with a group of its own; its log goes to a file.

    Parameters
    ----------
    connection
        The broker.
    group
        The streamer's consumer group, to which the sink adds its own ending.
    folder
        Where the log goes.
    environ
        Where to write, and settings over the usual ones.
    """

    def __init__(
        self, connection: Connection, group: str, folder: Path, environ: Mapping[str, str], *arguments: str
    ) -> None:
        self._properties = connection.properties()
        self._group = f"{group}-sink"
        self._topics = sink_topics(load(None, environ=environ).settings)
        self.folder = folder
        self.log = folder / "sink.log"
        options = [
            *("sink", "--broker", self._properties["bootstrap.servers"]),
            *("--consumer-group", group, *arguments),
        ]
        settings = {
            "RETAIL__STREAMER__SESSION_TIMEOUT": "4s",
            "RETAIL__STREAMER__SINK__INTERVAL": "100ms",
            "RETAIL__STREAMER__SINK__TIMEOUT": "2s",
            "RETAIL__STREAMER__TOPICS__PARTITIONS": "4",
        }
        self._start("streamer.cli", options, {**os.environ, **settings, **environ}, folder)

    def wait_until_processed(self) -> None:
        """Wait until the group has committed all that is in the topics that the sink reads."""
        with GroupOffsets(self._properties, self._group, self._topics) as offsets:
            lag = offsets.wait(PATIENCE_S)
        assert not any(lag.values()), f"lag {lag}\n{self.tail()}"

    def committed(self) -> int:
        """Return how many records the group has committed."""
        with GroupOffsets(self._properties, self._group, self._topics) as offsets:
            return offsets.progress().processed

    def said(self, words: str) -> bool:
        """Tell whether the log has these words, since this process began."""
        return words.encode() in self.log.read_bytes()[self._begin :]
