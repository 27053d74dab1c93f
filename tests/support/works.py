"""Works for processes that a test starts, and a detector that they can import."""

from __future__ import annotations

import os
import signal
from typing import Any

from retail_anomaly.detectors import RefundBurst
from retail_anomaly.sources import SourceError


class Importable(RefundBurst):
    """A refund burst by another name, in a module that every process can import."""

    name = "importable"
    alert_type = "IMPORTABLE"


class Unpicklable(Exception):
    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} {second}")


def print_and_count(channel: Any, most: int) -> None:
    for number in range(most):
        print("this is no result")
        channel.send(number)


def fail(channel: Any, how: str) -> None:
    if how == "expected":
        raise SourceError("x.jsonl: gone")
    if how == "unexpected":
        raise ZeroDivisionError("by zero")
    if how == "unpicklable":
        raise Unpicklable("two", "arguments")
    if how == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "killed in a message":
        # The length of a message that never comes whole.
        os.write(channel._results.fileno(), b"\0\1\0\0half")
        os.kill(os.getpid(), signal.SIGKILL)
    os._exit(3)


def wait_for_ever(channel: Any) -> None:
    channel.send(os.getpid())
    while True:
        signal.pause()


def detectors(channel: Any) -> None:
    from retail_anomaly.detectors import own_detectors

    channel.send({name: parameters for name, (_, parameters) in own_detectors().items()})
