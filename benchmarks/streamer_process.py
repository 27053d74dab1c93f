"""The real streamer's process, for as long as a measurement needs it."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def streamer(
    broker: str, group: str, state: Path, settings: Mapping[str, str] | None = None
) -> Iterator[int]:
    """Run it and yield its process id; `settings` are by environment variable without the prefix."""
    command = [
        *(sys.executable, "-m", "streamer", "--broker", broker, "--consumer-group", group),
        *("--state-dir", str(state), "--log-level", "error"),
    ]
    given = {f"RETAIL__STREAMER__{name}": value for name, value in (settings or {}).items()}
    process = subprocess.Popen(command, env={**os.environ, **given})
    try:
        yield process.pid
    finally:
        process.terminate()
        if process.wait(120):
            raise RuntimeError("the streamer did not end well")
