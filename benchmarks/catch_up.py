"""One process of a catch-up.

    python -m benchmarks.catch_up BROKER decode|rules|all GROUP [SETTING=VALUE...]

It joins the group, stands still at its first record and says so on standard output. Any line on
standard input lets it go on; after SIGTERM it prints its figures as one JSON object.
"""

import json
import sys
import tempfile
import time
from functools import reduce

from benchmarks.process import status_mb
from retail_anomaly.core import codec
from retail_anomaly.core.events import INPUT_TOPICS
from retail_anomaly.detectors import REGISTRY
from retail_anomaly.settings import Settings, load
from streamer.kafka.connection import Connection
from streamer.observe import logs
from streamer.observe.counts import ProcessCounts
from streamer.observe.heap_memory import share_heaps

_MARK_EVERY = 500


class _Clock(ProcessCounts):
    """Sees every record, and looks at the clocks now and then."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = 0
        self.begin = self.end = (0, 0.0, 0.0)

    def message(self, _topic: str, _partition: int, _offset: int) -> None:
        self.seen += 1
        if self.seen == 1:
            print("ready", flush=True)
            sys.stdin.readline()
            self.begin = self._now()
        elif self.seen % _MARK_EVERY == 0:
            self.end = self._now()

    def _now(self) -> tuple[int, float, float]:
        return self.seen, time.monotonic(), time.process_time()


def main(broker: str, mode: str, group: str, *flags: str) -> None:
    with logs.without_httpx_notice():
        from quixstreams.dataframe import StreamingDataFrame

        from streamer.detection.app import detection_process
        from streamer.process import build
        from streamer.quix.application import new_application, raw_topic
    share_heaps()
    logs.configure("warning")
    clock = _Clock()
    with tempfile.TemporaryDirectory(prefix="bench-state-") as folder:
        given = dict(flag.split("=", 1) for flag in flags)
        settings: Settings = load(
            environ={}, flags={"streamer.state_dir": folder, "streamer.consumer_group": group, **given}
        ).settings
        connection = Connection(broker)
        if mode != "decode":
            only = list(REGISTRY) if mode == "all" else None
            app = build(detection_process(settings, only), connection, counts=clock)
        else:
            app = new_application(settings, connection=connection, counts=clock)
            decoded = [
                app.dataframe(raw_topic(app, name)).apply(lambda raw, name=name: codec.decode(name, raw))
                for name in INPUT_TOPICS
            ]
            reduce(StreamingDataFrame.concat, decoded).filter(lambda _event: False)
        app.run()
    print(
        json.dumps(
            {"seen": clock.seen, "begin": clock.begin, "end": clock.end, "peak_mb": status_mb("VmHWM")}
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
