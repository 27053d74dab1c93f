"""Real clusters of Dask on this machine, with two workers each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.support.waiting import PATIENCE_S, pauses

ROOT = Path(__file__).parents[2]


@contextmanager
def dask_cluster(folder: Path) -> Iterator[str]:
    """Run a scheduler and two workers; yield their address, such as ``dask://127.0.0.1:20123``."""
    place = folder / "scheduler.json"
    common = ["--scheduler-file", str(place)]
    with ExitStack() as stack:
        scheduler = ["dask_scheduler", *common, "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
        stack.enter_context(_process("-m", *_of_dask(scheduler)))
        for _ in range(2):
            worker = ["dask_worker", *common, "--nthreads", "1", "--no-nanny", "--no-dashboard"]
            options = ["--local-directory", str(folder), "--host", "127.0.0.1"]
            stack.enter_context(_process("-m", *_of_dask([*worker, *options])))
        rest = pauses()
        while not place.exists() or not place.read_text().endswith("}"):
            next(rest)
        yield json.loads(place.read_text())["address"].replace("tcp://", "dask://")


def _of_dask(command: list[str]) -> list[str]:
    return [f"distributed.cli.{command[0]}", *command[1:]]


@contextmanager
def _process(*command: str) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, *command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE_S)
        finally:
            process.kill()
